"""What holds for every stream, however it is cut, framed, disturbed or broken."""

from __future__ import annotations

import json
import random
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline_service.providers.anthropic.stream import MAX_KEPT_BYTES
from trunkline_service.upstream.framing import Frame
from wire.bounded import bounded
from wire.corpus import SYNTHETIC, corpus
from wire.decoding import (
    PING,
    PROVIDER,
    STOP,
    TARGET,
    Json,
    Played,
    assert_joined_says_the_same,
    block_start,
    delta,
    fold,
    frame,
    message_delta,
    play,
    sse,
    start,
    text_delta,
)
from wire.mutation import mutated

NAMES = sorted(corpus())
# Ends of streams that succeed: where the object of the end mark is closed.
WHOLE = {name: body for name, body in corpus().items() if play(body).succeeded}
bodies = st.sampled_from(NAMES).map(corpus().__getitem__)
quick = bounded(80)


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    return [body[a:b] for a, b in pairwise([0, *sorted(cuts), len(body)])]


def sound(played: Played) -> Played:
    """Fails unless this is an answer that keeps the contract, whether it succeeded or not."""
    assert played.complete or played.failure is not None
    assert played.kinds.count("completion") == int(played.succeeded)
    assert played.events == [] or played.kinds[0] == "start"
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
@pytest.mark.parametrize("size", [1, 2, 3, 17, 1000])
def test_even_pieces_give_the_same_events(name: str, size: int) -> None:
    body = corpus()[name]
    assert play(*pieces(body, list(range(size, len(body), size)))).serialized() == play(body).serialized()


@pytest.mark.parametrize("newline", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
@pytest.mark.parametrize("name", NAMES)
def test_framing_makes_no_difference(name: str, newline: bytes) -> None:
    body = corpus()[name]
    expected = play(body).serialized()
    assert play(body.replace(b"\n", newline)).serialized() == expected
    assert play(b"\xef\xbb\xbf" + body).serialized() == expected
    assert play(body.rstrip(b"\n")).serialized() == expected
    assert play(body.replace(b"data: ", b"data:")).serialized() == expected
    nameless = b"".join(line for line in body.splitlines(keepends=True) if not line.startswith(b"event:"))
    assert play(nameless).serialized() == expected


NOISE = [
    PING,
    b"data: {\"type\":\"ping\",\"n\":1}\n\n",
    b"event: ping\ndata: {}\n\n",
    b"event: ping\ndata:\n\n",
    b"event: ping\n\n",
    b": keep-alive\n\n",
    b": keep-alive\n",
    b":\n\n\n",
    b"id: 7\nretry: 3000\n\n",
]  # fmt: skip


@quick
@given(bodies, st.data())
def test_noise_between_events_makes_no_difference(body: bytes, data: st.DataObject) -> None:
    frames = [part + b"\n\n" for part in body.split(b"\n\n") if part]
    noise = st.lists(st.sampled_from(NOISE), max_size=3).map(b"".join)
    disturbed = b"".join(part for each in frames for part in (data.draw(noise), each)) + data.draw(noise)
    assert play(disturbed).serialized() == play(b"".join(frames)).serialized()


@quick
@given(bodies, st.data())
def test_padding_makes_no_difference(body: bytes, data: st.DataObject) -> None:
    """The API pads its events with spaces, to hide how long they are."""
    lines = [
        line[:-1] + b" " * data.draw(st.integers(0, 20)) + b"}"
        if line.startswith(b"data: {") and b'"usage"' not in line
        else line
        for line in body.split(b"\n")
    ]
    assert play(b"\n".join(lines)).response == play(body).response


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_unknown_events_come_through_in_their_places(name: str) -> None:
    events = [part + b"\n\n" for part in WHOLE[name].split(b"\n\n") if part]
    plain = play(WHOLE[name])
    unknown = {"type": "thought_weather", "sky": "blue\u2028"}
    for at in range(len(events)):
        played = sound(play(*events[:at], frame(unknown), *events[at:]))
        if not played.complete or at >= len([*filter(b"message_stop".__contains__, events)]) + len(events):
            continue
        others = [event for event in played.events if event.opaque.type != "thought_weather"]
        assert fold(others) == plain.response
        if b"message_stop" in b"".join(events[at:]):
            [opaque] = [event.opaque for event in played.events if event.opaque.type == "thought_weather"]
            assert json.loads(opaque.raw_json) == unknown


def end_of(body: bytes) -> int:
    """Where the end mark of a stream is whole."""
    at = body.index(b"message_stop", body.rindex(b"message_stop") - 40)
    return body.index(b"}", body.rindex(b'"message_stop"', at)) + 1


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_stream_that_is_cut_anywhere_never_succeeds(name: str) -> None:
    body = WHOLE[name]
    end = end_of(body)
    for at in range(end):
        played = play(body[:at])
        assert not played.complete, body[max(0, at - 60) : at]
        assert played.failure is not None
        assert "completion" not in played.kinds
    for at in range(end, len(body) + 1):
        assert play(body[:at]).succeeded


@bounded(300)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda text: b"data: " + text.encode() + b"\n\n"))
def test_arbitrary_bytes_never_succeed(body: bytes) -> None:
    assert not sound(play(body)).complete
    assert not sound(play(sse(start()) + body)).complete


