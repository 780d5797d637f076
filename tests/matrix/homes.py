"""Every way to models that the gateway has a codec for, and where the simulator answers for it."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from trunkline_service.config import ProviderSettings, Secret, Timeouts
from trunkline_service.simulator import BASES

T = TypeVar("T")

# Whose Chat Completions have no word for a thought.
SILENT = ("openai/chat", "azure_openai/chat")


@dataclass(frozen=True, slots=True, kw_only=True)
class Home:
    """A provider: its `type` and `api` in the settings, what its `base` is below the simulator's URL if it is not what
    the simulator's help says, and what else it needs.

    `family` is the codec's: homes of one family cannot do the same things. `title` heads its column. `counts` is the
    method of its counts. `thinks_for` is the family whose homes all read what its models thought, empty if only itself
    does. `embeds` and `batches` say whether it has embeddings and batches.
    """

    title: str
    type: str
    family: str
    api: str = ""
    base: str | None = None
    auth: str = "bearer"
    counts: str = "PROVIDER"
    thinks_for: str = ""
    embeds: bool = False
    batches: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """Its name in the registry of codecs."""
        return f"{self.type}/{self.api}" if self.api else self.type

    @property
    def name(self) -> str:
        """Its name in the gateway's settings, and in the tests'."""
        return self.key.replace("/", "-")

    def of(self, table: Mapping[str, T]) -> T | None:
        """What a table by key or family has for it; the key counts for more."""
        return table[self.key] if self.key in table else table.get(self.family)

    def among(self, names: Collection[str]) -> bool:
        """Whether its key or family is among those."""
        return self.key in names or self.family in names

    @property
    def is_silent(self) -> bool:
        """Whether nobody is told what its models think."""
        return self.among(SILENT)

    def reads(self, other: Home) -> bool:
        """Whether it reads what only those can read who wrote it, of the other's answers."""
        return self is other or bool(self.thinks_for and self.thinks_for == other.thinks_for)

    def settings(self, url: str, silence: float) -> ProviderSettings:
        """The settings with the simulator at `url` behind, which may be silent for so many seconds."""
        base = self.base if self.base is not None else BASES.get(self.key, BASES.get(self.type, ""))
        fields: dict[str, Any] = {
            "name": self.name,
            "type": self.type,
            "api": self.api,
            "base_url": url + base,
            "auth": self.auth,
            "api_key": Secret(env="KEY", environ={"KEY": "key-of-the-matrix"}),
            "timeouts": Timeouts(first_event=silence, idle=silence),
        }
        return ProviderSettings(**fields | dict(self.more))


_CLAUDE: Mapping[str, Any] = {"family": "anthropic", "thinks_for": "anthropic"}
_GEMINI: Mapping[str, Any] = {"family": "gemini", "thinks_for": "gemini"}
_CHAT: Mapping[str, Any] = {"family": "chat", "counts": "ESTIMATE"}
_OPENAI: Mapping[str, Any] = {"embeds": True, "batches": True}
_AWS: Mapping[str, Any] = {"region": "us-east-1"}
_GOOGLE: Mapping[str, Any] = {"region": "us-central1", "project": "p"}

HOMES = (
    Home(title="Anthropic", type="anthropic", **_CLAUDE, auth="x-api-key", batches=True),
    Home(title="Bedrock InvokeModel", type="bedrock", api="invoke", **_CLAUDE, more=_AWS),
    Home(title="Bedrock Messages", type="bedrock", api="messages", **_CLAUDE, more=_AWS),
    Home(title="Bedrock Mantle", type="bedrock", api="mantle", **_CLAUDE, more=_AWS),
    Home(title="Claude on Vertex", type="vertex_anthropic", **_CLAUDE, more=_GOOGLE),
    Home(title="OpenAI Responses", type="openai", api="responses", family="responses", **_OPENAI),
    Home(title="OpenAI Chat", type="openai", api="chat", **_CHAT, **_OPENAI),
    Home(title="Azure Responses", type="azure_openai", api="responses", family="responses", **_OPENAI),
    Home(title="Azure Chat", type="azure_openai", api="chat", **_CHAT, **_OPENAI),
    Home(
        title="compatible Responses",
        type="openai_compatible",
        api="responses",
        family="responses",
        **_OPENAI,
        counts="ESTIMATE",
    ),
    Home(title="compatible Chat", type="openai_compatible", api="chat", **_CHAT, **_OPENAI),
    Home(title="Gemini", type="gemini", **_GEMINI, auth="x-goog-api-key", embeds=True),
    Home(title="Gemini on Vertex", type="vertex_gemini", **_GEMINI, more=_GOOGLE),
)
