"""The fold of a stream is what the same message says in one piece."""

from __future__ import annotations

import json
import struct
from itertools import pairwise
from typing import Any

from google.protobuf.json_format import MessageToDict
from hypothesis import given
from hypothesis import strategies as st

from trunkline.v1 import chat_service_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation
from wire.bounded import bounded
from wire.corpus import CITATION, COMPACTION, FALLBACK, FULL_USAGE, REFUSAL, WEB_RESULT
from wire.decoding import PROVIDER, STOP, TARGET, Json, block, delta, fold, grammar, message_delta, play, start
from wire.mutation import mutated

words = st.text(max_size=12) | st.sampled_from(["🎉", "\u2028\u0085", "\ud83d", "a\ude00b", "\x00", "\\u00e9", '"}\n'])
extras = st.dictionaries(st.sampled_from(["x_new", "x_é"]), st.none() | st.integers() | words, max_size=1)
# Half a pair in the name of a member is refused; in a value it stays, as long as it is written as an escape.
arguments = st.dictionaries(words.map(lambda text: text.encode(errors="replace").decode()), words, max_size=3)
counts = st.none() | st.integers(0, 2**31 - 1)


CALLERS: list[Json] = [{}, {"caller": {"type": "direct"}}, {"caller": None}]
BESIDE: list[Json] = [{}, {"context_management": {"applied_edits": []}}, {"input_transformations": []}]
ENVELOPES: list[Json] = [{}, {"container": {"id": "c"}}, {"container": None, "diagnostics": {"n": 1.0}}]


def units(text: str) -> str:
    """The text as UTF-16 has it, one character for each unit."""
    data = text.encode("utf-16-le", "surrogatepass")
    return "".join(map(chr, struct.unpack(f"<{len(data) // 2}H", data)))


@st.composite
def cut(draw: st.DrawFn, text: str) -> list[str]:
    """A text in pieces, as a provider that counts in UTF-16 might send it."""
    sent = units(text)
    cuts = [0, *sorted(draw(st.lists(st.integers(0, len(sent)), max_size=4))), len(sent)]
    return [sent[a:b] for a, b in pairwise(cuts)]


@st.composite
def contents(draw: st.DrawFn, index: int) -> tuple[Json, list[Json | bytes]]:
    """A block as a whole, and its events."""
    extra = draw(extras)
    match draw(st.sampled_from(["text", "thinking", "redacted", "tool", "server", "mcp", "result", "opaque"])):
        case "text":
            text = draw(words)
            cited = [CITATION, CITATION | {"type": "page_location", "x_new": None}, {"type": "moon", "crater": 1}]
            citations = draw(st.lists(st.sampled_from(cited), max_size=2))
            whole = {"type": "text", "text": text, "citations": citations or None, **extra}
            texts = [delta("text_delta", index, text=piece) for piece in draw(cut(text))]
            marks = [delta("citations_delta", index, citation=each) for each in citations]
            mixed = [*marks, *texts] if draw(st.booleans()) else [*texts, *marks]
            return whole, block({"type": "text", "text": "", **extra}, *mixed, index=index)
        case "thinking":
            text, signature = draw(words), draw(words)
            pieces = [delta("thinking_delta", index, thinking=piece) for piece in draw(cut(text))]
            held = {"type": "thinking", "thinking": "", "signature": "", **extra}
            signed = delta("signature_delta", index, signature=signature)
            return held | {"thinking": text, "signature": signature}, block(held, *pieces, signed, index=index)
        case "tool" | "server" | "mcp" as runner:
            kind = {"tool": "tool_use", "server": "server_tool_use", "mcp": "mcp_tool_use"}[runner]
            wanted = draw(arguments)
            said = "".join(wanted.values())
            escaped = "\ud83d" in said or "\ude00" in said or draw(st.booleans())
            text = json.dumps(wanted, ensure_ascii=escaped, indent=draw(st.sampled_from([None, 1])))
            caller: Json = draw(st.sampled_from(CALLERS))
            call: Json = {"type": kind, "id": "t", "name": draw(words), "input": {}} | caller | extra
            if runner == "mcp":
                call["server_name"] = "s"
            pieces = [delta("input_json_delta", index, partial_json=piece) for piece in draw(cut(text))]
            sent = pieces if wanted else draw(st.sampled_from([[], pieces]))
            return call | {"input": wanted}, block(call, *sent, index=index)
        case "redacted":
            whole = {"type": "redacted_thinking", "data": draw(words), **extra}
        case "result":
            whole = WEB_RESULT | extra
        case _:
            whole = (
                draw(st.sampled_from([FALLBACK, {"type": "container_upload", "file_id": "f"}, {"type": "x"}])) | extra
            )
    return whole, block(whole, index=index)