@bounded(400)
@given(st.sampled_from(sorted(SYNTHETIC)), st.integers(0, 2**64), st.integers(1, 8))
def test_mutated_bytes_never_crash(name: str, seed: int, times: int) -> None:
    chance = random.Random(seed)
    body = bytearray(SYNTHETIC[name])
    for _ in range(times):
        at = chance.randrange(len(body) + 1)
        to = min(len(body), at + chance.choice([1, 1, 2, 10, 200]))
        other = chance.randrange(len(body) + 1)
        body[at:to] = chance.choice(
            [
                b"",
                bytes([chance.randrange(256)]),
                body[other : other + 50],
                b"\n\n",
                b"\\ud83d",
                b"}",
                b"null",
                b"[" * 300,
            ]
        )
    sound(play(bytes(body)))


@bounded(600)
@given(st.sampled_from(sorted(SYNTHETIC)), st.data())
def test_mutated_json_never_crashes(name: str, data: st.DataObject) -> None:
    """Any value in any place of any event, and events lost, repeated and swapped."""
    events: list[Any] = [json.loads(line[6:]) for line in SYNTHETIC[name].split(b"\n") if line.startswith(b"data: {")]
    for _ in range(data.draw(st.integers(1, 3))):
        if events:
            _mutate(events, data)
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)
    sound(play(body))


def _mutate(events: list[Any], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(events) - 1))
    match data.draw(st.sampled_from(["value", "value", "value", "drop", "repeat", "swap"])):
        case "drop":
            del events[at]
        case "repeat":
            events.insert(at, events[data.draw(st.integers(0, len(events) - 1))])
        case "swap":
            other = data.draw(st.integers(0, len(events) - 1))
            events[at], events[other] = events[other], events[at]
        case _:
            events[at] = data.draw(mutated(events[at]))


ENDLESS: dict[str, tuple[list[Json], Json]] = {
    "events before the beginning": ([], {"type": "hello", "text": "x" * 1000}),
    "arguments": (
        [start(), block_start({"type": "tool_use", "id": "t", "name": "n", "input": {}})],
        delta("input_json_delta", partial_json="x" * 1000),
    ),
    "a block that nobody knows": (
        [start(), block_start({"type": "poem"})],
        delta("text_delta", text="x" * 1000),
    ),
    "deltas that nobody knows": ([start(), block_start({"type": "poem"})], delta("rhyme_delta", rhyme="x" * 1000)),
    "blocks": ([start()], block_start({"type": "poem", "text": "x" * 1000})),
    "usage": ([start()], message_delta(None, {"x" * 1000: 1})),
}


@pytest.mark.parametrize(("before", "again"), ENDLESS.values(), ids=ENDLESS)
def test_what_is_kept_of_an_endless_answer_is_bounded(
    before: list[Json], again: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upstream that never ends costs time, which the deadline bounds, but no memory."""
    limit = 2**18
    monkeypatch.setattr("trunkline_service.providers.anthropic.stream.MAX_KEPT_BYTES", limit)
    assert limit < MAX_KEPT_BYTES <= 2**28
    decoder = PROVIDER.stream_decoder(TARGET)
    decoder.decode([Frame(b"", json.dumps(event).encode()) for event in before])
    tracemalloc.start()
    try:
        for number in range(4 * limit // 1000):
            name = f"{number:05}" if again["type"] == "message_delta" else ""
            event = json.loads(json.dumps(again).replace("x" * 1000, name + "x" * 1000)) | {"index": 0}
            if again["type"] == "content_block_start":
                event["index"] = number
            decoder.decode([Frame(b"", json.dumps(event).encode())])
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
    decoder.decode([Frame(b"", json.dumps(event).encode()) for event in (start(), block_start({"type": "text"}))])
    piece = Frame(b"", json.dumps(text_delta("x" * 1000)).encode())
    tracemalloc.start()
    for _ in range(5000):
        assert len(decoder.decode([piece])) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000


def test_an_event_of_many_megabytes_arrives_whole() -> None:
    result = {"type": "web_fetch_tool_result", "tool_use_id": "t", "content": {"data": "é" * 6_000_000}}
    body = sse(start(), block_start(result), {"type": "content_block_stop", "index": 0}, message_delta(), STOP)
    played = play(*pieces(body, list(range(16384, len(body), 16384))))
    assert played.succeeded
    content = played.response.message.content[0].server_tool_result.content_json
    assert json.loads(content) == result["content"]
