"""The register of behaviours: what a model name can be made of."""

from collections.abc import Callable
from dataclasses import dataclass

from trunkline_service.simulator import block_answers as blocks
from trunkline_service.simulator import errors, faults, tool_answers
from trunkline_service.simulator import text_answers as texts
from trunkline_service.simulator.answers import Answer, Asked
from trunkline_service.simulator.bases import describe_bases
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.faults import Play

_PLACES = "In a configuration, base_url is the simulator's URL with, behind it, by the provider's type:"
_HEAD = """\
The model name chooses the behaviour. Parameters stand anywhere in it, each after a dash:
  n<count>   text deltas (tokens)                 g<ms>      gap between deltas
  t<ms>      wait before the status line          s<status>  HTTP status
  r<ms>      retry-after of errors
for example `paced-n64-g20`. Any other name, such as `claude-sonnet-4-5-n64-g20`, behaves like `text`.
What stands in front of a name has calls fail with 529 (or s<status>), and the others do as the name says:
  flaky-<k>-      the first k
  down-<ms>-      all in the first so many ms, which begin with the first call
  flapping-<ms>-  the same, and again after as many ms in which it is up
Calls with different API keys see nothing of each other.
"""


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What a model name does; `n`, `g`, `t` (milliseconds) and `s` hold where the name does not say."""

    name: str
    summary: str
    play: Play
    n: int | None = None
    g: int = 0
    t: int = 0
    s: int = 200

    @property
    def defaults(self) -> str:
        """The defaults worth showing, as they would stand in a name."""
        status = self.s if self.s != 200 else 0
        shown = {"n": self.n, "g": self.g, "t": self.t, "s": status}
        return "-".join(f"{letter}{value}" for letter, value in shown.items() if value)


def _answer(make: Callable[[Asked], Answer]) -> Play:
    async def play(x: Exchange) -> None:
        await x.answer(Answer([], "max_tokens") if x.asked.prompt.warm_only else make(x.asked))

    return play


ANSWERS = (
    Behaviour("text", "echo the last user text; with n, that many words", _answer(texts.plain)),
    Behaviour("long", "a text of n words", _answer(texts.plain), n=500),
    Behaviour("paced", "a text of n words, one every g ms", _answer(texts.plain), n=64, g=20),
    Behaviour("slow", "the echo, but nothing at all for t ms", _answer(texts.plain), t=2000),
    Behaviour("cache", "the echo; usage shows what cache_control wrote and read", _answer(texts.plain)),
    Behaviour("tool", "call the first tool, then speak of its result", _answer(tool_answers.one_tool)),
    Behaviour("tools", "text and two tool calls at once", _answer(tool_answers.two_tools)),
    Behaviour("thinking", "thinking, its signature, then the echo", _answer(blocks.thinking)),
    Behaviour("thinking-unsigned", "thinking without its signature, then the echo", _answer(blocks.unsigned)),
    Behaviour("redacted", "redacted thinking, whole, then the echo", _answer(blocks.redacted)),
    Behaviour("citations", "all five kinds of citation, each ahead of its text", _answer(blocks.citations)),
    Behaviour("search", "a web search by the server, its result whole", _answer(blocks.search)),
    Behaviour("compaction", "a compaction block alone, stop reason compaction", _answer(blocks.compaction)),
    Behaviour("compaction-text", "a compaction block, then the echo", _answer(blocks.compaction_text)),
    Behaviour("refusal", "n words, then refused, with stop details", _answer(texts.refusal), n=3),
    Behaviour("max-tokens", "n words, then stop reason max_tokens", _answer(texts.max_tokens), n=5),
    Behaviour("stop-sequence", "n words, then the first stop sequence", _answer(texts.stop_sequence), n=5),
    Behaviour("pause", "text and a server tool call, then pause_turn", _answer(texts.pause)),
    Behaviour("content-filter", "n words, then stop reason content_filter", _answer(texts.content_filter), n=5),
    Behaviour("structured", "JSON that fits the output schema of the request", _answer(tool_answers.structured)),
    Behaviour("context-window", "n words, then the context window is full", _answer(texts.context_window), n=5),
    Behaviour("usage", "the echo, with every member of usage", _answer(blocks.usage)),
    Behaviour("pings", "the echo among pings, comments, unknown events, padding", _answer(texts.odd("noise"))),
    Behaviour("unknown", "an unknown block, delta and event beside n words", _answer(blocks.unknown), n=3),
    Behaviour("unicode", "U+2028, U+2029, NEL, CJK, emoji in the text", _answer(texts.unicode)),
    Behaviour("crlf", "the echo with CRLF framing", _answer(texts.odd("crlf"))),
    Behaviour("no-final-newline", "the echo, its last event without a newline", _answer(texts.odd("no-final-newline"))),
    Behaviour("no-prefill", "the echo; 400 if the last message is the assistant's", faults.no_prefill),
    Behaviour("big", "one event of n MiB", _answer(texts.big), n=4),
)

FAULTS = (
    Behaviour("error", "an error of status s", faults.any_error, s=500),
    *(
        Behaviour(f"error-{status}", f"{status} {kind}", faults.error(status))
        for status, kind in errors.TYPES.items()
        if status not in (413, 429)
    ),
    Behaviour("error-413", "413 as the edge says it: HTML, no request-id", faults.error_413),
    Behaviour("error-429", "429 with retry-after: 7", faults.rate_limited),
    Behaviour("error-429-bare", "429 without retry-after", faults.error(429)),
    Behaviour("error-429-date", "429 with retry-after as a date, 7 s ahead", faults.rate_limited_date),
    Behaviour("error-429-ms", "429 with retry-after-ms: 250", faults.rate_limited_ms),
    Behaviour("error-429-spend", "429 enforced_spend_limit_reached: never retry", faults.spend_limit),
    Behaviour("error-context", "400 prompt is too long", faults.context_error),
    Behaviour("error-content", "400 for the content, by upstream's policy", faults.content_error),
    Behaviour("html", "a web page with status s", faults.html),
    Behaviour("json", "n words as one JSON message, though events were asked for", faults.json_always, n=5),
    Behaviour("garbage", "200 and a body that is no JSON", faults.garbage),
    Behaviour("reset", "connection reset before any answer", faults.reset),
    Behaviour("silence", "takes the request, never answers", faults.silence),
    Behaviour("silence-headers", "status and headers, then nothing", faults.silence_headers),
    Behaviour("pings-only", "status and headers, then only pings, every g ms (100)", faults.only_pings),
    Behaviour("stall", "n words, then nothing for ever", faults.stall, n=3),
    Behaviour("stall-pings", "n words, then only pings, every g ms (100)", faults.stall_pings, n=3),
    Behaviour("cut", "n words, then connection reset", faults.cut, n=3),
    Behaviour("cut-clean", "n words, then a clean end without message_stop", faults.cut_clean, n=3),
    Behaviour("cut-tool", "connection reset inside a tool's arguments", faults.cut_tool),
    Behaviour("malformed", "n words, then one event that is no JSON, then the rest", faults.malformed, n=3),
    *(
        Behaviour(name, f"n words, then an error event: {kind}", faults.error_event(kind), n=3)
        for name, kind in (
            ("error-event", "overloaded_error"),
            ("error-event-api", "api_error"),
            ("error-event-rate-limit", "rate_limit_error"),
            ("error-event-invalid", "invalid_request_error"),
        )
    ),
    Behaviour("no-stop", "everything but message_stop", faults.no_stop, n=3),
    Behaviour("no-delta", "everything but message_delta", faults.no_delta, n=3),
    Behaviour("no-reason", "message_delta without a stop reason", faults.no_reason, n=3),
)

BEHAVIOURS = {behaviour.name: behaviour for behaviour in (*ANSWERS, *FAULTS)}


def find(words: str) -> Behaviour:
    """Find a behaviour by a name without parameters; any unknown one is `text`."""
    return BEHAVIOURS.get(words, BEHAVIOURS["text"])


def describe() -> str:
    """Render the behaviours and their parameters as text for a terminal."""
    lines = [_PLACES, *describe_bases(), "", _HEAD]
    for title, group in (("Answers", ANSWERS), ("Faults", FAULTS)):
        lines.append(title)
        lines += [f"  {b.name:<24}{b.summary}{f' ({b.defaults})' if b.defaults else ''}" for b in group]
        lines.append("")
    return "\n".join(lines)
