"""Short ways to write the events of a stream."""

from typing import Any

from trunkline.v1 import (
    BlockDelta,
    BlockEnd,
    BlockStart,
    ChatEvent,
    Completion,
    ContentBlock,
    ErrorReason,
    FinishReason,
    Origin,
    StreamRestart,
    StreamStart,
    TextBlock,
    Usage,
)


def start(id: str = "msg_1") -> ChatEvent:  # noqa: A002
    return ChatEvent(
        start=StreamStart(
            id=id,
            origin=Origin(provider="eu", model="m-1", provider_type="anthropic"),
            usage=Usage(input_total=7, output_total=1),
        )
    )


def begin(index: int, block: ContentBlock | None = None) -> ChatEvent:
    return ChatEvent(block_start=BlockStart(index=index, block=block or ContentBlock(text=TextBlock())))


def more(text: str, index: int = 0) -> ChatEvent:
    return ChatEvent(block_delta=BlockDelta(index=index, text=text))


def delta(index: int, **kind: Any) -> ChatEvent:
    return ChatEvent(block_delta=BlockDelta(index=index, **kind))


def end(index: int = 0) -> ChatEvent:
    return ChatEvent(block_end=BlockEnd(index=index))


def done(reason: int = FinishReason.FINISH_REASON_STOP) -> ChatEvent:
    completion = Completion(
        finish_reason=reason,  # type: ignore[arg-type]
        provider_finish_reason="end_turn",
        usage=Usage(input_total=7, output_total=3),
    )
    return ChatEvent(completion=completion)


def restart() -> ChatEvent:
    return ChatEvent(restart=StreamRestart(reason=ErrorReason.ERROR_REASON_UPSTREAM_TIMEOUT))


def answer(*pieces: str) -> list[ChatEvent]:
    """A whole answer of one text block."""
    return [start(), begin(0), *(more(piece) for piece in pieces), end(), done()]
