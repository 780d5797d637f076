"""Real exchanges with the Responses API, both ways; skipped where the recordings are not there."""

from __future__ import annotations

import base64
import json
from functools import cache
from itertools import pairwise
from typing import Any

import pytest

from support.calls import user
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2
from wire.recordings import FOLDER
from wire_responses.decoding import PROVIDER, TARGET, Json, fold, grammar, play, sent

NAMES = ("openai-responses-plain-tool_choice-tool_use", "openai-responses-stream")
there = pytest.mark.skipif(not (FOLDER / f"{NAMES[0]}.json").exists(), reason=f"{FOLDER} is not there")


@cache
def recording(name: str) -> Json:
    held: Json = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
    return held


def body_of(held: Json) -> bytes:
    return base64.b64decode(held["response_body_b64"])


def asked(request: Json) -> chat_input_pb2.ChatInput:
    """The input that stands for a recorded request."""
    result = chat_input_pb2.ChatInput(model=request["model"], messages=[user(request["input"])])
    for tool in request.get("tools", ()):
        result.tools.add().function.CopyFrom(
            chat_input_pb2.FunctionTool(
                name=tool["name"], description=tool["description"], input_schema_json=json.dumps(tool["parameters"])
            )
        )
    if "tool_choice" in request:
        result.tool_choice.mode = chat_input_pb2.TOOL_CHOICE_MODE_AUTO
    result.openai.store = True
    return result


@there
@pytest.mark.parametrize("name", NAMES)
def test_a_recorded_request_is_sent_out_equal(name: str) -> None:
    request = dict(recording(name)["request_json"])
    body = sent(asked(request))
    assert body.pop("stream") is True
    assert body.pop("store") is True
    body.pop("model")
    expected: dict[str, Any] = {key: value for key, value in request.items() if key not in ("model", "stream")}
    words = {"type": "input_text", "text": expected["input"]}
    # The API's shorthand for one text of the user's.
    expected["input"] = [{"type": "message", "role": "user", "content": [words]}]
    assert body == expected


@there
def test_a_recorded_call_says_what_its_bytes_say() -> None:
    held = recording(NAMES[0])
    events = PROVIDER.decode_message(body_of(held), TARGET)
    grammar([event.WhichOneof("kind") or "" for event in events])
    answer = fold(events)
    said = json.loads(body_of(held))
    assert (answer.id, answer.message.origin.model) == (said["id"], said["model"])
    [item] = said["output"]
    [block] = answer.message.content
    assert block.tool_use == message_pb2.ToolUseBlock(
        id=item["call_id"],
        name="get_current_weather",
        input_json=item["arguments"],
        runner=message_pb2.TOOL_RUNNER_CLIENT,
    )
    assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_TOOL_USE
    usage = answer.completion.usage
    assert (usage.input_total, usage.input_uncached, usage.output_total, usage.output_reasoning) == (75, 75, 23, 0)
    assert not answer.completion.warnings
    body = sent(chat_input_pb2.ChatInput(messages=[user("x"), answer.message]))
    assert body["input"][1:] == [item]
    limits = {limit.name: (limit.limit, limit.remaining) for limit in PROVIDER.rate_limits(held["response_headers"])}
    assert limits == {"requests": (10000, 9999), "tokens": (30000000, 29999708)}
    assert PROVIDER.request_id(held["response_headers"]) == "req_1c9acab9d4c19339d82b6d672457d059"


@there
@pytest.mark.parametrize("size", [1, 7, 100, 100_000])
def test_a_recorded_stream_says_what_its_bytes_say(size: int) -> None:
    body = body_of(recording(NAMES[1]))
    played = play(*(body[a:b] for a, b in pairwise([*range(0, len(body), size), len(body)])))
    assert played.succeeded
    grammar(played.kinds)
    assert set(played.kinds) == {"start", "block_start", "block_delta", "block_end", "completion"}
    final = json.loads(body.split(b"\ndata: ")[-1])["response"]
    whole = fold(PROVIDER.decode_message(json.dumps(final).encode(), TARGET))
    assert played.response.message == whole.message
    assert played.response.message.content[0].text.text == final["output"][0]["content"][0]["text"]
    assert played.response.completion.finish_reason == chat_service_pb2.FINISH_REASON_STOP
    back = sent(chat_input_pb2.ChatInput(messages=[user("x"), played.response.message]))["input"][1]
    assert back == final["output"][0]
