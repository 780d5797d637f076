"""What holds for every stream of Chat Completions, however it is cut, framed, disturbed or broken."""

from __future__ import annotations

import json
import random
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation
from trunkline_service.providers.openai.chat.stream import MAX_KEPT_BYTES
from trunkline_service.upstream.framing import Frame
from wire.bounded import bounded
from wire.decoding import assert_joined_says_the_same
from wire.mutation import mutated
from wire_openai.corpus import SYNTHETIC
from wire_openai.decoding import (
    DONE,
    FIRST,
    PROVIDER,
    TARGET,
    Json,
    Played,
    calls,
    chunk,
    envelope,
    fold,
    frame,
    grammar,
    piece,
    play,
    sse,
    text,
)
from wire_openai.recorded import streams

CORPUS = SYNTHETIC | {recording.name: recording.body for recording in streams()}
NAMES = sorted(CORPUS)
WHOLE = {name: body for name, body in CORPUS.items() if play(body).succeeded}
bodies = st.sampled_from(NAMES).map(CORPUS.__getitem__)
quick = bounded(80)


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    return [body[a:b] for a, b in pairwise([0, *sorted(cuts), len(body)])]


def sound(played: Played) -> Played:
    """Fails unless this is an answer that keeps the contract, whether it succeeded or not."""
    assert played.complete or played.failure is not None
    assert played.kinds.count("completion") == int(played.succeeded)
    grammar(played.kinds)
    fold(played.events).SerializeToString()
    return played


@quick
@given(bodies, st.data())
def test_any_split_gives_the_same_events(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=30))
    assert play(*pieces(body, cuts)).serialized() == play(body).serialized()


@quick
@given(bodies, st.data())
def test_joined_deltas_say_the_same(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=5))
    assert_joined_says_the_same(play(*pieces(body, cuts), joins=True), play(body))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("size", [1, 3, 17])
def test_even_pieces_give_the_same_events(name: str, size: int) -> None:
    body = CORPUS[name]
    assert sound(play(*pieces(body, list(range(size, len(body), size))))).serialized() == play(body).serialized()


@pytest.mark.parametrize("newline", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
@pytest.mark.parametrize("name", NAMES)
def test_framing_makes_no_difference(name: str, newline: bytes) -> None:
    body = CORPUS[name]
    expected = play(body).serialized()
    assert play(body.replace(b"\n", newline)).serialized() == expected
    assert play(b"\xef\xbb\xbf" + body).serialized() == expected
    assert play(body.rstrip(b"\n")).serialized() == expected
    assert play(body.replace(b"data: ", b"data:")).serialized() == expected


NOISE = [b": OPENROUTER PROCESSING\n\n", b":\n\n\n", b"data:\n\n", b"event: ping\n\n", b"id: 7\nretry: 3000\n\n"]


@quick
@given(bodies, st.data())
def test_noise_between_chunks_makes_no_difference(body: bytes, data: st.DataObject) -> None:
    frames = [part + b"\n\n" for part in body.split(b"\n\n") if part]
    noise = st.lists(st.sampled_from(NOISE), max_size=3).map(b"".join)
    disturbed = b"".join(part for each in frames for part in (data.draw(noise), each)) + data.draw(noise)
    assert play(disturbed).serialized() == play(b"".join(frames)).serialized()


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_the_long_way_gives_the_same_events(name: str) -> None:
    """A member that no chunk has sends each of them past the shapes of `chunks.py`."""
    body = WHOLE[name].replace(b'"choices":', b'"unheard_of":null,"choices":')
    assert body != WHOLE[name]
    assert play(body).serialized() == play(WHOLE[name]).serialized()


def earliest_end(body: bytes) -> int:
    """Where the chunk that says why the answer ended is whole; where [DONE] is, if none does."""
    at = 0
    for part in body.split(b"\n\n"):
        data = part[6:]
        if data == b"[DONE]":
            return at + len(part)
        if any(choice.get("finish_reason") for choice in json.loads(data).get("choices", ())):
            return at + len(part)
        at += len(part) + 2
    raise AssertionError(body)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_stream_that_is_cut_before_its_end_never_succeeds(name: str) -> None:
    body = WHOLE[name]
    end = earliest_end(body)
    content = play(body).response.message.content
    # What follows [DONE] is no part of the answer.
    for at in range(body.find(b"[DONE]") if b"[DONE]" in body else len(body)):
        played = play(body[:at])
        if at < end:
            assert played.failure is not None, body[max(0, at - 60) : at]
            assert "completion" not in played.kinds
        elif played.succeeded:
            # What follows the reason says what the answer took, not what it is.
            assert played.response.message.content == content
        last = body[:at].rpartition(b"\n")[2]
        if last.startswith(b"data: {") and not last.endswith(b"}"):
            # A chunk that is cut short shows that something is missing, even after the reason.
            assert not played.succeeded
    assert play(body).succeeded


@bounded(300)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda said: b"data: " + said.encode() + b"\n\n"))
def test_arbitrary_bytes_never_succeed(body: bytes) -> None:
    assert not sound(play(body)).complete
    if b"[DONE]" not in body:
        assert not sound(play(sse(FIRST, *text("a")) + body)).complete


