"""Streams give events as they come, add them up, and never take a part for the whole."""

import asyncio

import grpc
import pytest

from clients.both import AnyClient
from clients.events import answer, begin, delta, done, end, more, restart, start
from clients.scripted import Fail, ScriptedServer, failure
from trunkline import APIError, ProtocolError, StreamInterruptedError
from trunkline.errors import GatewayUnreachableError, InternalError
from trunkline.v1 import BlockDelta, ChatEvent, ContentBlock, Opaque, ToolUseBlock

ABORTED = grpc.StatusCode.ABORTED


async def test_events_come_one_by_one_and_add_up(client: AnyClient, server: ScriptedServer) -> None:
    events = answer("Hel", "lo")
    server.script(events[:3], events[3], events[4:])
    seen = []
    texts = []
    async with client.stream("Hi") as stream:
        async for event in stream:
            seen.append(event)
            texts.append(stream.response.text)
    assert seen == events
    assert texts == ["", "", "Hel", "Hello", "Hello", "Hello"]
    assert stream.response.complete
    assert stream.response.finish_reason == "stop"
    assert stream.response.usage.output_total == 3
    assert stream.response.message.origin.provider_type == "anthropic"


async def test_an_event_is_there_before_the_next_one_is_sent(client: AnyClient, server: ScriptedServer) -> None:
    server.script(start(), begin(0), more("now"), 30.0)
    async with asyncio.timeout(5), client.stream("Hi") as stream:
        assert await anext(stream.text) == "now"


async def test_text(client: AnyClient, server: ScriptedServer) -> None:
    block = ContentBlock(tool_use=ToolUseBlock(id="1", name="t"))
    server.script(start(), begin(0, _text("A")), more("b"), end(), begin(1, block), delta(1, input_json="{}"), end(1))
    server.scripts[-1] += (begin(2), more("", 2), more("c", 2), end(2), done())
    async with client.stream("Hi") as stream:
        pieces = [piece async for piece in stream.text]
    assert pieces == ["A", "b", "c"]
    assert stream.response.text == "Abc"


async def test_final_reads_what_is_left(client: AnyClient, server: ScriptedServer) -> None:
    server.script(answer("a", "b", "c"))
    async with client.stream("Hi") as stream:
        async for event in stream:
            if event.block_delta.text == "a":
                break
        async for piece in stream.text:
            assert piece == "b"
            break
        reply = await stream.final()
        assert (await stream.final()).proto == reply.proto
    assert reply.text == "abc"
    assert (await stream.final()).proto == reply.proto, "also after the end"


async def test_responses_are_snapshots(client: AnyClient, server: ScriptedServer) -> None:
    server.script(answer("a", "b"))
    async with client.stream("Hi") as stream:
        await anext(stream.text)
        first = stream.response
        await stream.final()
    assert (first.text, first.complete, first.finish_reason) == ("a", False, "")


async def test_a_restart_begins_anew(client: AnyClient, server: ScriptedServer) -> None:
    server.script(start("msg_1"), begin(0), more("old"), restart(), *answer("new", "er"))
    async with client.stream("Hi", allow_restart=True) as stream:
        pieces = [(stream.restarts, piece) async for piece in stream.text]
    assert server.seen.request.allow_restart
    assert pieces == [(0, "old"), (1, "new"), (1, "er")]
    assert stream.response.text == "newer"


@pytest.mark.parametrize("last", [[], [end()]], ids=["in a block", "after a block"])
async def test_an_end_without_completion_is_no_success(
    client: AnyClient, server: ScriptedServer, last: list[ChatEvent]
) -> None:
    server.script(start(), begin(0), more("half"), *last)
    async with client.stream("Hi", request_id="r-1") as stream:
        with pytest.raises(StreamInterruptedError, match="without a completion") as caught:
            await stream.final()
        with pytest.raises(StreamInterruptedError):
            await anext(stream)
    assert caught.value.partial is not None
    assert caught.value.partial.text == "half"
    assert caught.value.request_id == "r-1"
    assert not caught.value.partial.complete


async def test_an_empty_stream_is_no_success(client: AnyClient, server: ScriptedServer) -> None:
    server.script()
    async with client.stream("Hi") as stream:
        with pytest.raises(StreamInterruptedError) as caught:
            await stream.final()
    assert caught.value.partial is None


async def test_an_error_after_the_completion_is_an_error(client: AnyClient, server: ScriptedServer) -> None:
    server.script(*answer("all"), Fail(grpc.StatusCode.INTERNAL))
    async with client.stream("Hi") as stream:
        with pytest.raises(InternalError):
            await stream.final()


