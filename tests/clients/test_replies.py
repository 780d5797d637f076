"""Views of responses: what they show, and that nothing unknown breaks them."""

import json

import pytest

from trunkline import Reply, TokenCount, ToolCall, image, text, tool_result
from trunkline.v1 import (
    ChatResponse,
    Completion,
    ContentBlock,
    Cost,
    CountMethod,
    CountTokensResponse,
    FinishReason,
    Message,
    Origin,
    RefusalBlock,
    Role,
    ThinkingBlock,
    ToolRunner,
    ToolUseBlock,
    Usage,
    Warning,  # noqa: A004
)


def reply(*content: ContentBlock, **completion: object) -> Reply:
    message = Message(role=Role.ROLE_ASSISTANT, content=content, origin=Origin(provider="eu", model="m-1"))
    done = Completion(**completion) if completion else None  # type: ignore[arg-type]
    return Reply(ChatResponse(id="msg_1", message=message, completion=done), "r-1")


def call(runner: int = ToolRunner.TOOL_RUNNER_CLIENT, arguments: str = "{}", **fields: str) -> ContentBlock:
    use = ToolUseBlock(id="1", name="weather", input_json=arguments, runner=runner, **fields)  # type: ignore[arg-type]
    return ContentBlock(tool_use=use)


def think(what: str) -> ContentBlock:
    return ContentBlock(thinking=ThinkingBlock(text=what))


NEWER = ContentBlock.FromString(b"\xa2\x02\x03abc")


def test_cost() -> None:
    assert reply(cost=Cost(total_nano_usd=7)).cost == Cost(total_nano_usd=7)
    # Not known is not nothing.
    assert reply(usage=Usage()).cost is None
    assert reply().cost is None


def test_text_thinking_and_refusal() -> None:
    refusal = ContentBlock(refusal=RefusalBlock(text="No."))
    seen = reply(think("hm"), text("a"), NEWER, think("so"), text("b"), refusal, call())
    assert (seen.text, seen.thinking, seen.refusal) == ("ab", "hm\n\nso", "No.")
    assert seen.message.content[2] == NEWER


def test_an_empty_reply() -> None:
    seen = Reply(ChatResponse())
    assert (seen.text, seen.thinking, seen.refusal, seen.finish_reason) == ("", "", "", "")
    assert list(seen.tool_calls) == []
    assert list(seen.warnings) == []
    assert seen.usage == Usage()
    assert not seen.complete
    assert seen.proto == ChatResponse(), "looking changes nothing"


def test_completion() -> None:
    warning = Warning(field="input.seed", message="left out")
    usage = Usage(input_total=7)
    seen = reply(provider_finish_reason="end_turn", finish_reason=1, usage=usage, warnings=[warning])
    assert seen.complete
    assert (seen.finish_reason, seen.provider_finish_reason) == ("stop", "end_turn")
    assert seen.usage == usage
    assert list(seen.warnings) == [warning]
    assert repr(seen) == ("<Reply id='msg_1' provider='eu' model='m-1' finish_reason='stop' request_id='r-1'>")


@pytest.mark.parametrize(
    ("number", "word"),
    [(value.number, value.name.removeprefix("FINISH_REASON_").lower()) for value in FinishReason.DESCRIPTOR.values[1:]]
    + [(0, ""), (99, "other"), (-1, "other")],
)
def test_finish_reasons(number: int, word: str) -> None:
    assert reply(finish_reason=number).finish_reason == word


def test_tool_calls_are_those_that_wait_for_the_caller() -> None:
    runners = [*ToolRunner.values(), 99]
    seen = reply(*(call(runner) for runner in runners)).tool_calls
    assert [each.proto.runner for each in seen] == [
        ToolRunner.TOOL_RUNNER_UNSPECIFIED,
        ToolRunner.TOOL_RUNNER_CLIENT,
    ]


@pytest.mark.parametrize(
    ("raw", "parsed"), [("", {}), ("{}", {}), ('{"b": 1.0, "a": [12345678901234567890]}', None), ("[1]", [1])]
)
def test_arguments(raw: str, parsed: object) -> None:
    (seen,) = reply(call(arguments=raw)).tool_calls
    assert (seen.id, seen.name, seen.arguments_json) == ("1", "weather", raw)
    assert seen.arguments == (json.loads(raw) if parsed is None else parsed)
    assert seen.arguments is seen.arguments
    assert repr(seen) == "<ToolCall id='1' name='weather'>"


def test_arguments_that_were_cut_short() -> None:
    (seen,) = reply(call(arguments='{"city": "Par')).tool_calls
    assert seen.arguments_json == '{"city": "Par'
    with pytest.raises(ValueError, match="Unterminated"):
        _ = seen.arguments


def test_results() -> None:
    (seen,) = reply(call()).tool_calls
    assert seen.result("18 degrees") == tool_result("1", "18 degrees")
    assert seen.result(["look", image(b"x")], is_error=True) == tool_result("1", ["look", image(b"x")], is_error=True)
    assert seen.result({"degrees": 18}) == tool_result("1", '{"degrees":18}')
    of_a_set = ToolCall(ToolUseBlock(id="1", name="t", toolset_name="s")).result()
    assert of_a_set.tool_result.toolset_name == "s"


def test_token_counts() -> None:
    seen = TokenCount(
        CountTokensResponse(input_tokens=7, method=CountMethod.COUNT_METHOD_ESTIMATE, origin=Origin(model="m")), "r-1"
    )
    assert (seen.input_tokens, seen.method, seen.request_id) == (7, "estimate", "r-1")
    assert repr(seen) == "<TokenCount input_tokens=7 model='m'>"
    newer = TokenCount(CountTokensResponse(method=99))  # type: ignore[arg-type]
    assert newer.method == "other"
