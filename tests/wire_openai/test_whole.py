"""Answers that come in one piece."""

from __future__ import annotations

import json
from typing import Any

import pytest

from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation
from wire_openai.corpus import CITATION, logprob
from wire_openai.decoding import PROVIDER, TARGET, Json, answer, calls, chunk, message, play, text, whole

CALL = {"id": "call_1", "type": "function", "function": {"name": "a", "arguments": '{"n": 1.0}'}}
CUSTOM = {"id": "call_1", "type": "custom", "custom": {"name": "sql", "input": "select 1;"}}
SAME: list[tuple[list[Json], Json, Json]] = [
    (text("a", "b"), {"content": "ab"}, {}),
    ([], {"content": None}, {}),
    (
        [*text("a"), calls({"index": 0} | CALL), calls({"index": 1} | CALL | {"id": "call_2"})],
        {"content": "a", "tool_calls": [CALL, CALL | {"id": "call_2"}]},
        {},
    ),
    ([calls({"index": 0} | CUSTOM)], {"content": None, "tool_calls": [CUSTOM]}, {}),
    ([chunk({"refusal": "No"}), chunk({"refusal": "."})], {"content": None, "refusal": "No."}, {}),
    (
        [chunk({"reasoning_content": "Hm"}), *text("So.")],
        {"content": "So.", "reasoning_content": "Hm", "reasoning": None},
        {},
    ),
    ([*text("a"), chunk({"annotations": [CITATION]})], {"content": "a", "annotations": [CITATION]}, {}),
    (
        [chunk({"content": "a"}, logprobs={"content": [logprob("a")], "refusal": None})],
        {"content": "a"},
        {"logprobs": {"content": [logprob("a")], "refusal": None}},
    ),
    (
        [chunk({"audio": {"id": "x", "data": "AAAA", "transcript": "a"}})],
        {"content": None, "audio": {"id": "x", "data": "AAAA", "transcript": "a"}},
        {},
    ),
]


@pytest.mark.parametrize(("chunks", "held", "beside"), SAME)
def test_a_whole_answer_is_what_its_stream_adds_up_to(chunks: list[Json], held: Json, beside: Json) -> None:
    assert whole(held, **beside) == play(answer(*chunks)).response


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"choices": []}', b'{"choices": [{"message": {"content": "a"}}]}', b"\xff"]
)
def test_what_is_no_whole_answer(body: bytes) -> None:
    with pytest.raises(ProtocolViolation):
        PROVIDER.decode_message(body, TARGET)


def test_an_error_with_the_status_of_success() -> None:
    with pytest.raises(GatewayError) as caught:
        PROVIDER.decode_message(b'{"error": {"message": "m", "code": "rate_limit_exceeded"}}', TARGET)
    assert caught.value.reason_name == "ERROR_REASON_UPSTREAM_RATE_LIMITED"


def test_further_answers_are_kept() -> None:
    held: dict[str, Any] = json.loads(message({"content": "a"}))
    second = {"index": 1, "message": {"role": "assistant", "content": "b"}, "finish_reason": "stop"}
    held["choices"].append(second)
    [*_, last] = PROVIDER.decode_message(json.dumps(held).encode(), TARGET)
    assert json.loads(last.completion.provider_fields_json)["choices"] == [second]
