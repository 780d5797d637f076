"""Streams with everything in them that OpenAI and the servers like it are known to send."""

from __future__ import annotations

from typing import Any

from wire_openai.decoding import DONE, FIRST, USED, Json, answer, calls, chunk, envelope, piece, sse, text

CITATION: Json = {
    "type": "url_citation",
    "url_citation": {"start_index": 0, "end_index": 5, "url": "https://e.org", "title": "É"},
}


def logprob(token: str, *top: str) -> Json:
    data = list(token.encode())
    tops = [{"token": each, "logprob": -1.5, "bytes": None} for each in top]
    return {"token": token, "logprob": -0.25, "bytes": data, "top_logprobs": tops}


def surrogates(*halves: str) -> list[Any]:
    """Chunks whose text is written in escapes, as they stand."""
    return [
        b'data: {"id":"chatcmpl-1","model":"gpt-6-sol-2026","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n'
        % half.encode()
        for half in halves
    ]


SYNTHETIC: dict[str, bytes] = {
    "text": answer(*text("Bon", "jour", " é🎉", "")),
    "separators": answer(*text("a\u2028b\u2029c\u0085d", "\x0b\x0c\x1c\x1d\x1e\x7f\ufeff", "\\u2028\r\n\0")),
    "empty": answer(finish_reason="length"),
    "no end mark": sse(FIRST, *text("a", "b"), chunk({}, "stop")),
    "no usage": sse(FIRST, *text("a"), chunk({}, "stop"), DONE),
    "calls": answer(
        calls(piece(0, "", name="get_weather", id="call_1")),
        calls(piece(0, '{"city": "S')),
        calls(piece(0, "an \\u00"), piece(0, 'e9"}')),
        calls(piece(1, "", name="nothing", id="call_2")),
        calls(piece(2, '{"n": 12345678901234567890}', name="count", id="call_3"), piece(3, "{", name="cut", id="c4")),
        finish_reason="tool_calls",
    ),
    "interleaved calls": answer(
        calls(piece(0, "", name="a", id="call_1"), piece(1, "", name="b", id="call_2")),
        calls(piece(0, '{"a"'), piece(1, '{"b"')),
        calls(piece(1, ":2}"), piece(0, ":1}")),
        finish_reason="tool_calls",
    ),
    "the older form of a call": answer(
        chunk({"content": None, "function_call": {"name": "a", "arguments": ""}}),
        chunk({"function_call": {"arguments": '{"n"'}}),
        chunk({"function_call": {"arguments": ": 1}"}}),
        chunk({"function_call": {}}),
        finish_reason="function_call",
    ),
    "calls without index": answer(
        calls(piece(None, '{"a":1}', name="a", id="call_1")),
        calls(piece(None, "{", name="b", id="call_2"), piece(None, "}")),
    ),
    "calls of index 0": answer(
        calls(piece(0, '{"a":1}', name="a", id="call_1")),
        calls(piece(0, '{"b":1}', name="b", id="call_2")),
    ),
    "custom": answer(
        calls({"index": 0, "id": "call_1", "type": "custom", "custom": {"name": "sql", "input": ""}}),
        calls({"index": 0, "custom": {"input": "select "}}),
        calls({"index": 0, "custom": {"input": "1;"}}),
        finish_reason="tool_calls",
    ),
    "extra of calls": answer(
        calls(piece(0, "{}", name="a", id="call_1", extra_content={"google": {"thought_signature": "s=="}})),
        calls(piece(0, "", extra_content={"google": {"more": 1}})),
        finish_reason="tool_calls",
    ),
    "text around calls": answer(
        *text("Let me see."),
        calls(piece(0, "{}", name="a", id="call_1")),
        *text("And", " more."),
        finish_reason="tool_calls",
    ),
    "refusal": answer(chunk({"refusal": "I "}), chunk({"refusal": "will not."})),
    "reasoning_content": answer(chunk({"reasoning_content": "Hm"}), chunk({"reasoning_content": "…"}), *text("So.")),
    "reasoning": answer(
        chunk({"reasoning": "Hm", "reasoning_details": [{"type": "reasoning.text", "text": "Hm"}]}),
        chunk({"reasoning": "!", "reasoning_details": [{"type": "reasoning.encrypted", "data": "x=="}]}),
        *text("So."),
        chunk({"content": "", "reasoning": None}),
    ),
    "both reasonings": answer(chunk({"reasoning_content": "Hm", "reasoning": "Hm", "content": None}), *text("So.")),
    "parts": answer(
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}], "closed": True}]}),
        chunk({"content": [{"type": "text", "text": "So"}, {"type": "reference", "reference_ids": [1, 2]}]}),
        *text("."),
    ),
    "logprobs": answer(
        chunk({"content": "é"}, logprobs={"content": [logprob("é", "é", "e")], "refusal": None}),
        chunk({"content": ""}, logprobs={"content": [], "refusal": []}),
        chunk({"content": "a b"}, logprobs={"content": [logprob("a"), logprob(" b")], "refusal": None}),
    ),
    "odd logprobs": answer(
        chunk({"content": "a"}, logprobs={"content": [{"token": "a", "logprob": -1.0, "id": 7}], "refusal": None}),
        chunk({"reasoning_content": "b"}, logprobs={"content": [logprob("b")]}),
        chunk({"content": "c"}, logprobs={"tokens": ["c"], "token_logprobs": [-1]}),
        chunk({"refusal": "No"}, logprobs={"content": None, "refusal": [logprob("No")]}),
    ),
    "citations": answer(*text("Grass"), chunk({"annotations": [CITATION, {"type": "moon", "crater": 7}]})),
    "audio": answer(
        chunk({"audio": {"id": "audio_1", "transcript": "He"}}),
        chunk({"audio": {"data": "AAAA", "transcript": "llo"}}),
        chunk({"audio": {"data": "BB=="}}),
        chunk({"audio": {"data": "CCCC", "expires_at": 1729234747}}),
    ),
    "azure": sse(
        envelope(id="", model="", object="", created=0, choices=[], prompt_filter_results=[{"prompt_index": 0}]),
        FIRST,
        chunk({"content": "a"}, content_filter_results={"hate": {"filtered": False, "severity": "safe"}}),
        chunk({"content": "b"}, content_filter_results={"hate": {"filtered": True, "severity": "high"}}),
        chunk({}, "content_filter", content_filter_results={}),
        DONE,
    ),
    "envelopes": sse(
        {"object": "warm.up", "n": 1.0},
        FIRST,
        chunk({"content": "a"}, provider="Groq", x_groq={"id": "req_1"}),
        {"type": "progress", "of": 2},
        chunk({"content": "b"}, obfuscation="xyz", usage={"prompt_tokens": 3}, model="other"),
        chunk({}, "stop", stop_reason="END", native_finish_reason="eos"),
        envelope(choices=[], moderation={"flagged": False}),
        USED,
        DONE,
        *text("afterthought"),
    ),
    "two answers": answer(
        *text("a"), envelope(choices=[{"index": 1, "delta": {"content": "other"}, "finish_reason": None}])
    ),
    "surrogates": sse(
        *surrogates(r"a\ud83d", r"\ude00b", r"\ude00", r"\ud83d\ud83d", r"\ude00\ud83d"), chunk({}, "stop"), DONE
    ),
    "done alone": sse(FIRST, *text("a"), DONE),
    "error": sse(FIRST, *text("a"), {"error": {"message": "Overloaded", "type": "server_error", "code": None}}, DONE),
    "flat error": sse(FIRST, {"object": "error", "message": "no", "type": "BadRequestError", "code": 400}, DONE),
    "failed": sse(FIRST, *text("a"), chunk({}, "error"), DONE),
    "cut": sse(FIRST, *text("a")),
    "nothing": b"",
}
