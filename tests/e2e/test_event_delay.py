"""`max_event_delay`: fewer messages for callers that do not mind to wait."""

from __future__ import annotations

import asyncio
import math
import time

import pytest
from google.protobuf.duration_pb2 import Duration

from e2e.gateways import posts
from e2e.refusals import check_invalid
from support.calls import Stub, chat_input, stream_failure, stream_request
from support.timing import in_time, timely
from trunkline.v1 import chat_service_pb2
from trunkline_service.simulator import Simulator


async def test_max_event_delay(stub: Stub) -> None:
    """Fewer messages with the same events, and the answer is not later by more than the delay."""
    model = "simulator/paced-n20-g10"

    async def messages(delay: float) -> tuple[int, list[chat_service_pb2.ChatEvent], float]:
        asked = stream_request(model)
        asked.max_event_delay.FromNanoseconds(int(delay * 1e9))
        began = time.monotonic()
        found = [message async for message in stub.StreamChat(asked, timeout=10)]
        events = [event for message in found for event in message.events]
        assert all(message.events for message in found)
        return len(found), events, time.monotonic() - began

    (many, each, plain), (few, held, delayed) = await asyncio.gather(messages(0), messages(0.1))
    assert 2 * few < many
    assert [comparable(event) for event in each] == [comparable(event) for event in held]
    assert delayed - plain < 1


def comparable(event: chat_service_pb2.ChatEvent) -> chat_service_pb2.ChatEvent:
    """The event without what differs from call to call."""
    plain = chat_service_pb2.ChatEvent.FromString(event.SerializeToString())
    if plain.HasField("start"):
        plain.start.id = ""
        plain.start.usage.Clear()
    if plain.HasField("completion"):
        plain.completion.route_report.Clear()
        plain.completion.usage.Clear()
    return plain


@timely
async def test_max_event_delay_and_a_break(stub: Stub) -> None:
    """What was held back is valid, and comes before the error."""
    asked = stream_request("simulator/cut-n5")
    asked.max_event_delay.FromMilliseconds(900)
    began = time.monotonic()
    events, found = await stream_failure(stub, asked)
    assert found.reason == "STREAM_INTERRUPTED"
    assert "".join(event.block_delta.text for event in events).startswith("The river")
    in_time(began, 0.8)


@pytest.mark.parametrize("seconds", [-0.1, 1.001, 3600.0, 2.0**40])
async def test_max_event_delay_out_of_range(stub: Stub, simulator: Simulator, seconds: float) -> None:
    delay = Duration(seconds=int(seconds), nanos=round(math.fmod(seconds, 1) * 1e9))
    asked = chat_service_pb2.StreamChatRequest(input=chat_input(), max_event_delay=delay)
    events, found = await stream_failure(stub, asked)
    check_invalid(found, {"max_event_delay"})
    assert not events
    # Told together with whatever else is wrong.
    asked.input.generation.top_p = 2
    del asked.input.messages[:]
    _, found = await stream_failure(stub, asked)
    check_invalid(found, {"max_event_delay", "input.generation.top_p", "input.messages"})
    assert not posts(simulator)
