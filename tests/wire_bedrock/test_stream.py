"""InvokeModel's streams: Anthropic's events within AWS's messages, and AWS's exceptions among them."""

from __future__ import annotations

import json
import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline_service.providers.base import Target
from trunkline_service.providers.bedrock.invoke import BedrockInvoke
from trunkline_service.upstream.framing import FramingError
from wire.bounded import bounded
from wire.corpus import SYNTHETIC, corpus
from wire.decoding import Played, block_start, fold, message_delta, start, text_block, text_delta
from wire.decoding import play as play_sse
from wire_bedrock.aws import chunk, exception, message, wrapped

TARGET = Target(
    provider="anthropic",
    model="claude-sonnet-4-6",
    base_url="https://bedrock.invalid",
    api_key="bedrock-api-key",
    auth="bearer",
    max_output_tokens=64_000,
)
PROVIDER = BedrockInvoke()
BODIES = {name: wrapped(body) for name, body in corpus().items()}
quick = bounded(80)


def play(*pieces: bytes) -> Played:
    """Reads a body in these pieces, as an attempt does; a broken frame is a failure without a reason of its own."""
    framing, decoder, played = PROVIDER.framing(2**24), PROVIDER.stream_decoder(TARGET), Played()
    for piece in [*filter(None, pieces), b""]:
        try:
            frames = framing.feed(piece) if piece else framing.finish()
        except FramingError:
            played.failure = PROVIDER.decode_error(500, {}, b"framing", TARGET)
            break
        played.events += decoder.decode(frames) if piece else decoder.finish(frames)
        played.failure, played.complete = decoder.failure, decoder.complete
        if decoder.complete or decoder.failure is not None:
            break
    return played


@pytest.mark.parametrize("name", sorted(BODIES))
def test_the_events_are_those_of_anthropics_own_stream(name: str) -> None:
    played, expected = play(BODIES[name]), play_sse(corpus()[name])
    assert played.serialized() == expected.serialized()
    assert (played.complete, played.reason) == (expected.complete, expected.reason)


WHOLE = sorted(name for name, body in BODIES.items() if play(body).succeeded)


def end_of(body: bytes) -> int:
    """Where the message with the end mark ends."""
    at = 0
    while not play(body[:at]).complete:
        at += int.from_bytes(body[at : at + 4], "big")
    return at


@quick
@given(st.sampled_from(sorted(BODIES)), st.data())
def test_any_split_gives_the_same_events(name: str, data: st.DataObject) -> None:
    body = BODIES[name]
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=30))
    split = [body[a:b] for a, b in pairwise([0, *sorted(cuts), len(body)])]
    assert play(*split).serialized() == play(body).serialized()


@pytest.mark.parametrize("name", WHOLE)
def test_a_stream_that_is_cut_anywhere_never_succeeds(name: str) -> None:
    body = BODIES[name]
    end = end_of(body)
    for at in range(0, end, 1 if end < 2000 else 53):
        played = play(body[:at])
        assert not played.complete
        assert played.failure is not None
        assert "completion" not in played.kinds
    assert play(body[:end]).succeeded


ENDS = {name: end_of(BODIES[name]) for name in WHOLE}


@quick
@given(st.sampled_from(WHOLE), st.data())
def test_a_byte_that_is_changed_is_never_taken_for_an_answer(name: str, data: st.DataObject) -> None:
    body = bytearray(BODIES[name])
    end = ENDS[name]
    at = data.draw(st.integers(0, end - 1))
    body[at] ^= data.draw(st.integers(1, 255))
    played = play(bytes(body))
    assert played.failure is not None
    assert not played.complete
    whole = play(BODIES[name]).serialized()[1]
    assert played.serialized()[1] == whole[: len(played.events)]


@bounded(200)
@given(st.sampled_from(sorted(SYNTHETIC)), st.integers(0, 2**64))
def test_mutated_bytes_never_crash(name: str, seed: int) -> None:
    chance = random.Random(seed)
    body = bytearray(BODIES[name])
    for _ in range(chance.randrange(4)):
        at, other = chance.randrange(len(body) + 1), chance.randrange(len(body) + 1)
        body[at : at + chance.choice([1, 4, 40])] = chance.choice([b"", b"\0" * 8, bytes(body[other : other + 60])])
    played = play(bytes(body))
    assert played.complete or played.failure is not None
    fold(played.events).SerializeToString()


METRICS = {"inputTokenCount": 21, "outputTokenCount": 20, "invocationLatency": 500, "firstByteLatency": 300}


