"""Streams written by hand, and what the decoder makes of them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from trunkline.accumulate import Accumulator
from trunkline.v1 import chat_service_pb2, error_reason_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError
from trunkline_service.providers.anthropic import AnthropicProvider
from trunkline_service.providers.base import StreamDecoder, Target
from trunkline_service.upstream.framing import Framing
from trunkline_service.upstream.sse import SseDecoder

Json: TypeAlias = dict[str, Any]

KEY = "sk-ant-of-the-tests"
TARGET = Target(
    provider="anthropic",
    model="claude-sonnet-4-6",
    base_url="https://api.invalid",
    api_key=KEY,
    max_output_tokens=128_000,
)
PROVIDER = AnthropicProvider()


@dataclass
class Played:
    """What came out of a stream."""

    events: list[ChatEvent] = field(default_factory=list)
    failure: GatewayError | None = None
    complete: bool = False
    # How many deltas are in other events.
    joined: int = 0

    @property
    def succeeded(self) -> bool:
        return self.complete and self.failure is None

    @property
    def reason(self) -> str:
        """Why it failed; empty if it did not."""
        if self.failure is None:
            return ""
        return error_reason_pb2.ErrorReason.Name(self.failure.reason).removeprefix("ERROR_REASON_")

    @property
    def kinds(self) -> list[str]:
        return [event.WhichOneof("kind") or "" for event in self.events]

    @property
    def response(self) -> chat_service_pb2.ChatResponse:
        return fold(self.events)

    def serialized(self) -> tuple[str, list[bytes]]:
        return self.reason, [event.SerializeToString(deterministic=True) for event in self.events]


def play(*pieces: bytes, target: Target = TARGET, joins: bool = False) -> Played:
    """Reads a body in these pieces, to its end or to where the decoder has had enough, as an attempt does."""
    decoder = PROVIDER.stream_decoder(target)
    decoder.joins = joins
    return read(SseDecoder(), decoder, pieces)


def read(framing: Framing, decoder: StreamDecoder, pieces: Iterable[bytes]) -> Played:
    """What comes out of a body in these pieces, to its end or to where the decoder has had enough."""
    played = Played()
    for piece in [*filter(None, pieces), b""]:
        frames = framing.feed(piece) if piece else framing.finish()
        played.events += decoder.decode(frames) if piece else decoder.finish(frames)
        played.failure, played.complete = decoder.failure, decoder.complete
        played.joined += decoder.joined
        if decoder.complete or decoder.failure is not None:
            break
    return played


def assert_joined_says_the_same(joined: Played, told: Played) -> None:
    """Fails unless deltas that were joined add up to what they do one by one, and none of them is lost count of."""
    assert joined.response == told.response
    assert joined.reason == told.reason
    assert len(joined.events) + joined.joined == len(told.events)


def fold(events: Iterable[ChatEvent]) -> chat_service_pb2.ChatResponse:
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    return accumulator.response


def grammar(kinds: Sequence[str]) -> None:
    """Fails unless the events of an answer come in the order that `StreamChat` promises, up to some point."""
    inside = False
    for number, kind in enumerate(kinds):
        assert (kind == "start") == (number == 0), kinds
        assert kind != "completion" or (number == len(kinds) - 1 and not inside), kinds
        match kind:
            case "block_start":
                assert not inside, kinds
                inside = True
            case "block_delta":
                assert inside, kinds
            case "block_end":
                assert inside, kinds
                inside = False


def sse(*events: Json | bytes, newline: bytes = b"\n") -> bytes:
    """A body of these events, each with its name; bytes go in as they are."""
    return b"".join(event if isinstance(event, bytes) else frame(event, newline=newline) for event in events)


def frame(event: Json, *, newline: bytes = b"\n") -> bytes:
    data = json.dumps(event, ensure_ascii=False).encode()
    return b"event: " + str(event.get("type", "")).encode() + newline + b"data: " + data + newline * 2


def start(**members: Any) -> Json:
    message: Json = {
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-6", "content": [],
        "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1},
    }  # fmt: skip
    return {"type": "message_start", "message": message | members}


def block_start(block: Json, index: int = 0) -> Json:
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(kind: str, index: int = 0, **members: Any) -> Json:
    return {"type": "content_block_delta", "index": index, "delta": {"type": kind, **members}}


def text_delta(text: str, index: int = 0) -> Json:
    return delta("text_delta", index, text=text)


def block_stop(index: int = 0) -> Json:
    return {"type": "content_block_stop", "index": index}


def message_delta(stop_reason: str | None = "end_turn", usage: Json | None = None, **beside: Any) -> Json:
    held = {"stop_reason": stop_reason, "stop_sequence": None}
    return {"type": "message_delta", "delta": held, "usage": usage or {"output_tokens": 5}} | beside


STOP: Json = {"type": "message_stop"}
PING = b'event: ping\ndata: {"type": "ping"}\n\n'


def answer(*events: Json | bytes, stop_reason: str = "end_turn") -> bytes:
    """A whole stream around the events of its blocks."""
    return sse(start(), *events, message_delta(stop_reason), STOP)


def block(content: Json, *deltas: Json | bytes, index: int = 0) -> list[Json | bytes]:
    """The events of one block."""
    return [block_start(content, index), *deltas, block_stop(index)]


def text_block(*pieces: str, index: int = 0) -> list[Json | bytes]:
    return block({"type": "text", "text": ""}, *(text_delta(piece, index) for piece in pieces), index=index)


def tool_block(*pieces: str, index: int = 0, **members: Any) -> list[Json | bytes]:
    content = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}} | members
    return block(content, *(delta("input_json_delta", index, partial_json=piece) for piece in pieces), index=index)
