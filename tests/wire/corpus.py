"""Streams with everything in them that the API is known to send, and some things that it may."""

from __future__ import annotations

from itertools import chain

from wire.decoding import (
    PING,
    STOP,
    Json,
    answer,
    block,
    delta,
    message_delta,
    sse,
    start,
    text_block,
    text_delta,
    tool_block,
)
from wire.recordings import streams

CITATION: Json = {
    "type": "char_location",
    "cited_text": "Grass is green.",
    "document_index": 0,
    "document_title": None,
    "start_char_index": 0,
    "end_char_index": 15,
    "file_id": None,
}
WEB_RESULT: Json = {
    "type": "web_search_tool_result",
    "tool_use_id": "srvtoolu_1",
    "content": [{"type": "web_search_result", "url": "https://e.org", "title": "É", "encrypted_content": "x=="}],
}
COMPACTION: Json = {"type": "compaction", "content": None, "signature": "s"}
FALLBACK: Json = {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}, "trigger": {"type": "refusal"}}
FULL_USAGE: Json = {
    "input_tokens": 9281,
    "cache_creation_input_tokens": 7,
    "cache_read_input_tokens": 11,
    "cache_creation": {"ephemeral_5m_input_tokens": 3, "ephemeral_1h_input_tokens": 4},
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 8},
    "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
    "service_tier": "priority",
    "speed": "fast",
    "inference_geo": "us",
    "iterations": [{"type": "message", "input_tokens": 1}],
}
REFUSAL: Json = {"type": "refusal", "category": "cyber", "explanation": "No.", "recommended_model": "x"}
PENDING: Json = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}}

SYNTHETIC: dict[str, bytes] = {
    "text": answer(*text_block("Bon", "jour", " é🎉", "")),
    "separators": answer(*text_block("a\u2028b\u2029c\u0085d", "\x0b\x0c\x1c\x1d\x1e\x7f\ufeff", "\\u2028\r\n\0")),
    "empty": answer(),
    "empty blocks": answer(*text_block(), *text_block("", index=1)),
    "thinking": answer(
        *block(
            {"type": "thinking", "thinking": "", "signature": ""},
            delta("thinking_delta", thinking="Hm"),
            delta("thinking_delta", thinking="", estimated_tokens=3),
            delta("signature_delta", signature="first"),
            delta("signature_delta", signature="Er8=+/é"),
        ),
        *block({"type": "redacted_thinking", "data": "b64=="}, index=1),
        *text_block("So.", index=2),
    ),
    "tools": answer(
        *tool_block("", '{"city": "S', 'an \\u00', 'e9\\', '"", "n": 12345678901234567890, "f": 1.0}'),
        *tool_block(index=1),
        *tool_block("", index=2),
        *tool_block('{"cut": "of', index=3, caller={"type": "code_execution_20260120", "tool_id": "srvtoolu_9"}),
        stop_reason="tool_use",
    ),
    "server tools": answer(
        *block(PENDING, delta("input_json_delta", partial_json='{"query":"x"}')),
        *block(WEB_RESULT, index=1),
        *block(
            {"type": "text", "text": "", "citations": []},
            delta("citations_delta", 2, citation=CITATION),
            text_delta("Grass ", 2),
            delta("citations_delta", 2, citation={"type": "moon_location", "crater": 7}),
            text_delta("is green.", 2),
            index=2,
        ),
        *block({"type": "container_upload", "file_id": "file_1"}, index=3),
    ),
    "opaque": answer(
        *block(FALLBACK),
        *block(COMPACTION, delta("compaction_delta", 1, content="Sum", encrypted_content="e=="), index=1),
        *block(
            {"type": "poem", "text": "Ro"},
            text_delta("ses ", 2),
            text_delta("are", 2),
            delta("rhyme_delta", 2, rhyme="red"),
            index=2,
        ),
        *text_block("b", index=3),
        stop_reason="compaction",
    ),
    "events": sse(
        {"type": "warm_up", "n": 1.0},
        PING,
        start(usage=FULL_USAGE, container={"id": "c", "expires_at": "2026"}, stop_details=None),
        PING,
        *text_block("a"),
        {"type": "progress", "of": 2},
        message_delta(None, {"output_tokens": 2}),
        message_delta(
            None,
            {"output_tokens": 30, "cache_read_input_tokens": None},
            delta={"stop_reason": "refusal", "stop_sequence": None, "stop_details": REFUSAL},
            context_management={"applied_edits": []},
        ),
        STOP,
        PING,
        {"type": "afterthought"},
    ),
    "interleaved": answer(
        *chain.from_iterable(zip(text_block("a", "b"), tool_block('{"a":', "1}", index=1), strict=True))
    ),
    "surrogates": answer(
        *block(
            {"type": "text", "text": ""},
            *(
                frame
                for half in (r"a\ud83d", r"\ude00b", r"\ude00", r"\ud83d\ud83d", r"\ude00\ud83d")
                for frame in [
                    b'data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"%b"}}\n\n'
                    % half.encode()
                ]
            ),
        ),
    ),
    "error": sse(
        start(), *text_block("a"), {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    ),
    "cut": sse(start(), *text_block("a")),
    "garbage": sse(start(), *text_block("a"), b"data: [DONE]\n\n", message_delta(), STOP),
    "nothing": b"",
}  # fmt: skip


def corpus() -> dict[str, bytes]:
    """All streams by name, the recorded ones among them if they are there."""
    return SYNTHETIC | {recording.name: recording.body for recording in streams()}
