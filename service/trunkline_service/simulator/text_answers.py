"""Answers of plain text, the ways in which an answer can stop, and oddities of framing."""

from typing import Any

from trunkline_service.simulator import sse
from trunkline_service.simulator.answers import Answer, Asked, Deltas, PlainText, new_id, text, whole, words
from trunkline_service.simulator.sse import Json

_MIB = 1024 * 1024


def last_text(body: Json) -> str:
    """Find the text to echo: of the last user message that has any, its last text block."""
    for message in reversed(body["messages"]):
        if message["role"] != "user":
            continue
        content = message["content"]
        if isinstance(content, str):
            return content
        texts = [block["text"] for block in content if block["type"] == "text"]
        if texts:
            return str(texts[-1])
    return ""


def tool_results(body: Json) -> list[str]:
    """Give the texts of the tool results in the last message; what is no text stands by its type."""
    content = body["messages"][-1].get("content")
    if not isinstance(content, list):
        return []
    results = [block for block in content if block["type"] == "tool_result"]
    return [_shown(result.get("content") or "") for result in results]


def _shown(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", f"<{part.get('type')}>")) for part in content)


def plain(asked: Asked) -> Answer:
    """Echo the last user text, or say as many words as the name asks for."""
    if asked.n is not None:
        return Answer([PlainText(asked.n)])
    return Answer([text(*words(f"You said: {last_text(asked.body)}"))])


def refusal(asked: Asked) -> Answer:
    """Stop in the middle of a text, by the classifiers."""
    details = {
        "type": "refusal",
        "category": "cyber",
        "explanation": "This request was declined by a safety rule.",
    }
    return Answer([PlainText(asked.n or 0)], "refusal", stop_details=details)


def max_tokens(asked: Asked) -> Answer:
    """Stop as if max_tokens had been reached."""
    return Answer([PlainText(asked.n or 0)], "max_tokens")


def context_window(asked: Asked) -> Answer:
    """Stop as if the context window were full."""
    return Answer([PlainText(asked.n or 0)], "model_context_window_exceeded")


def stop_sequence(asked: Asked) -> Answer:
    """Stop at the first stop sequence of the request."""
    sequences = asked.body.get("stop_sequences") or ["STOP"]
    return Answer([PlainText(asked.n or 0)], "stop_sequence", stop_sequence=sequences[0])


def pause(asked: Asked) -> Answer:
    """Stop in the middle of a server tool's loop; sending the answer back continues it."""
    use = {"type": "server_tool_use", "id": new_id("srvtoolu"), "name": "web_search"}
    block = Deltas(
        {**use, "input": {}},
        [
            {"type": "input_json_delta", "partial_json": ""},
            {"type": "input_json_delta", "partial_json": '{"query": "tides"}'},
        ],
        {**use, "input": {"query": "tides"}},
    )
    return Answer([text("I will", " search."), block], "pause_turn")


def unicode(asked: Asked) -> Answer:
    """Answer with characters that break readers which split lines or bytes carelessly."""
    pieces = (
        "line\u2028separator",
        " para\u2029graph",
        " next\x85line",
        " vt\x0bff\x0c",
        " 東京の天気",
        " 👩‍👩‍👧",
        " e\u0301",
    )
    return Answer([text(*pieces)])


def big(asked: Asked) -> Answer:
    """Send one event of n MiB: a block that arrives whole."""
    result = {"type": "web_search_result", "url": "https://example.com/", "title": "Big", "page_age": None}
    result["encrypted_content"] = "QUJD" * ((asked.n or 0) * _MIB // 4)
    tool_id = new_id("srvtoolu")
    use = {"type": "server_tool_use", "id": tool_id, "name": "web_search", "input": {"query": "big"}}
    found = {"type": "web_search_tool_result", "tool_use_id": tool_id, "content": [result]}
    return Answer([whole(use), whole(found), text("That", " was", " big.")])


def crlf(asked: Asked) -> Answer:
    """Frame the events with CRLF."""
    answer = plain(asked)
    answer.dress = lambda frames: [frame.replace(b"\n", b"\r\n") for frame in frames]
    return answer


def no_final_newline(asked: Asked) -> Answer:
    """End the stream right after the last event's data."""
    answer = plain(asked)
    answer.dress = lambda frames: [*frames[:-1], frames[-1].rstrip(b"\n")]
    return answer


def pings(asked: Asked) -> Answer:
    """Surround and pad every event with what a reader must skip."""
    answer = plain(asked)
    answer.dress = _noisy
    return answer


def _noisy(frames: list[bytes]) -> list[bytes]:
    unknown = sse.frame({"type": "upstream_notice", "notice": "hello"})
    unnamed = b'event: message\ndata: {"type":"another_notice"}\n\n'
    noisy = [b": connected\n\n", sse.PING, unknown]
    for position, frame in enumerate(frames):
        # Upstream pads inside the object, before its last brace, to hide lengths.
        padded = frame.removesuffix(b"}\n\n") + b" " * (1 + position % 13) + b"}\n\n"
        noisy += [padded, b": keep-alive\n\n", sse.PING, unnamed]
    return noisy
