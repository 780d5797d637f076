"""What a request asks of the model, in no provider's words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that the caller runs, with the JSON schema of its arguments; `free` if it takes any text instead."""

    name: str
    schema: Json
    free: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A checked request, as its wire understood it; `model` chooses the behaviour.

    `text` is what the user said last, `results` are the tool results in the last turn, as texts. `tools` are those
    that can be called, the one that was asked for first; `may_call` is false where the request forbids it, `parallel`
    where only one call at a time is wanted. `stop` is the first stop sequence. `prefilled` is
    whether the last turn is the assistant's, which is then to be gone on with. `schema` is that of the wanted
    output. `show_thinking` is false if thoughts must stay hidden, `warm_only` if no output is wanted at all. `body`
    is the request itself, for what only its own wire can know.
    """

    model: str
    tokens: PromptTokens
    stream: bool = False
    text: str = ""
    results: Sequence[str] = ()
    tools: Sequence[Tool] = ()
    may_call: bool = True
    parallel: bool = True
    stop: str | None = None
    schema: Json | None = None
    show_thinking: bool = True
    warm_only: bool = False
    prefilled: bool = False
    body: Json = field(default_factory=dict)
