"""What of a request Gemini cannot have."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from support.calls import text_block, user
from trunkline.v1 import chat_input_pb2, error_reason_pb2, message_pb2, warning_pb2
from wire_gemini.asking import (
    Block,
    Input,
    asked,
    assistant,
    body,
    document,
    encoded,
    image,
    reasoning,
    refused,
    tool,
    tool_result,
    tool_use,
)
from wire_gemini.decoding import PROVIDER, TARGET, call

CACHED = message_pb2.CacheControl()
UNSUPPORTED: dict[str, tuple[str, Input]] = {
    "system messages": (
        "input.messages[0].role",
        asked(message_pb2.Message(role=message_pb2.ROLE_SYSTEM, content=[text_block("x")])),
    ),
    "name": ("input.messages[0].name", asked(message_pb2.Message(role=message_pb2.ROLE_USER, name="n"))),
    "end user": ("input.end_user_id", asked(end_user_id="u")),
    "parallel": ("input.tool_choice.parallel", asked(tool_choice=chat_input_pb2.ToolChoice(parallel=False))),
    "strict": ("input.tools[0].function.strict", asked(tools=[tool(name="f", strict=True)])),
    "examples": (
        "input.tools[0].function.input_examples_json",
        asked(tools=[tool(name="f", input_examples_json=["{}"])]),
    ),
    "foreign tool": (
        "input.tools[0].provider_defined",
        asked(
            tools=[
                chat_input_pb2.Tool(
                    provider_defined=chat_input_pb2.ProviderTool(provider_type="anthropic", raw_json="{}")
                )
            ]
        ),
    ),
    "loose schema": (
        "input.output_format.json_schema.strict",
        asked(
            output_format=chat_input_pb2.OutputFormat(
                json_schema=chat_input_pb2.JsonSchemaFormat(schema_json="{}", strict=False)
            )
        ),
    ),
    "bias": ("input.generation.logit_bias", asked(generation=chat_input_pb2.GenerationParams(logit_bias={1: 2.0}))),
    "between tools": ("input.reasoning.mode", asked(reasoning=reasoning("BETWEEN_TOOLS"))),
    "effort": ("input.reasoning.effort", asked(reasoning=reasoning(effort="max"))),
    "display": ("input.reasoning.display", asked(reasoning=reasoning(display="concise"))),
    "labels": ("input.gemini.labels", asked(gemini=chat_input_pb2.GeminiOptions(labels={"a": "b"}))),
    "detail": (
        "input.messages[0].content[0].image.detail",
        asked(user(Block(image=message_pb2.ImageBlock(media=message_pb2.Media(url="gs://a/b"), detail="low")))),
    ),
    "title": ("input.messages[0].content[0].document.title", asked(user(document(text="x", title="T")))),
    "citations": (
        "input.messages[0].content[0].document.citations_enabled",
        asked(user(document(text="x", citations_enabled=True))),
    ),
    "document of blocks": (
        "input.messages[0].content[0].document.content",
        asked(user(document(content=message_pb2.ContentList(blocks=[text_block("x")])))),
    ),
    "search result": (
        "input.messages[0].content[0].search_result",
        asked(user(Block(search_result=message_pb2.SearchResultBlock(source="s", title="t")))),
    ),
    "foreign block of the user": (
        "input.messages[0].content[0].opaque",
        asked(user(Block(opaque=message_pb2.Opaque(provider_type="anthropic", raw_json="{}")))),
    ),
    "within a result": (
        "input.messages[1].content[0].tool_result.content[0].search_result",
        asked(
            assistant(tool_use()),
            user(tool_result(Block(search_result=message_pb2.SearchResultBlock(source="s", title="t")))),
        ),
    ),
}


@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_gemini_cannot_honour_is_named_or_left_out_with_a_warning(name: str) -> None:
    field, chat_input = UNSUPPORTED[name]
    error = refused(chat_input)
    assert error.reason == error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED
    assert [each.field for each in error.violations] == [field]
    request = PROVIDER.encode_chat(chat_input, replace(TARGET, drop_unsupported=True))
    assert [(each.code, each.field) for each in request.warnings] == [(warning_pb2.WARNING_CODE_FIELD_DROPPED, field)]


def test_cache_marks_are_hints_and_left_out() -> None:
    marked = Block(text=message_pb2.TextBlock(text="x"), cache_control=CACHED)
    request = PROVIDER.encode_chat(
        asked(
            user(marked),
            assistant(tool_use()),
            user(tool_result(marked)),
            tools=[chat_input_pb2.Tool(function=chat_input_pb2.FunctionTool(name="f"), cache_control=CACHED)],
            cache_control=CACHED,
        ),
        TARGET,
    )
    assert [(each.code, each.field) for each in request.warnings] == [
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, f"input.{path}cache_control")
        for path in (
            "messages[0].content[0].",
            "messages[2].content[0].tool_result.content[0].",
            "tools[0].",
            "",
        )
    ]


INVALID: dict[str, tuple[str, Input]] = {
    "seed": ("input.generation.seed", asked(generation=chat_input_pb2.GenerationParams(seed=2**31))),
    "temperature": (
        "input.generation.temperature",
        asked(generation=chat_input_pb2.GenerationParams(temperature=float("nan"))),
    ),
    "media type": ("input.messages[0].content[0].image.media.media_type", asked(user(image(data=b"?")))),
    "several answers": (
        "input.provider_options_json",
        asked(provider_options_json={"gemini": '{"generationConfig": {"candidateCount": 2}}'}),
    ),
    "calls in pieces": (
        "input.provider_options_json",
        asked(
            provider_options_json={
                "gemini": '{"toolConfig":{"functionCallingConfig":{"streamFunctionCallArguments":true}}}'
            }
        ),
    ),
}


@pytest.mark.parametrize("name", INVALID)
def test_broken_input_is_named(name: str) -> None:
    field, chat_input = INVALID[name]
    error = refused(chat_input)
    assert error.reason == error_reason_pb2.ERROR_REASON_INVALID_REQUEST
    assert [each.field for each in error.violations] == [field]


def test_what_only_another_provider_can_read_is_left_out_with_a_warning() -> None:
    message = assistant(
        Block(thinking=message_pb2.ThinkingBlock(text="Hm", signature="s")),
        Block(redacted_thinking=message_pb2.RedactedThinkingBlock(data="d")),
        Block(text=message_pb2.TextBlock(text="I look."), provider_state=b"s", provider_fields_json='{"x":1}'),
        tool_use(caller=message_pb2.ToolCaller(type="direct"), runner=message_pb2.TOOL_RUNNER_CLIENT),
        tool_use("s1", "web_search", runner=message_pb2.TOOL_RUNNER_SERVER),
        Block(server_tool_result=message_pb2.ServerToolResultBlock(tool_use_id="s1", type="web_search_tool_result")),
        Block(opaque=message_pb2.Opaque(provider_type="anthropic", raw_json="{}")),
        Block(refusal=message_pb2.RefusalBlock(text="No more.")),
        origin="anthropic",
    )
    request = encoded(asked(user("Hello"), message, user(tool_result("x"))))
    sent = json.loads(request.body)["contents"]
    assert sent[0]["parts"] == [{"text": "Hello"}]
    assert sent[1]["parts"] == [
        {"text": "I look."},
        call() | {"thoughtSignature": "skip_thought_signature_validator"},
        {"text": "No more."},
    ]
    assert {each.code for each in request.warnings} == {warning_pb2.WARNING_CODE_NOT_PORTABLE}
    assert [each.field.removeprefix("input.messages") for each in request.warnings] == [
        "[1].content[0].thinking",
        "[1].content[1].redacted_thinking",
        "[1].content[2].provider_state",
        "[1].content[2].provider_fields_json",
        "[1].content[3].tool_use.caller",
        "[1].content[4].tool_use",
        "[1].content[5].server_tool_result",
        "[1].content[6].opaque",
    ]


def test_files_of_another_home_of_gemini_stay_behind_but_signatures_travel() -> None:
    message = assistant(
        image(file_id="files/abc"),
        Block(text=message_pb2.TextBlock(text="A"), provider_state=b"s", provider_fields_json='{"x":1}'),
        origin="gemini",
    )
    message.provider_fields_json = '{"y":1}'
    message.origin.provider = "gemini-eu"
    request = encoded(asked(user("a"), message, user("b")))
    assert json.loads(request.body)["contents"][1] == {
        "role": "model", "parts": [{"text": "A", "thoughtSignature": "cw==", "x": 1}], "y": 1
    }  # fmt: skip
    assert [each.field for each in request.warnings] == ["input.messages[1].content[0].image.media.file_id"]
    message.origin.provider_type = "anthropic"
    assert "y" not in json.loads(encoded(asked(user("a"), message, user("b"))).body)["contents"][1]


@pytest.mark.parametrize(
    ("file_id", "vertex", "says"),
    [
        ("file_011", False, "is the id of a file at Anthropic"),
        ("file-1", True, "is the id of a file at OpenAI"),
        ("abc", False, "is the id of no file here: they are called files/… or gs://…"),
        (
            "files/abc",
            True,
            "is the id of no file here: they are called gs://…, as Gemini on Vertex has no uploaded files",
        ),
    ],
)
def test_a_question_is_not_asked_without_its_file(file_id: str, vertex: bool, says: str) -> None:
    error = refused(asked(user("Look", image(file_id=file_id))), vertex=vertex)
    assert error.reason == error_reason_pb2.ERROR_REASON_INVALID_REQUEST
    assert [(each.field, each.description) for each in error.violations] == [
        ("input.messages[0].content[1].image.media.file_id", says)
    ]


def test_a_file_in_a_bucket_by_its_name() -> None:
    asked_of = asked(user(image(file_id="gs://b/c")))
    for vertex in (False, True):
        [part] = json.loads(encoded(asked_of, vertex=vertex).body)["contents"][0]["parts"]
        assert part == {"fileData": {"fileUri": "gs://b/c"}}


def test_a_message_of_which_nothing_is_left_is_left_out() -> None:
    message = assistant(Block(redacted_thinking=message_pb2.RedactedThinkingBlock(data="d")), origin="anthropic")
    assert len(body(user("a"), message, user("b"))["contents"]) == 2


def test_citations_do_not_go_back_and_the_caller_is_told() -> None:
    cited = Block(text=message_pb2.TextBlock(text="x", citations=[message_pb2.Citation(cited_text="y")]))
    request = encoded(asked(user("a"), assistant(cited, origin="gemini")))
    assert [each.field for each in request.warnings] == ["input.messages[1].content[0].text.citations"]
