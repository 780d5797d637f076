"""What holds for every stream of Gemini's, however it is cut, disturbed or broken."""

from __future__ import annotations

import json
import random
import tracemalloc
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline_service.providers.gemini.stream import MAX_KEPT_BYTES
from trunkline_service.upstream.framing import Frame
from wire.bounded import bounded
from wire.decoding import Json, Played, fold, grammar
from wire.mutation import mutated
from wire_gemini.decoding import PROVIDER, TARGET, USAGE, answer, call, chunk, error, play, sse, text, thought

SIGNATURE = "c2lnbmVk"
_GROUNDING = {
    "groundingChunks": [{"web": {"uri": "https://a.example", "title": "Ä"}}],
    "groundingSupports": [{"segment": {"endIndex": 2}, "groundingChunkIndices": [0]}],
}
CHUNKS: dict[str, list[Json]] = {
    "text": [chunk(text("Hel")), chunk(text("lö\u2028 \U0001f600")), chunk(text(""), finish="STOP")],
    "thoughts and calls": [
        chunk(thought("Hm"), text("I look.")),
        chunk(call(id="c1") | {"thoughtSignature": SIGNATURE}, call("f", {"n": [1.0, {"x": "}\n\n{"}]})),
        chunk(text("", thoughtSignature=SIGNATURE), finish="STOP", usageMetadata=USAGE | {"thoughtsTokenCount": 3}),
    ],
    "grounded": [
        chunk(text("Hi"), candidate={"safetyRatings": [{"category": "X"}]}),
        chunk(finish="STOP", candidate={"groundingMetadata": _GROUNDING}),
    ],
    "code and media": [
        chunk({"executableCode": {"code": "1"}}, {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}),
        chunk(text("x", partMetadata={"a": 1}), finish="MAX_TOKENS"),
    ],
}
WHOLE = {name: sse(*chunks) for name, chunks in CHUNKS.items()}
_BARE = json.dumps(error(503, "UNAVAILABLE", "Overloaded."), indent=2).encode()
BODIES = WHOLE | {
    "error": sse(*CHUNKS["text"][:1]) + _BARE,
    "error with blank lines": sse(*CHUNKS["text"][:1]) + _BARE.replace(b"\n", b"\n\n") + b"\n",
    "blocked": sse({"promptFeedback": {"blockReason": "SAFETY"}}),
}
bodies = st.sampled_from(sorted(BODIES)).map(BODIES.__getitem__)


def pieces(body: bytes, cuts: list[int]) -> list[bytes]:
    return [body[a:b] for a, b in pairwise([0, *sorted(cuts), len(body)])]


def sound(played: Played) -> Played:
    """Fails unless this is an answer that keeps the contract, whether it succeeded or not."""
    assert played.complete != (played.failure is not None)
    assert played.kinds.count("completion") == int(played.succeeded)
    grammar(played.kinds)
    fold(played.events).SerializeToString()
    return played


@bounded(150)
@given(bodies, st.data())
def test_any_split_gives_the_same_events(body: bytes, data: st.DataObject) -> None:
    cuts = data.draw(st.lists(st.integers(0, len(body)), max_size=30))
    assert play(*pieces(body, cuts)).serialized() == play(body).serialized()


@pytest.mark.parametrize("name", BODIES)
@pytest.mark.parametrize("size", [1, 2, 3, 17])
def test_even_pieces_give_the_same_events(name: str, size: int) -> None:
    body = BODIES[name]
    assert play(*pieces(body, list(range(size, len(body), size)))).serialized() == play(body).serialized()


@pytest.mark.parametrize("newline", [b"\n", b"\r"], ids=["LF", "CR"])
@pytest.mark.parametrize("name", BODIES)
def test_framing_makes_no_difference(name: str, newline: bytes) -> None:
    body = BODIES[name]
    expected = play(body).serialized()
    assert play(body.replace(b"\r\n", newline)).serialized() == expected
    assert play(b"\xef\xbb\xbf" + body).serialized() == expected
    assert play(body.replace(b"data: ", b"data:")).serialized() == expected
    assert play(body.replace(b"data: ", b": keep-alive\r\n\r\nevent: x\r\nid: 7\r\ndata: ")).serialized() == expected


@pytest.mark.parametrize("name", WHOLE)
def test_a_stream_cut_anywhere_before_its_end_fails(name: str) -> None:
    body = WHOLE[name]
    end = len(body.rstrip())
    for at in range(end):
        played = sound(play(body[:at]))
        assert not played.succeeded, at
    for at in range(end, len(body) + 1):
        assert sound(play(body[:at])).succeeded


@pytest.mark.parametrize("name", WHOLE)
def test_one_piece_is_what_the_stream_adds_up_to(name: str) -> None:
    """Written in the same way: a list of chunks is what Gemini answers without `alt=sse`."""
    body = json.dumps(CHUNKS[name]).encode()
    assert fold(PROVIDER.decode_message(body, TARGET)) == play(WHOLE[name]).response
    for at in range(0, len(body), 7):
        with pytest.raises(Exception, match=r"format|why it ended"):
            PROVIDER.decode_message(body[:at], TARGET)


