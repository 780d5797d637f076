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

from trunkline_service.providers.openai.responses.stream import MAX_KEPT_BYTES
from trunkline_service.upstream.framing import Frame
from wire.bounded import bounded
from wire.mutation import mutated
from wire_responses.corpus import ANSWERS, STREAMS
from wire_responses.decoding import (
    PROVIDER,
    TARGET,
    Json,
    Played,
    answer,
    created,
    fold,
    frame,
    function_call,
    grammar,
    item_events,
    message,
    play,
    sse,
    text,
    whole,
)

NAMES = sorted(STREAMS)
WHOLE = {name: body for name, body in STREAMS.items() if play(body).succeeded}
bodies = st.sampled_from(NAMES).map(STREAMS.__getitem__)
quick = bounded(60)


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    return [body[a:b] for a, b in pairwise([0, *sorted(cuts), len(body)])]


def sound(played: Played) -> Played:
    """Fails unless this is an answer that keeps the contract, whether it succeeded or not."""
    assert played.complete or played.failure is not None
    assert played.kinds.count("completion") == int(played.succeeded)
    grammar(played.kinds)
    indexes = [event.block_start.index for event in played.events if event.HasField("block_start")]
    assert indexes == list(range(len(indexes)))
    fold(played.events).SerializeToString()
    return played


@pytest.mark.parametrize("name", sorted(ANSWERS))
@pytest.mark.parametrize("size", [1, 3, 1000])
def test_a_stream_adds_up_to_the_same_answer_in_one_piece(name: str, size: int) -> None:
    played = sound(play(answer(*ANSWERS[name], size=size)))
    assert played.succeeded
    assert played.response == whole(ANSWERS[name])


@quick
@given(bodies, st.data())
def test_any_split_gives_the_same_events(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=30))
    assert play(*pieces(body, cuts)).serialized() == play(body).serialized()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("newline", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
def test_framing_makes_no_difference(name: str, newline: bytes) -> None:
    body = STREAMS[name]
    expected = play(body).serialized()
    assert play(body.replace(b"\n", newline)).serialized() == expected
    assert play(body.rstrip(b"\n")).serialized() == expected
    nameless = b"".join(line for line in body.splitlines(keepends=True) if not line.startswith(b"event:"))
    assert play(nameless).serialized() == expected


NOISE = [
    b": keep-alive\n\n",
    b"data:\n\n",
    b'data: {"type":"keepalive","sequence_number":7}\n\n',
    b'event: ping\ndata: {"type": "ping"}\n\n',
    b"id: 7\nretry: 3000\n\n",
]


@quick
@given(bodies, st.data())
def test_noise_between_events_makes_no_difference(body: bytes, data: st.DataObject) -> None:
    frames = [part + b"\n\n" for part in body.split(b"\n\n") if part]
    noise = st.lists(st.sampled_from(NOISE), max_size=3).map(b"".join)
    disturbed = b"".join(part for each in frames for part in (data.draw(noise), each)) + data.draw(noise)
    assert play(disturbed).serialized() == play(b"".join(frames)).serialized()


@quick
@given(st.sampled_from(sorted(ANSWERS)), st.randoms(use_true_random=False))
def test_items_that_interleave_make_no_difference(name: str, chance: random.Random) -> None:
    """The events of each item keep their order, and items begin in order; nothing else is certain."""
    items = ANSWERS[name]
    lanes = [item_events(item, index) for index, item in enumerate(items)]
    told: list[Json] = []
    begun = 0
    while any(lanes):
        open_lanes = [lane for lane in lanes[: begun + 1] if lane]
        lane = chance.choice(open_lanes)
        if begun < len(lanes) and lane is lanes[begun]:
            begun += 1
        told.append(lane.pop(0))
    final = STREAMS[name].split(b"\n\n")[-2] + b"\n\n"
    played = sound(play(sse(created(), *told) + final))
    blocks = [event for event in played.events if not event.HasField("opaque")]
    assert fold(blocks) == whole(items)


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_unknown_events_come_through_in_their_places(name: str) -> None:
    events = [part + b"\n\n" for part in WHOLE[name].split(b"\n\n") if part]
    plain = play(WHOLE[name])
    unknown = {"type": "response.weather", "sky": "blue\u2028", "output_index": 0}
    for at in range(len(events)):
        played = sound(play(*events[:at], frame(unknown), *events[at:]))
        assert played.response == plain.response
        [opaque] = [event.opaque for event in played.events if event.opaque.type == "response.weather"]
        assert json.loads(opaque.raw_json) == unknown


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_a_stream_that_is_cut_anywhere_never_succeeds(name: str) -> None:
    body = WHOLE[name]
    end = len(body.rstrip(b"\n"))
    # Every byte of the end, and many before it.
    for at in [*range(0, end - 60, 31), *range(max(0, end - 60), end)]:
        played = sound(play(body[:at]))
        assert not played.complete, body[max(0, at - 60) : at]
    assert play(body[:end]).succeeded


@bounded(300)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda words: b"data: " + words.encode() + b"\n\n"))
def test_arbitrary_bytes_never_succeed(body: bytes) -> None:
    assert not sound(play(body)).complete
    assert not sound(play(sse(created()) + body)).complete


