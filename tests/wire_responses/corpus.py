"""Answers with everything in them that the API is known to send, and some things that it may: items by name."""

from __future__ import annotations

from wire_responses.decoding import (
    Json,
    answer,
    created,
    custom_call,
    ended,
    function_call,
    item_events,
    message,
    reasoning,
    refusal,
    sse,
    text,
)

URL: Json = {"type": "url_citation", "url": "https://e.org", "title": "É", "start_index": 3, "end_index": 9}
FILE: Json = {"type": "file_citation", "file_id": "file-1", "filename": "a.txt", "index": 2}
TOKENS: list[Json] = [
    {
        "token": "Yes",
        "logprob": -0.03,
        "bytes": [89, 101, 115],
        "top_logprobs": [{"token": "Yes", "logprob": -0.03, "bytes": [89, 101, 115]}, {"token": "No", "logprob": -3.5}],
    },
    {"token": "\U0001f600", "logprob": -1, "bytes": [240, 159, 152, 128], "top_logprobs": []},
]
SEARCH: Json = {
    "id": "ws_1",
    "type": "web_search_call",
    "status": "completed",
    "action": {"type": "search", "query": "a\u2028b", "sources": [{"type": "url", "url": "https://e.org"}]},
}
COMPUTER: Json = {
    "type": "computer_call", "id": "cu_1", "call_id": "call_9", "status": "completed", "action": {"type": "screenshot"}
}  # fmt: skip
SHELL: Json = {"type": "shell_call", "id": "sh_1", "call_id": "call_s", "status": "completed", "action": {}}
SHELL_OUTPUT: Json = {"type": "shell_call_output", "id": "sho_1", "call_id": "call_s", "output": []}
PICTURE: Json = {"type": "output_picture", "data": "AAAA", "width": 3}

ANSWERS: dict[str, list[Json]] = {
    "text": [message(text("Bonjour é🎉 \u2028 and more"))],
    "an empty text": [message(text(""))],
    "no items": [],
    "a message without parts": [message()],
    "two parts": [message(text("one"), text("two"), phase="commentary")],
    "two messages": [message(text("one"), phase="commentary"), message(text("two"), id="msg_2", phase="final_answer")],
    "citations": [message(text("See é there", annotations=[URL, FILE]))],
    "logprobs": [message(text("Yes\U0001f600", logprobs=TOKENS))],
    "a refusal": [message(refusal("I cannot help with that."))],
    "a part that nobody knows": [message(text("look"), PICTURE, text("there"))],
    "reasoning and a call": [reasoning("Think first."), function_call('{"city": "Oslo", "n": 1.0, "é": 10e2}')],
    "a reasoning of several parts": [reasoning("One.", "Two é.", "", "Three."), message(text("Done"))],
    "a reasoning without summary": [reasoning(), message(text("Done"))],
    "a reasoning in full": [reasoning(content=[{"type": "reasoning_text", "text": "I wonder"}], status="completed")],
    "a reasoning in full, in parts": [
        reasoning("Sum.", content=[{"type": "reasoning_text", "text": "a"}, {"type": "reasoning_text", "text": "b"}])
    ],
    "a reasoning that says more": [reasoning(mood="good", summary=[{"type": "summary_text", "text": "x", "y": 1}])],
    "parallel calls": [
        function_call('{"a":1}'), function_call("{}", "call_2", name="other"), function_call("", "call_3")
    ],
    "arguments that are not JSON": [function_call('{"a":')],
    "a custom call": [reasoning("Hm."), custom_call("print('hé')\n", namespace="py")],
    "an empty custom call": [custom_call("")],
    "a search": [SEARCH, message(text("Found", annotations=[URL]))],
    "what waits for the caller": [COMPUTER],
    "what the provider ran": [SHELL, SHELL_OUTPUT, message(text("ran"))],
    "an item that nobody knows": [{"type": "dream", "id": "dr_1", "depth": 3}, message(text("x"))],
    "an item without a type": [{"id": "x_1"}],
    "everything": [
        reasoning("a", "b"), SEARCH, message(text("é" * 40, annotations=[URL]), refusal("no")), custom_call("x"),
        function_call('{"k": "\\u00e9"}', "call_2"),
    ],
}  # fmt: skip


def interleaved() -> bytes:
    """Three items whose events are shuffled into each other, as far as the API may."""
    items = [reasoning("Think.", "More."), function_call('{"a":1}'), message(text("Hello there"))]
    lanes = [item_events(item, index) for index, item in enumerate(items)]
    told: list[Json] = []
    while any(lanes):
        told += [lane.pop(0) for lane in lanes if lane]
    return sse(created(), *told, ended(items))


STREAMS: dict[str, bytes] = {name: answer(*items) for name, items in ANSWERS.items()} | {
    "interleaved": interleaved(),
    "cut at the limit": answer(
        function_call('{"a":', status="incomplete"),
        status="incomplete",
        incomplete_details={"reason": "max_output_tokens"},
    ),
    "an error event": sse(
        created(), *item_events(message(text("x")), 0)[:4], {"type": "error", "code": "server_error", "message": "m"}
    ),
    "failed": sse(
        created(),
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "server_error", "message": "m"}},
        },
    ),
}