@bounded(300)
@given(st.binary(max_size=300) | st.text(max_size=100).map(lambda words: b"data: " + words.encode() + b"\n\n"))
def test_arbitrary_bytes_never_succeed(body: bytes) -> None:
    assert not sound(play(body)).complete
    assert not sound(play(sse(CHUNKS["text"][0]) + body)).complete


@bounded(400)
@given(st.sampled_from(sorted(BODIES)), st.integers(0, 2**64), st.integers(1, 8))
def test_mutated_bytes_never_crash(name: str, seed: int, times: int) -> None:
    chance = random.Random(seed)
    body = bytearray(BODIES[name])
    noise = [b"", b"\n\n", b"\\ud83d", b"}", b"null", b"[" * 300, b"{", b"\xff", b'"']
    for _ in range(times):
        at = chance.randrange(len(body) + 1)
        to = min(len(body), at + chance.choice([1, 1, 2, 10, 200]))
        other = chance.randrange(len(body) + 1)
        body[at:to] = chance.choice([*noise, bytes([chance.randrange(256)]), body[other : other + 50]])
    sound(play(bytes(body)))


@bounded(600)
@given(st.sampled_from(sorted(CHUNKS)), st.data())
def test_mutated_json_never_crashes(name: str, data: st.DataObject) -> None:
    """Any value in any place of any chunk, and chunks lost, repeated and swapped."""
    chunks: list[Any] = list(CHUNKS[name])
    for _ in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(chunks) - 1))
        match data.draw(st.sampled_from(["value", "value", "value", "repeat", "swap"])):
            case "repeat":
                chunks.insert(at, chunks[data.draw(st.integers(0, len(chunks) - 1))])
            case "swap":
                other = data.draw(st.integers(0, len(chunks) - 1))
                chunks[at], chunks[other] = chunks[other], chunks[at]
            case _:
                chunks[at] = data.draw(mutated(chunks[at]))
    sound(play(sse(*chunks)))


ENDLESS: dict[str, Json] = {
    "members that nobody knows": {"x" * 1000: 1},
    "lists beside the content": {"candidates": [{"urlContextMetadata": {"urlMetadata": ["x" * 1000]}}]},
    "usage": {"usageMetadata": {"x" * 1000: 1}},
    "citations": chunk(text("a"), candidate={"citationMetadata": {"citations": [{"uri": "x" * 1000}]}}),
}


@pytest.mark.parametrize("again", ENDLESS.values(), ids=ENDLESS)
def test_what_is_kept_of_an_endless_answer_is_bounded(again: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    """An upstream that never ends costs time, which the deadline bounds, but no memory."""
    limit = 2**17
    monkeypatch.setattr("trunkline_service.providers.gemini.stream.MAX_KEPT_BYTES", limit)
    assert limit < MAX_KEPT_BYTES <= 2**28
    decoder = PROVIDER.stream_decoder(TARGET)
    tracemalloc.start()
    try:
        for number in range(4 * limit // 1000):
            data = json.dumps(again).replace("x" * 1000, f"{number:05}" + "x" * 1000)
            decoder.decode([Frame(b"", data.encode())])
            if decoder.failure is not None:
                break
        assert tracemalloc.get_traced_memory()[1] < 8 * limit
    finally:
        tracemalloc.stop()
    assert decoder.failure is not None
    assert not decoder.complete


def test_nothing_is_kept_of_a_chunk_but_what_it_says_beside_its_text() -> None:
    decoder = PROVIDER.stream_decoder(TARGET)
    tracemalloc.start()
    for number in range(50):
        piece = chunk(text("x" * 100_000), usageMetadata={f"u{number}": 1}, **{f"new{number}": number})
        decoder.decode([Frame(b"", json.dumps(piece).encode())])
    kept = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert decoder.failure is None
    assert kept < 500_000


def test_a_text_of_any_length_is_passed_on() -> None:
    """Text is not kept, so nothing bounds it; nor is what every chunk says again."""
    decoder = PROVIDER.stream_decoder(TARGET)
    ratings = {"safetyRatings": [{"category": "X", "probability": "LOW"}]}
    decoder.decode([Frame(b"", json.dumps(chunk(text("a"))).encode())])
    for piece in (chunk(text("x" * 1000)), chunk(text("x" * 1000), candidate=ratings)):
        frame = Frame(b"", json.dumps(piece).encode())
        tracemalloc.start()
        for _ in range(2000):
            assert len(decoder.decode([frame])) == 1
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100_000


def test_bare_json_that_never_ends_is_not_kept() -> None:
    framing = PROVIDER.framing(2**20)
    frames = framing.feed(b"{\n\n")
    for _ in range(1000):
        frames += framing.feed(b'"x": "' + b"y" * 1000 + b'",\n\n')
    assert len(frames) == 1
    decoder = PROVIDER.stream_decoder(TARGET)
    decoder.decode(frames)
    assert decoder.failure is not None


def test_an_event_of_many_megabytes_arrives_whole() -> None:
    body = answer({"inlineData": {"mimeType": "image/png", "data": "AAAA" * 500_000}})
    framing = PROVIDER.framing(2**23)
    decoder = PROVIDER.stream_decoder(TARGET)
    events = [event for piece in pieces(body, list(range(16384, len(body), 16384)))
              for event in decoder.decode(framing.feed(piece))]  # fmt: skip
    events += decoder.finish(framing.finish())
    assert len(fold(events).message.content[0].image.media.data) == 1_500_000
