"""The streams of the corpus through a running gateway: what the decoder says is what the caller gets."""

from __future__ import annotations

import grpc
import pytest
from google.rpc import error_details_pb2

from support.calls import Failure, chat_failure, events_of, failure, request, stream_failure, stream_request
from support.upstream import STREAM, Answer, ScriptedUpstream
from trunkline.v1 import chat_service_pb2_grpc
from trunkline.v1.chat_service_pb2 import ChatEvent
from wire.corpus import SYNTHETIC
from wire.decoding import Played, fold, grammar, play

MODEL = "anthropic/claude-sonnet-4-6"


def bare(events: list[ChatEvent]) -> list[ChatEvent]:
    """The events without what the gateway adds."""
    for event in events:
        if event.HasField("completion"):
            assert len(event.completion.route_report.attempts) == 1
            event.completion.ClearField("route_report")
            event.completion.ClearField("cost")
    return events


def is_said(played: Played) -> bool:
    """Whether anything had come that is worth passing on."""
    return any(kind not in ("start", "block_start") for kind in played.kinds)


@pytest.mark.parametrize("size", [None, 64, 1])
@pytest.mark.parametrize("name", sorted(name for name, body in SYNTHETIC.items() if play(body).succeeded))
async def test_answers(
    name: str, size: int | None, wire: chat_service_pb2_grpc.ChatServiceAsyncStub, upstream: ScriptedUpstream
) -> None:
    body = SYNTHETIC[name]
    pieces = [body[at : at + size] for at in range(0, len(body), size)] if size else body
    upstream.answer(Answer(pieces, headers=STREAM))
    played = play(body)
    events = bare(await events_of(wire, stream_request(MODEL)))
    assert events == played.events
    if name != "interleaved":
        grammar([event.WhichOneof("kind") or "" for event in events])
    response = await wire.Chat(request(MODEL), timeout=20)
    response.completion.ClearField("route_report")
    response.completion.ClearField("cost")
    assert response == fold(played.events)


def assert_fails_as(failed: Failure, played: Played) -> None:
    if is_said(played):
        assert failed.code == grpc.StatusCode.ABORTED
        assert failed.reason == "STREAM_INTERRUPTED"
        assert failed.info.metadata["cause"] == f"ERROR_REASON_{played.reason}"
        # How long the answer is, Anthropic says at its end.
        assert int(failed.info.metadata["input_tokens"]) > 0
        assert "output_tokens" not in failed.info.metadata
    else:
        assert failed.reason == played.reason
    assert failed.request_info is not None


@pytest.mark.parametrize("ends", [True, False])
@pytest.mark.parametrize("name", ["error", "cut", "garbage", "nothing"])
async def test_failures(
    name: str, ends: bool, wire: chat_service_pb2_grpc.ChatServiceAsyncStub, upstream: ScriptedUpstream
) -> None:
    played = play(SYNTHETIC[name])
    upstream.answer(Answer(SYNTHETIC[name], headers=STREAM, ends=ends))
    events, failed = await stream_failure(wire, stream_request(MODEL))
    assert events == (played.events if is_said(played) else [])
    if ends or name in ("error", "garbage"):
        assert_fails_as(failed, played)
    else:
        assert failed.reason == ("STREAM_INTERRUPTED" if is_said(played) else "UPSTREAM_UNREACHABLE")
    unary = await chat_failure(wire, request(MODEL))
    assert (unary.code, unary.reason) == (failed.code, failed.reason)


@pytest.mark.parametrize("step", [7])
async def test_an_answer_that_is_cut_anywhere_fails(
    step: int, wire: chat_service_pb2_grpc.ChatServiceAsyncStub, upstream: ScriptedUpstream
) -> None:
    """As for the decoder alone, but through everything: whether the body ends or the connection breaks."""
    body = SYNTHETIC["text"]
    end = body.rindex(b"}") + 1
    for at in range(0, end, step):
        for ends in (True, False):
            upstream.answer(Answer(body[:at], headers=STREAM, ends=ends))
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await wire.Chat(request(MODEL), timeout=20)
            info = failure(caught.value).info
            assert isinstance(info, error_details_pb2.ErrorInfo)
            assert info.reason.startswith("ERROR_REASON_")
    upstream.answer(Answer(body[:end], headers=STREAM))
    await wire.Chat(request(MODEL), timeout=20)