def test_metrics_of_the_last_event_come_through() -> None:
    stop = {"type": "message_stop", "amazon-bedrock-invocationMetrics": METRICS}
    played = play(b"".join(map(chunk, [start(), *text_block("a"), message_delta(), stop])))
    assert played.succeeded
    fields = json.loads(played.response.completion.provider_fields_json)
    assert fields == {"amazon-bedrock-invocationMetrics": METRICS}


EXCEPTIONS: dict[str, tuple[dict[str, Any], str]] = {
    "throttlingException": ({"message": "Too many"}, "UPSTREAM_RATE_LIMITED"),
    "internalServerException": ({"message": "m"}, "UPSTREAM_ERROR"),
    "serviceUnavailableException": ({"message": "m"}, "UPSTREAM_OVERLOADED"),
    "modelTimeoutException": ({"message": "m"}, "UPSTREAM_TIMEOUT"),
    "validationException": ({"message": "max_tokens: too many"}, "UPSTREAM_REJECTED_REQUEST"),
    "somethingNewException": ({"message": "m"}, "UPSTREAM_ERROR"),
    "": ({}, "UPSTREAM_ERROR"),
}


@pytest.mark.parametrize(("kind", "members", "reason"), [(name, *each) for name, each in EXCEPTIONS.items()])
@pytest.mark.parametrize("begun", [False, True])
def test_exceptions(kind: str, members: dict[str, Any], reason: str, begun: bool) -> None:
    before = [start(), block_start({"type": "text", "text": ""}), text_delta("Hel")] if begun else []
    body = b"".join(map(chunk, before)) + exception(kind, **members) + chunk(text_delta("lo"))
    for split in ([body], [body[at : at + 7] for at in range(0, len(body), 7)]):
        played = play(*split)
        assert (played.reason, played.complete, len(played.events)) == (reason, False, len(before))
        assert played.failure is not None
        assert played.failure.metadata.get("upstream_code", "").lower() == kind.lower()
        assert played.failure.metadata["upstream_status"] == "200"


@pytest.mark.parametrize(
    ("original", "reason"),
    [
        (529, "UPSTREAM_OVERLOADED"),
        (429, "UPSTREAM_RATE_LIMITED"),
        (500, "UPSTREAM_ERROR"),
        (400, "UPSTREAM_REJECTED_REQUEST"),
        (None, "UPSTREAM_ERROR"),
        (200, "UPSTREAM_ERROR"),
        ("429", "UPSTREAM_ERROR"),
    ],
)
def test_a_model_that_fails_says_how(original: Any, reason: str) -> None:
    members = {"message": "m", "originalStatusCode": original, "originalMessage": "what it said"}
    played = play(chunk(start()) + exception("modelStreamErrorException", **members))
    assert played.reason == reason
    assert played.failure is not None
    if reason == "UPSTREAM_REJECTED_REQUEST":
        assert played.failure.metadata["upstream_message"] == "what it said"


def test_an_error_says_what_it_is_in_a_header() -> None:
    headers = {"error_code": "ValidationException", "error_message": "max_tokens: too many", "message_type": "error"}
    played = play(chunk(start()) + message(b"", **headers))
    assert played.reason == "UPSTREAM_REJECTED_REQUEST"
    assert played.failure is not None
    assert played.failure.metadata["upstream_message"] == "max_tokens: too many"


def test_an_exception_after_the_end_is_no_part_of_the_answer() -> None:
    assert play(BODIES["text"] + exception("internalServerException", message="m")).succeeded


def test_an_exception_that_looks_like_an_event_is_one_all_the_same() -> None:
    played = play(chunk(start()) + message(b'{"type":"ping"}', exception_type="x", message_type="exception"))
    assert played.reason == "UPSTREAM_ERROR"


def test_events_of_another_kind_are_opaque() -> None:
    unknown = message(b'{"a":1}', event_type="weather", message_type="event")
    played = play(chunk(start()) + unknown + wrapped(corpus()["text"])[len(chunk(start())) :])
    assert played.succeeded
    opaque = [event.opaque for event in played.events if event.HasField("opaque")]
    assert [(each.type, each.raw_json) for each in opaque] == [("weather", '{"a":1}')]


def test_no_key_is_in_an_error() -> None:
    played = play(exception("validationException", message="the key bedrock-api-key is bad"))
    assert played.failure is not None
    assert "bedrock-api-key" not in str(played.failure.metadata) + played.failure.message
    assert ErrorReason.Name(played.failure.reason) == "ERROR_REASON_UPSTREAM_REJECTED_REQUEST"