@bounded(300)
@given(st.sampled_from(NAMES), st.integers(0, 2**64), st.integers(1, 8))
def test_mutated_bytes_never_crash(name: str, seed: int, times: int) -> None:
    chance = random.Random(seed)
    body = bytearray(STREAMS[name])
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
@given(st.sampled_from(NAMES), st.data())
def test_mutated_json_never_crashes(name: str, data: st.DataObject) -> None:
    """Any value in any place of any event, and events lost, repeated and swapped."""
    events: list[Any] = [json.loads(line[6:]) for line in STREAMS[name].split(b"\n") if line.startswith(b"data: {")]
    for _ in range(data.draw(st.integers(1, 3))):
        if not events:
            break
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
    sound(play(b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in events)))


@bounded(300)
@given(st.sampled_from(sorted(ANSWERS)), st.data())
def test_a_mutated_answer_in_one_piece_never_crashes(name: str, data: st.DataObject) -> None:
    from trunkline_service.errors import GatewayError
    from trunkline_service.providers.base import ProtocolViolation

    body = json.loads(STREAMS[name].split(b"\n\n")[-2].split(b"\ndata: ")[1])["response"]
    try:
        events = PROVIDER.decode_message(json.dumps(data.draw(mutated(body))).encode(), TARGET)
    except (ProtocolViolation, GatewayError):
        return
    grammar([event.WhichOneof("kind") or "" for event in events])
    assert events[-1].HasField("completion")


ENDLESS: dict[str, tuple[list[Json], Json]] = {
    "events before the beginning": ([], {"type": "hello", "text": "x" * 1000}),
    "arguments": (
        [created(), item_events(function_call("{}"), 0)[0]],
        {"type": "response.function_call_arguments.delta", "output_index": 0, "delta": "x" * 1000},
    ),
    "an item that waits": (
        [created(), *(item_events(message(text("a")), index)[0] for index in range(2))],
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "x" * 1000},
    ),
    "items": ([created()], {"type": "response.output_item.done", "item": {"type": "dream"}}),
}


@pytest.mark.parametrize(("before", "again"), ENDLESS.values(), ids=ENDLESS)
def test_what_is_kept_of_an_endless_answer_is_bounded(
    before: list[Json], again: Json, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An upstream that never ends costs time, which the deadline bounds, but no memory."""
    limit = 2**18
    monkeypatch.setattr("trunkline_service.providers.openai.responses.stream.MAX_KEPT_BYTES", limit)
    assert limit < MAX_KEPT_BYTES <= 2**28
    decoder = PROVIDER.stream_decoder(TARGET)
    decoder.decode([Frame(b"", json.dumps(event).encode()) for event in before])
    tracemalloc.start()
    try:
        for number in range(4 * limit // 1000):
            event = {"output_index": number} | again
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
    decoder.decode(
        [Frame(b"", json.dumps(each).encode()) for each in (created(), *item_events(message(text("a")), 0)[:2])]
    )
    event = {"type": "response.output_text.delta", "output_index": 0, "content_index": 0, "delta": "x" * 1000}
    piece = Frame(b"", json.dumps(event).encode())
    tracemalloc.start()
    for _ in range(5000):
        assert len(decoder.decode([piece])) == 1
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 100_000