async def test_an_interruption_leaves_the_part(client: AnyClient, server: ScriptedServer) -> None:
    broken = failure("ERROR_REASON_STREAM_INTERRUPTED", ABORTED, cause="UPSTREAM_TIMEOUT", output_tokens="12")
    server.script([start(), begin(0), more("hal")], [more("f")], broken)
    async with client.stream("Hi") as stream:
        text = stream.text
        pieces = [await anext(text), await anext(text)]
        with pytest.raises(StreamInterruptedError) as caught:
            await anext(text)
        assert stream.response.text == "half"
        with pytest.raises(StreamInterruptedError):
            await stream.final()
    assert pieces == ["hal", "f"]
    assert caught.value.partial is not None
    assert caught.value.partial.text == "half"
    assert caught.value.metadata["output_tokens"] == "12"
    assert not caught.value.retryable


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
async def test_every_failure_has_the_part(client: AnyClient, server: ScriptedServer, code: grpc.StatusCode) -> None:
    server.script(start(), begin(0), more("half"), Fail(code))
    async with client.stream("Hi") as stream:
        with pytest.raises(APIError) as caught:
            await stream.final()
    assert caught.value.partial is not None
    assert caught.value.partial.text == "half"


async def test_a_failure_before_the_first_event_has_no_part(client: AnyClient, server: ScriptedServer) -> None:
    server.script(Fail(grpc.StatusCode.UNAVAILABLE))
    async with client.stream("Hi") as stream:
        with pytest.raises(GatewayUnreachableError) as caught:
            await stream.final()
    assert caught.value.partial is None


async def test_what_cannot_be_added_up_is_an_error(client: AnyClient, server: ScriptedServer) -> None:
    server.script([start(), begin(0), more("a"), more("b", 7), more("c"), done()])
    async with client.stream("Hi", request_id="r-2") as stream:
        with pytest.raises(ProtocolError, match="block 7") as caught:
            await stream.final()
        with pytest.raises(ProtocolError):
            await stream.final()
    assert caught.value.request_id == "r-2"
    assert caught.value.partial is not None
    assert caught.value.partial.text == "a"


async def test_what_is_newer_passes(client: AnyClient, server: ScriptedServer) -> None:
    newer_event = ChatEvent.FromString(b"\x7a\x03abc")
    newer_delta = ChatEvent(block_delta=BlockDelta.FromString(b"\xa2\x01\x03abc"))
    newer_block = ContentBlock.FromString(b"\xa2\x02\x03abc")
    odd = Opaque(provider_type="anthropic", type="odd", raw_json="{}")
    assert newer_event.WhichOneof("kind") is None
    assert newer_delta.block_delta.WhichOneof("delta") is None
    assert newer_block.WhichOneof("kind") is None
    server.script(
        [start(), newer_event, begin(0), more("a"), newer_delta, more("b"), end()],
        [begin(1, newer_block), more("?", 1), delta(1, opaque=odd), end(1), done(99)],
    )
    async with client.stream("Hi") as stream:
        reply = await stream.final()
    assert reply.text == "ab"
    assert reply.finish_reason == "other"
    assert reply.provider_finish_reason == "end_turn"
    assert reply.proto.completion.finish_reason == 99
    newer_block.opaque_deltas.append(odd)
    assert reply.message.content[1] == newer_block, "what is not known is kept"


async def test_messages_without_events_pass(client: AnyClient, server: ScriptedServer) -> None:
    server.script([], answer("a"), [])
    async with client.stream("Hi") as stream:
        assert (await stream.final()).text == "a"


async def test_a_stream_begins_with_its_block_and_only_once(client: AnyClient, server: ScriptedServer) -> None:
    server.script(answer("a"))
    stream = client.stream("Hi")
    with pytest.raises(RuntimeError, match="with"):
        await anext(stream)
    assert not server.calls
    async with stream:
        with pytest.raises(RuntimeError, match="once"):
            await stream.__aenter__()


async def test_event_delay(client: AnyClient, server: ScriptedServer) -> None:
    server.script(answer("a"))
    async with client.stream("Hi", max_event_delay=0.05) as stream:
        await stream.final()
    assert server.seen.request.max_event_delay.ToMilliseconds() == 50
    assert not server.seen.request.allow_restart


async def test_arguments_are_checked_before_the_call(client: AnyClient) -> None:
    with pytest.raises(TypeError, match="temprature"):
        client.stream("Hi", temprature=1)


def _text(text: str) -> ContentBlock:
    block = ContentBlock()
    block.text.text = text
    return block
