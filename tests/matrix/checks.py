"""What must have come of a conversation: looks at the answer, and at the request as the provider received it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

from matrix.told import Part, told
from support.calls import said
from trunkline.v1 import chat_service_pb2
from trunkline_service.simulator import ReceivedCall

Answer: TypeAlias = "chat_service_pb2.ChatResponse"
Check: TypeAlias = "Callable[[Answer, ReceivedCall], None]"


def sent(call: ReceivedCall) -> str:
    """The request as the provider received it, without JSON's escapes."""
    return json.dumps(call.json, ensure_ascii=False)


def says(text: str) -> Check:
    def check(answer: Answer, call: ReceivedCall) -> None:
        assert said(answer) == text, answer
        assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_STOP

    return check


def holds(*wanted: str) -> Check:
    def check(answer: Answer, call: ReceivedCall) -> None:
        for text in wanted:
            assert text in sent(call), (text, call.json)
        assert said(answer).startswith("You said: "), answer

    return check


def sets(**wanted: Any) -> Check:
    """One of those members is in the request, with its value."""

    def check(answer: Answer, call: ReceivedCall) -> None:
        found = [name for name, value in members(call.json) if name in wanted and value == wanted[name]]
        assert len(found) == 1, call.json
        assert said(answer) == "You said: Hello"

    return check


def members(value: Any) -> Iterator[tuple[str, Any]]:
    """All members of objects, however deep."""
    if isinstance(value, dict):
        yield from value.items()
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from members(inner)


def tells(*wanted: Part) -> Check:
    def check(answer: Answer, call: ReceivedCall) -> None:
        assert told(call) == list(wanted), call.json
        assert said(answer)

    return check


def tells_failure(answer: Answer, call: ReceivedCall) -> None:
    # OpenAI's APIs have no mark for it, but the words are there.
    kind = "result" if answer.message.origin.provider_type == "openai" else "failed"
    assert told(call)[-2:] == [Part("call", {"seats": 7}, "book"), Part(kind, "no seats", "book")]
    assert said(answer) == "The tool answered: no seats"


def marks(answer: Answer, call: ReceivedCall) -> None:
    assert told(call) == [Part("user", "Hello", marked=not answer.completion.warnings)]
    assert said(answer) == "You said: Hello"


def holds_document(answer: Answer, call: ReceivedCall) -> None:
    text = "Rivers are long."
    assert text in sent(call) or base64.b64encode(text.encode()).decode() in sent(call)


def ends(reason: str, *, text: str = "") -> Check:
    def check(answer: Answer, call: ReceivedCall) -> None:
        assert chat_service_pb2.FinishReason.Name(answer.completion.finish_reason) == f"FINISH_REASON_{reason}"
        assert answer.completion.provider_finish_reason
        assert said(answer).startswith(text)

    return check


def calls(*wanted: tuple[str, Any]) -> Check:
    def check(answer: Answer, call: ReceivedCall) -> None:
        uses = [block.tool_use for block in answer.message.content if block.HasField("tool_use")]
        assert [(use.name, json.loads(use.input_json)) for use in uses] == list(wanted)
        assert len({use.id for use in uses}) == len(uses)
        assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_TOOL_USE

    return check


def names_alike(answer: Answer, call: ReceivedCall) -> None:
    """A tool, its call and its result have one name, whichever the provider takes."""
    made, result = told(call)[-2:]
    assert (made.kind, result.kind) == ("call", "result")
    assert made.tool == result.tool
    # Of the two, Gemini takes dots.
    assert re.fullmatch(r"[a-zA-Z0-9_.-]{1,128}", made.tool)
    assert f'"name": "{made.tool}"' in json.dumps(call.json["tools"])
    assert said(answer) == "The tool answered: done"


def thinks(answer: Answer, call: ReceivedCall) -> None:
    kinds = [block.WhichOneof("kind") for block in answer.message.content]
    # Gemini signs its thought in a part of its own behind them.
    assert kinds[:2] == ["thinking", "text"], answer
    assert answer.message.content[0].thinking.text.startswith("The user wants an answer.")
    assert said(answer) == "You said: Hello"


def counts_usage(answer: Answer, call: ReceivedCall) -> None:
    usage = answer.completion.usage
    assert (usage.input_total, usage.cache_read, usage.output_total) == (9281 + 5000 + 1300, 5000, 512), usage
    assert usage.output_reasoning == 200


def refuses(answer: Answer, call: ReceivedCall) -> None:
    assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_REFUSAL, answer
    (block,) = answer.message.content
    if answer.message.origin.provider_type == "anthropic":
        # What the model said, until somebody else refused the rest.
        assert block.text.text == "The river runs"
        assert answer.completion.refusal_details.category == "cyber"
    else:
        assert block.refusal.text == "The river runs"


def has_logprobs(answer: Answer, call: ReceivedCall) -> None:
    tokens = [token for block in answer.message.content for token in block.text.logprobs]
    assert "".join(token.token for token in tokens) == said(answer) != ""


def fits(answer: Answer, call: ReceivedCall) -> None:
    assert json.loads(said(answer)) == {"city": "Zürich", "seats": 7}


def fits_by_name(answer: Answer, call: ReceivedCall) -> None:
    fits(answer, call)
    if answer.message.origin.provider_type == "openai":
        chat = call.json.get("response_format", {}).get("json_schema")
        wanted = chat or call.json["text"]["format"]
        assert (wanted["name"], wanted["description"]) == ("trip", "Where to")
    else:
        assert "trip" not in sent(call)
