"""Asking what models there are: what the methods take, and what they give back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, Literal, TypeAlias, TypeVar, get_args

from trunkline.requests import CallOptions
from trunkline.v1.model_service_pb2 import (
    ListModelsRequest,
    ListModelsResponse,
    Model,
    ModelCapability,
    ModelLifecycle,
)
from trunkline.v1.warning_pb2 import Warning as WarningMessage

CapabilityWord: TypeAlias = Literal[
    "chat",
    "embeddings",
    "batch",
    "tools",
    "image_input",
    "document_input",
    "audio_input",
    "reasoning",
    "structured_output",
    "sampling",
    "prompt_caching",
    "citations",
    "web_search",
    "code_execution",
]
LifecycleWord: TypeAlias = Literal["unspecified", "active", "deprecated", "retired"]

PAGE_SIZE: Final = 1000


class ModelsOptions(CallOptions, total=False):
    """The arguments of `list_models`, all by keyword and all optional."""

    provider: str | None
    """The provider's name in the gateway's configuration. Default: all."""
    capabilities: Iterable[CapabilityWord] | None
    """Only models that are known to have all of these."""
    lifecycles: Iterable[LifecycleWord] | None
    """Only models in one of these. Default: all that are not retired."""


class ModelList:
    """The models of a gateway's providers: by provider, and by id within it.

    Example:
        for model in client.list_models(capabilities=["tools"]):
            print(f"{model.provider}/{model.id}", model.context_window)
    """

    __slots__ = ("_models", "request_id", "warnings")

    def __init__(self, models: Sequence[Model], warnings: Sequence[WarningMessage], request_id: str = "") -> None:
        self._models = models
        self.warnings: Final = warnings
        """What the gateway wants the caller to know: for one, which providers could not be asked."""
        self.request_id: Final = request_id
        """The id of the last call, to look it up in the gateway's log."""

    def __getitem__(self, index: int) -> Model:
        return self._models[index]

    def __iter__(self) -> Iterator[Model]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def __repr__(self) -> str:
        return f"<ModelList of {len(self)} models>"


class Pages:
    """Gathers the pages of a list. `request` is what to ask next, as long as it is not `done`."""

    def __init__(self, options: ModelsOptions) -> None:
        """Raises TypeError or ValueError, as the methods do."""
        if unknown := options.keys() - ModelsOptions.__optional_keys__:
            raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
        self.done = False
        self.request = ListModelsRequest(
            provider=options.get("provider") or "",
            capabilities=_values("capabilities", options.get("capabilities"), ModelCapability.Value, CapabilityWord),
            lifecycles=_values("lifecycles", options.get("lifecycles"), ModelLifecycle.Value, LifecycleWord),
            page_size=PAGE_SIZE,
        )
        self._models: list[Model] = []
        self._warnings: dict[tuple[int, str, str], WarningMessage] = {}
        self._request_id = ""

    def add(self, response: ListModelsResponse, request_id: str) -> Pages:
        """Take what came."""
        self._models.extend(response.models)
        # Each page says again which providers could not be asked.
        self._warnings |= {(each.code, each.field, each.value): each for each in response.warnings}
        self._request_id = request_id
        self.request.page_token = response.next_page_token
        self.done = not response.next_page_token
        return self

    def all(self) -> ModelList:
        """Give what has come."""
        return ModelList(self._models, list(self._warnings.values()), self._request_id)


_Value = TypeVar("_Value")


def _values(name: str, words: Iterable[str] | None, value: Callable[[str], _Value], known: object) -> list[_Value]:
    """Raises ValueError for a word that is none of the `known` ones."""
    words = [words] if isinstance(words, str) else list(words or ())
    for word in words:
        if word not in get_args(known):
            raise ValueError(f"{name} may be {', '.join(get_args(known))}, not {word!r}")
    prefix = "MODEL_CAPABILITY_" if known is CapabilityWord else "MODEL_LIFECYCLE_"
    return [value(f"{prefix}{word.upper()}") for word in words]
