"""The wire formats that the table is played on."""

from __future__ import annotations

from dataclasses import dataclass

from trunkline_service.config import ProviderSettings, Secret
from trunkline_service.simulator import BASES, ReceivedCall


@dataclass(frozen=True, slots=True)
class Wire:
    """A provider's `type` and `api`. `large` and `small` are models of its, by their windows."""

    name: str
    title: str
    type: str
    api: str
    small: str
    large: str

    def provider(self, url: str, name: str, account: int) -> ProviderSettings:
        """A provider of that name, at the simulator's URL, with an account of its own and one connection.

        A connection that is lost is thereby one that the next call misses.
        """
        return ProviderSettings(
            name=name,
            type=self.type,
            api=self.api,
            base_url=url + BASES[self.type],
            auth="x-api-key" if self.type == "anthropic" else "bearer",
            api_key=Secret(env="KEY", environ={"KEY": f"key-of-the-table-{account:04}"}),
            max_connections=1,
        )


def is_of(call: ReceivedCall, account: int) -> bool:
    """Whether the simulator got the call from that account."""
    key = call.headers.get("x-api-key") or call.headers.get("authorization", "")
    return key.endswith(f"{account:04}")


ANTHROPIC = Wire("anthropic", "Anthropic", "anthropic", "", "claude-haiku-4-5", "claude-opus-5-5")
CHAT = Wire("chat", "Chat Completions", "openai", "chat", "o3", "gpt-5.4")
RESPONSES = Wire("responses", "Responses", "openai", "responses", "o3", "gpt-5.4")
WIRES = (ANTHROPIC, CHAT, RESPONSES)


def other(wire: Wire) -> Wire:
    """Where the second target is: at a provider of another kind."""
    return CHAT if wire is ANTHROPIC else ANTHROPIC