@bounded(300)
@given(st.sampled_from(sorted(SYNTHETIC)), st.integers(0, 2**64), st.integers(1, 8))
def test_mutated_bytes_never_crash(name: str, seed: int, times: int) -> None:
    chance = random.Random(seed)
    body = bytearray(SYNTHETIC[name])
    for _ in range(times):
        at = chance.randrange(len(body) + 1)
        to = min(len(body), at + chance.choice([1, 1, 2, 10, 200]))
        other = chance.randrange(len(body) + 1)
        new = [b"", bytes([chance.randrange(256)]), body[other : other + 50], b"\n\n", b"\\ud83d", b"}", b"null"]
        body[at:to] = chance.choice([*new, b"[" * 300])
    sound(play(bytes(body)))


@bounded(500)
@given(st.sampled_from(sorted(SYNTHETIC)), st.data())
def test_mutated_json_never_crashes(name: str, data: st.DataObject) -> None:
    """Any value in any place of any chunk, and chunks lost, repeated and swapped."""
    chunks: list[Any] = [json.loads(line[6:]) for line in SYNTHETIC[name].split(b"\n") if line.startswith(b"data: {")]
    for _ in range(data.draw(st.integers(1, 3))):
        if not chunks:
            break
        at, other = (data.draw(st.integers(0, len(chunks) - 1)) for _ in range(2))
        match data.draw(st.sampled_from(["value", "value", "value", "drop", "repeat", "swap"])):
            case "drop":
                del chunks[at]
            case "repeat":
                chunks.insert(at, chunks[other])
            case "swap":
                chunks[at], chunks[other] = chunks[other], chunks[at]
            case _:
                chunks[at] = data.draw(mutated(chunks[at]))
    sound(play(b"".join(b"data: " + json.dumps(each).encode() + b"\n\n" for each in chunks) + DONE))


@bounded(200)
@given(st.data())
def test_mutated_messages_never_crash(data: st.DataObject) -> None:
    """The same in one piece: an answer, or an error of ours."""
    call = {"id": "c", "type": "function", "function": {"name": "n", "arguments": "{}"}}
    message = {"role": "assistant", "content": "a", "refusal": None, "tool_calls": [call], "annotations": []}
    body = envelope(choices=[{"index": 0, "message": message, "finish_reason": "stop"}], usage={"prompt_tokens": 3})
    changed = json.dumps(data.draw(mutated(body))).encode()
    try:
        events = PROVIDER.decode_message(changed, TARGET)
    except (GatewayError, ProtocolViolation):
        return
    grammar([event.WhichOneof("kind") or "" for event in events])
    assert events[-1].HasField("completion")


ENDLESS: dict[str, tuple[list[Json], Json]] = {
    "events before the beginning": ([], {"type": "hello", "text": "x" * 1000}),
    "arguments": ([FIRST, calls(piece(0, "{", name="a", id="c"))], calls(piece(0, "x" * 1000))),
    "arguments that wait": (
        [FIRST, calls(piece(0, "{", name="a", id="c")), calls(piece(1, "{", name="b", id="d"))],
        calls(piece(1, "x" * 1000)),
    ),
    "calls": ([FIRST], calls(piece(None, "{", name="x" * 1000, id="NUMBER"))),
    "sound": ([FIRST], chunk({"audio": {"data": "x" * 1000}})),
    "lists that nobody knows": ([FIRST], chunk({"unknown": ["x" * 1000]})),
    "details of reasoning": ([FIRST], chunk({"reasoning_details": [{"type": "reasoning.text", "text": "x" * 1000}]})),
    "details that are none": ([FIRST], chunk({"reasoning_details": ["x" * 1000]})),
    "members that nobody knows": ([FIRST], chunk({"NUMBER": "x" * 1000})),
    "members of the envelope": ([FIRST], envelope(choices=[], NUMBER="x" * 1000)),
}


@pytest.mark.parametrize(("before", "again"), ENDLESS.values(), ids=ENDLESS)
def test_what_is_kept_of_an_endless_answer_is_bounded(
    before: list[Json], again: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 2**18
    monkeypatch.setattr("trunkline_service.providers.openai.chat.stream.MAX_KEPT_BYTES", limit)
    assert limit < MAX_KEPT_BYTES <= 2**28
    decoder = PROVIDER.stream_decoder(TARGET)
    decoder.decode([Frame(b"", json.dumps(each).encode()) for each in before])
    tracemalloc.start()
    try:
        for number in range(4 * limit // 1000):
            decoder.decode([Frame(b"", json.dumps(again).replace("NUMBER", f"n{number}").encode())])
            if decoder.failure is not None:
                break
        assert tracemalloc.get_traced_memory()[1] < 4 * limit
    finally:
        tracemalloc.stop()
    assert decoder.failure is not None
    assert not decoder.complete


def test_a_text_of_any_length_is_passed_on() -> None:
    """Text is not kept, so nothing bounds it."""
    decoder = PROVIDER.stream_decoder(TARGET)
    again = Frame(b"", frame(chunk({"content": "x" * 1000}))[6:-2])
    decoder.decode([Frame(b"", frame(FIRST)[6:-2]), again])
    tracemalloc.start()
    for _ in range(5000):
        assert len(decoder.decode([again])) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