@st.composite
def messages(draw: st.DrawFn) -> tuple[Json, list[Json | bytes]]:
    """A message in one piece, and as a stream."""
    blocks = [draw(contents(index)) for index in range(draw(st.integers(0, 3)))]
    reason = draw(st.sampled_from(["end_turn", "tool_use", "refusal", "stop_sequence", "new_reason"]))
    ending: Json = {"stop_reason": reason, "stop_sequence": "END" if reason == "stop_sequence" else None}
    if reason == "refusal":
        ending["stop_details"] = draw(st.sampled_from([None, REFUSAL, {"type": "other", "n": 1}]))
    first = draw(st.fixed_dictionaries({"input_tokens": counts, "output_tokens": counts})) | draw(
        st.sampled_from([{}, FULL_USAGE])
    )
    last = draw(st.dictionaries(st.sampled_from(["input_tokens", "x_tokens"]), counts))
    last["output_tokens"] = draw(st.integers(0, 2**31 - 1))
    known = {name: number for name, number in last.items() if number is not None or name not in first}
    beside: Json = draw(st.sampled_from(BESIDE))
    held: Json = draw(st.sampled_from(ENVELOPES))
    models = [content["to"]["model"] for content, _ in blocks if content["type"] == "fallback"]
    began = start(usage=first, **held)
    message = (
        began["message"]
        | {"content": [content for content, _ in blocks], "usage": first | known, "model": [*models, "claude-x"][0]}
        | ending
        | beside
    )
    began["message"]["model"] = "claude-x"
    ended = {"type": "message_delta", "delta": ending, "usage": last} | beside
    return message, [began, *(event for _, events in blocks for event in events), ended, STOP]


def plain(response: chat_service_pb2.ChatResponse) -> Any:
    """A response with its JSON parsed, and the one documented difference taken out: empty arguments stand for `{}`, and
    a provider that fell back says so twice in a stream.
    """
    for held in response.message.content:
        if held.HasField("tool_use"):
            held.tool_use.input_json = held.tool_use.input_json or "{}"
    response.completion.ClearField("origin")
    return _parsed(MessageToDict(response, preserving_proto_field_name=True))


def _parsed(value: Any) -> Any:
    if isinstance(value, list):
        return [_parsed(each) for each in value]
    if isinstance(value, dict):
        return {name: json.loads(each) if name.endswith("_json") else _parsed(each) for name, each in value.items()}
    return value


def encoded(event: Json | bytes) -> bytes:
    return b"data: " + json.dumps(event).encode() + b"\n\n"


@bounded(150)
@given(messages())
def test_the_fold_of_a_stream_is_the_message(both: tuple[Json, list[Json | bytes]]) -> None:
    message, events = both
    played = play(b"".join(map(encoded, events)))
    assert played.succeeded, played.failure
    grammar(played.kinds)
    unary = PROVIDER.decode_message(json.dumps(message).encode(), TARGET)
    grammar([event.WhichOneof("kind") or "" for event in unary])
    assert plain(played.response) == plain(fold(unary))


def test_a_block_with_deltas_that_are_folded_is_the_block() -> None:
    summed = delta("compaction_delta", content="Sum", encrypted_content="e==")
    events = [start(), *block(COMPACTION, summed), message_delta("compaction"), STOP]
    whole = COMPACTION | {"content": "Sum", "encrypted_content": "e=="}
    ending = {"stop_reason": "compaction", "usage": {"input_tokens": 10, "output_tokens": 5}}
    message = start()["message"] | {"content": [whole]} | ending
    unary = PROVIDER.decode_message(json.dumps(message).encode(), TARGET)
    assert plain(play(b"".join(map(encoded, events))).response) == plain(fold(unary))


WHOLE = start()["message"] | {
    "content": [
        {"type": "text", "text": "a", "citations": [CITATION]},
        {"type": "thinking", "thinking": "b", "signature": "c"},
        {"type": "tool_use", "id": "t", "name": "n", "input": {"a": 1}, "caller": {"type": "x", "tool_id": "y"}},
        WEB_RESULT,
        COMPACTION,
        FALLBACK,
    ],
    "usage": FULL_USAGE,
    "stop_reason": "refusal",
    "stop_details": REFUSAL,
}


@bounded(300)
@given(mutated(WHOLE) | mutated({"type": "error", "error": {"type": "api_error", "message": "m", "details": {}}}))
def test_a_mutated_message_is_an_answer_or_an_error(message: Any) -> None:
    body = json.dumps(message).encode()
    try:
        events = PROVIDER.decode_message(body, TARGET)
    except (ProtocolViolation, GatewayError):
        return
    grammar([event.WhichOneof("kind") or "" for event in events])
    fold(events).SerializeToString()


@bounded(100)
@given(st.binary(max_size=40) | mutated({"input_tokens": 5, "max_tokens": 6}).map(json.dumps).map(str.encode))
def test_mutated_numbers_are_numbers_or_errors(body: bytes) -> None:
    for decode in (lambda: PROVIDER.decode_count(body, TARGET).input_tokens, lambda: PROVIDER.decode_model(body)):
        try:
            number = decode()
        except ProtocolViolation:
            continue
        assert number is None or 0 <= number < 2**31
