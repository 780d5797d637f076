"""Responses as bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trunkline.v1.chat_service_pb2 import ChatEvent, StreamChatResponse
from trunkline_service.rpc.writing import stream_chat_response
from wire.bounded import bounded

sizes = st.sampled_from((0, 1, 100, 119, 120, 121, 122, 123, 124, 125, 16_370, 16_375, 16_380, 16_384, 3_000_000))


@bounded(60)
@given(st.lists(st.tuples(st.integers(0, 2**31 - 1), sizes), max_size=4))
def test_events_are_written_as_the_message_around_them_would_be(shapes: list[tuple[int, int]]) -> None:
    told = [ChatEvent() for _ in shapes]
    for event, (index, size) in zip(told, shapes, strict=True):
        event.block_delta.index = index
        event.block_delta.text = "é" * (size // 2) + "x" * (size % 2)
    assert stream_chat_response(told) == StreamChatResponse(events=told).SerializeToString()
