"""An answer as the Messages API sends it: one message, or events from message_start to message_stop."""

from collections.abc import Sequence
from functools import lru_cache

from trunkline_service.simulator import answers, sse
from trunkline_service.simulator.answers import Answer, Asked, Block, PlainText, new_id
from trunkline_service.simulator.anthropic.events import PING, block_delta, block_start, block_stop
from trunkline_service.simulator.sse import Json
from trunkline_service.simulator.wire import Script


def message(answer: Answer, asked: Asked) -> Json:
    """Give the answer to a request without `stream`."""
    usage = {**_first_usage(answer, asked), **_last_usage(answer, asked)}
    content = [block.whole for block in answer.blocks]
    return {**_envelope(asked.model), "content": content, **_stop(answer), "usage": usage, **answer.late}


def script(answer: Answer, asked: Asked) -> Script:
    """Give the events, with upstream's customary early ping."""
    start = {**_envelope(asked.model), "content": [], "stop_reason": None, "stop_sequence": None}
    start["usage"] = _first_usage(answer, asked)
    content = [sse.named({"type": "message_start", "message": start})]
    for index, block in enumerate(answer.blocks):
        content += _frames(block, index)
    closing = [content.pop()] if answer.blocks else []
    content.insert(2, PING)
    delta = {"type": "message_delta", "delta": _stop(answer), "usage": _last_usage(answer, asked), **answer.late}
    made = Script(
        content=content,
        closing=closing,
        reason=[sse.named(delta)],
        mark=[sse.named({"type": "message_stop"})],
    )
    return _odd(made, answer.oddity)


def _odd(made: Script, oddity: answers.Oddity | None) -> Script:
    match oddity:
        case "crlf":
            return Script(content=sse.crlf(made.frames))
        case "no-final-newline":
            return Script(content=sse.no_final_newline(made.frames))
        case "noise":
            return Script(content=_noisy(made.frames))
        case "unknown":
            progress = sse.named({"type": "progress", "percent": 50})
            tint = block_delta(1, {"type": "tint_delta", "tint": "blue"})
            content = [progress, *made.content, tint]
            return Script(content=content, closing=[*made.closing, progress], reason=made.reason, mark=made.mark)
    return made


def _noisy(frames: list[bytes]) -> list[bytes]:
    """Surround and pad every event with what a reader must skip."""
    unknown = sse.named({"type": "upstream_notice", "notice": "hello"})
    unnamed = b'event: message\ndata: {"type":"another_notice"}\n\n'
    noisy = [b": connected\n\n", PING, unknown]
    for position, frame in enumerate(frames):
        # Upstream pads inside the object, before its last brace, to hide lengths.
        padded = frame.removesuffix(b"}\n\n") + b" " * (1 + position % 13) + b"}\n\n"
        noisy += [padded, b": keep-alive\n\n", PING, unnamed]
    return noisy


def _stop(answer: Answer) -> Json:
    reason, sequence, details = answer.stop_reason, answer.stop_sequence, answer.stop_details
    return {"stop_reason": reason, "stop_sequence": sequence, "stop_details": details}


def _first_usage(answer: Answer, asked: Asked) -> Json:
    tokens = asked.prompt.tokens
    usage = {
        **tokens.usage(),
        "cache_creation": tokens.cache_creation(),
        "output_tokens": 1,
        "service_tier": "standard",
        "inference_geo": "not_available",
    }
    return {**usage, **answer.first_usage}


def _last_usage(answer: Answer, asked: Asked) -> Json:
    return {**asked.prompt.tokens.usage(), "output_tokens": answer.output_tokens, **answer.last_usage}


def _envelope(model: str) -> Json:
    return {"model": model, "id": new_id("msg"), "type": "message", "role": "assistant"}


def _frames(block: Block, index: int) -> Sequence[bytes]:
    if isinstance(block, PlainText):
        return _plain_frames(block.delta_count, index)
    deltas = [block_delta(index, delta) for delta in block.deltas]
    return [block_start(index, block.start), *deltas, block_stop(index)]


@lru_cache(maxsize=64)
def _plain_frames(count: int, index: int) -> tuple[bytes, ...]:
    # The words repeat, and so do their events: a long text holds few distinct byte strings.
    ring = [block_delta(index, {"type": "text_delta", "text": word}) for word in answers.plain_ring()]
    start = block_start(index, {"type": "text", "text": ""})
    return (start, *(ring[place] for place in answers.plain_order(count)), block_stop(index))
