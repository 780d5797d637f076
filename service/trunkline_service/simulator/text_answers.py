"""Answers of plain text, the ways in which an answer can stop, and oddities of framing."""

from collections.abc import Callable

from trunkline_service.simulator.answers import Answer, Asked, Deltas, Oddity, PlainText, new_id, text, whole, words

_MIB = 1024 * 1024


def plain(asked: Asked) -> Answer:
    """Echo the last user text, or say as many words as the name asks for."""
    if asked.n is not None:
        return Answer([PlainText(asked.n)])
    return Answer([text(*words(f"You said: {asked.prompt.text}"))])


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


def content_filter(asked: Asked) -> Answer:
    """Stop in the middle of a text, by a filter that judges what has been said so far."""
    return Answer([PlainText(asked.n or 0)], "content_filter")


def context_window(asked: Asked) -> Answer:
    """Stop as if the context window were full."""
    return Answer([PlainText(asked.n or 0)], "model_context_window_exceeded")


def stop_sequence(asked: Asked) -> Answer:
    """Stop at the first stop sequence of the request."""
    return Answer([PlainText(asked.n or 0)], "stop_sequence", stop_sequence=asked.prompt.stop or "STOP")


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


def odd(oddity: Oddity) -> Callable[[Asked], Answer]:
    """Echo as `plain` does, in a stream that is odd in one way."""

    def answer(asked: Asked) -> Answer:
        made = plain(asked)
        made.oddity = oddity
        return made

    return answer
