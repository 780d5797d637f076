"""What is wrong with a request: found before a provider hears of it, all of it at once, and named by its path."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, NamedTuple, TypeAlias

import grpc
import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message as ProtobufMessage
from grpc_health.v1 import health_pb2, health_pb2_grpc

from e2e.gateways import posts, running
from support.calls import Failure, chat_failure, chat_input, failure, request, stream_failure, text_block, user
from trunkline.v1 import (
    chat_input_pb2,
    chat_service_pb2,
    chat_service_pb2_grpc,
    error_reason_pb2,
    message_pb2,
    route_pb2,
    warning_pb2,
)
from trunkline_service.app import Gateway
from trunkline_service.simulator import Simulator

Stub: TypeAlias = "chat_service_pb2_grpc.ChatServiceAsyncStub"
Edit = Callable[[chat_service_pb2.ChatRequest], object]

MIB = 2**20
METHOD = "/trunkline.v1.ChatService/Chat"
STREAM = "/trunkline.v1.ChatService/StreamChat"
BLOCK = "input.messages[0].content[0]"


class Case(NamedTuple):
    """A request that is good but for `edit`, and what has to be said about it."""

    name: str
    edit: Edit
    fields: tuple[str, ...] = ()
    says: str = ""
    reason: str = "INVALID_REQUEST"
    code: grpc.StatusCode = grpc.StatusCode.INVALID_ARGUMENT
    resource: str = ""


def content(*blocks: message_pb2.ContentBlock, role: message_pb2.Role.ValueType = message_pb2.ROLE_USER) -> Edit:
    """Makes `blocks` the content of the only message."""

    def edit(asked: chat_service_pb2.ChatRequest) -> None:
        del asked.input.messages[:]
        asked.input.messages.add(role=role, content=blocks)

    return edit


def fields_of(name: str, **fields: Any) -> Edit:
    """Sets fields of a message below `input`: generation, reasoning, anthropic …"""

    def edit(asked: chat_service_pb2.ChatRequest) -> None:
        below = getattr(asked.input, name)
        below.MergeFrom(type(below)(**fields))

    return edit


def image(**media: Any) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=message_pb2.Media(**media)))


def document(**document: Any) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(document=message_pb2.DocumentBlock(**document))


def tool_result(*blocks: message_pb2.ContentBlock, tool_use_id: str = "toolu_1") -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(tool_result=message_pb2.ToolResultBlock(tool_use_id=tool_use_id, content=blocks))


def tool_use(**fields: Any) -> message_pb2.ContentBlock:
    return message_pb2.ContentBlock(tool_use=message_pb2.ToolUseBlock(**{"id": "toolu_1", "name": "weather", **fields}))


def cited(**citation: Any) -> message_pb2.ContentBlock:
    citations = [message_pb2.Citation(**citation)]
    return message_pb2.ContentBlock(text=message_pb2.TextBlock(text="So.", citations=citations))


def tool(**fields: Any) -> Edit:
    return lambda asked: asked.input.tools.add(**fields)


def function(**fields: Any) -> Edit:
    return tool(function=chat_input_pb2.FunctionTool(**{"name": "weather", **fields}))


def model(name: str) -> Edit:
    return lambda asked: setattr(asked.input, "model", name)


def to_route(name: str) -> Edit:
    return lambda asked: setattr(asked.routing, "route_name", name)


def to_target(**target: Any) -> Edit:
    return lambda asked: asked.routing.route.target.MergeFrom(route_pb2.Target(**target))


def option(provider: str, text: str) -> Edit:
    def edit(asked: chat_service_pb2.ChatRequest) -> None:
        asked.input.provider_options_json[provider] = text

    return edit


def without_messages(asked: chat_service_pb2.ChatRequest) -> None:
    del asked.input.messages[:]


def role(number: int) -> Edit:
    def edit(asked: chat_service_pb2.ChatRequest) -> None:
        asked.input.messages[0].role = number  # type: ignore[assignment]

    return edit


def numbered(value: int) -> Any:
    """A number that an enum does not have."""
    return value


EMPTY = message_pb2.ContentBlock()
OPAQUE = message_pb2.Opaque(provider_type="anthropic", type="new", raw_json='{"type":"new"}')


def lost(name: str, edit: Edit, resource: str, says: str = "") -> Case:
    """A request that names what the gateway does not have."""
    return Case(name, edit, (), says, "ROUTE_NOT_FOUND", grpc.StatusCode.NOT_FOUND, resource)


CASES = [
    # The conversation.
    Case("no_messages", without_messages, ("input.messages",)),
    Case("role_unspecified", role(0), ("input.messages[0].role",)),
    Case("role_of_a_newer_client", role(99), ("input.messages[0].role",), "99"),
    Case("block_without_content", content(EMPTY), (f"{BLOCK}.kind",)),
    Case(
        "result_block_without_content",
        content(tool_result(text_block("18"), EMPTY)),
        (f"{BLOCK}.tool_result.content[1].kind",),
    ),
    Case("system_block_without_content", lambda r: r.input.system.add(), ("input.system[0].kind",)),
    Case(
        "document_block_without_content",
        content(document(content=message_pb2.ContentList(blocks=[EMPTY]))),
        (f"{BLOCK}.document.content.blocks[0].kind",),
    ),
    Case("document_without_source", content(document(title="Report")), (f"{BLOCK}.document.source",)),
    Case("tool_result_without_id", content(tool_result(tool_use_id="")), (f"{BLOCK}.tool_result.tool_use_id",)),
    Case(
        "tool_use_without_id_and_name",
        content(tool_use(id="", name=""), role=message_pb2.ROLE_ASSISTANT),
        (f"{BLOCK}.tool_use.id", f"{BLOCK}.tool_use.name"),
    ),
    Case("runner_of_a_newer_client", content(tool_use(runner=numbered(9))), (f"{BLOCK}.tool_use.runner",), "9"),
    Case(
        "server_tool_result_without_anything",
        content(message_pb2.ContentBlock(server_tool_result=message_pb2.ServerToolResultBlock())),
        (f"{BLOCK}.server_tool_result.tool_use_id", f"{BLOCK}.server_tool_result.type"),
    ),
    Case(
        "search_result_without_anything",
        content(message_pb2.ContentBlock(search_result=message_pb2.SearchResultBlock())),
        (f"{BLOCK}.search_result.source", f"{BLOCK}.search_result.title"),
    ),
    Case(
        "redacted_thinking_without_data",
        content(message_pb2.ContentBlock(redacted_thinking=message_pb2.RedactedThinkingBlock())),
        (f"{BLOCK}.redacted_thinking.data",),
    ),
    Case(
        "opaque_block_of_nobody",
        content(message_pb2.ContentBlock(opaque=message_pb2.Opaque(raw_json="{}"))),
        (f"{BLOCK}.opaque.provider_type",),
    ),
    Case("citation_of_nothing", content(cited(cited_text="so")), (f"{BLOCK}.text.citations[0].location",)),
    # Media.
    Case(
        "image_without_media",
        content(message_pb2.ContentBlock(image=message_pb2.ImageBlock())),
        (f"{BLOCK}.image.media.source",),
    ),
    Case("image_of_no_bytes", content(image(data=b"")), (f"{BLOCK}.image.media.data",)),
    Case("image_of_no_address", content(image(url="")), (f"{BLOCK}.image.media.url",)),
    Case("image_of_no_file", content(image(file_id="")), (f"{BLOCK}.image.media.file_id",)),
    Case("image_of_unknown_bytes", content(image(data=b"BM8\0")), (f"{BLOCK}.image.media.media_type",), "image/png"),
    Case(
        "image_of_unknown_type",
        content(image(data=b"BM8\0", media_type="image/bmp")),
        (f"{BLOCK}.image.media.media_type",),
        "image/bmp",
    ),
    Case(
        "image_as_data_url",
        content(image(url="data:image/png;base64,iVBORw0KGgo=")),
        (f"{BLOCK}.image.media.url",),
        "send the bytes",
    ),
    Case("image_as_file_name", content(image(url="cat.png")), (f"{BLOCK}.image.media.url",)),
    Case(
        "audio_without_media",
        content(message_pb2.ContentBlock(audio=message_pb2.AudioBlock())),
        (f"{BLOCK}.audio.media.source",),
    ),
    Case(
        "plain_text_that_is_none",
        content(document(media=message_pb2.Media(data=b"\xff\xfe", media_type="text/plain"))),
        (f"{BLOCK}.document.media.data",),
        "byte 0",
    ),
    # Numbers.
    Case("temperature_1_5", fields_of("generation", temperature=1.5), ("input.generation.temperature",), "1.5"),
    Case("temperature_nan", fields_of("generation", temperature=math.nan), ("input.generation.temperature",), "nan"),
    Case("temperature_inf", fields_of("generation", temperature=math.inf), ("input.generation.temperature",), "inf"),
    Case("temperature_minus_1", fields_of("generation", temperature=-1), ("input.generation.temperature",), "-1"),
    Case("top_p_2", fields_of("generation", top_p=2), ("input.generation.top_p",), "2"),
    Case("top_p_nan", fields_of("generation", top_p=math.nan), ("input.generation.top_p",), "nan"),
    Case("top_k_minus_1", fields_of("generation", top_k=-1), ("input.generation.top_k",)),
    Case(
        "max_output_tokens_minus_1",
        fields_of("generation", max_output_tokens=-1),
        ("input.generation.max_output_tokens",),
    ),
    Case("penalty_3", fields_of("generation", presence_penalty=3), ("input.generation.presence_penalty",)),
    Case("empty_stop_sequence", fields_of("generation", stop_sequences=[""]), ("input.generation.stop_sequences[0]",)),
    # Reasoning, tools, formats.
    Case("budget_without_mode", fields_of("reasoning", budget_tokens=2000), ("input.reasoning.budget_tokens",)),
    Case(
        "budget_with_another_mode",
        fields_of("reasoning", budget_tokens=2000, mode=chat_input_pb2.REASONING_MODE_ADAPTIVE),
        ("input.reasoning.budget_tokens",),
    ),
    Case(
        "mode_without_budget",
        fields_of("reasoning", mode=chat_input_pb2.REASONING_MODE_BUDGET),
        ("input.reasoning.budget_tokens",),
    ),
    Case(
        "budget_minus_1",
        fields_of("reasoning", mode=chat_input_pb2.REASONING_MODE_BUDGET, budget_tokens=-1),
        ("input.reasoning.budget_tokens",),
    ),
    Case("mode_of_a_newer_client", fields_of("reasoning", mode=numbered(77)), ("input.reasoning.mode",), "77"),
    Case("display_without_mode", fields_of("reasoning", display="omitted"), ("input.reasoning.display",)),
    Case("tool_of_no_kind", tool(), ("input.tools[0].kind",)),
    Case("tool_without_name", function(name=""), ("input.tools[0].function.name",)),
    Case(
        "provider_tool_of_nobody",
        tool(provider_defined=chat_input_pb2.ProviderTool(raw_json="{}")),
        ("input.tools[0].provider_defined.provider_type",),
    ),
    Case("choice_of_no_tool", fields_of("tool_choice", tool_name=""), ("input.tool_choice.tool_name",)),
    Case("choice_unspecified", fields_of("tool_choice", mode=numbered(0)), ("input.tool_choice.mode",)),
    Case("choice_of_a_newer_client", fields_of("tool_choice", mode=numbered(50)), ("input.tool_choice.mode",)),
    Case("format_of_no_kind", lambda r: r.input.output_format.SetInParent(), ("input.output_format.format",)),
    # What becomes a header.
    Case(
        "header_in_the_version",
        fields_of("anthropic", version="2023-06-01\r\nx-evil: 1"),
        ("input.anthropic.version",),
    ),
    Case("header_in_a_beta", fields_of("anthropic", betas=["good", "b\nx-evil: 1"]), ("input.anthropic.betas[1]",)),
    Case("two_betas_in_one", fields_of("anthropic", betas=["one,two"]), ("input.anthropic.betas[0]",)),
    Case("empty_beta", fields_of("anthropic", betas=[""]), ("input.anthropic.betas[0]",)),
    Case("beta_beyond_ascii", fields_of("anthropic", betas=["früh"]), ("input.anthropic.betas[0]",)),
    Case(
        "header_in_the_profile",
        fields_of("anthropic", user_profile_id="a\r\nb: c"),
        ("input.anthropic.user_profile_id",),
    ),
    Case("header_in_the_workspace", fields_of("anthropic", workspace_id="a\0b"), ("input.anthropic.workspace_id",)),
    Case(
        "header_in_the_key",
        to_target(provider="simulator", model="text", api_key="sk\r\nx-evil: 1"),
        ("routing.route.target.api_key",),
    ),
    # Where it is to go.
    Case("empty_model", model(""), ("input.model",)),
    Case("very_long_model", model(f"simulator/{'a' * 70_000}"), ("input.model",), "1000"),
    Case(
        "very_long_model_of_a_target",
        to_target(provider="simulator", model="a" * 70_000),
        ("routing.route.target.model",),
    ),
    lost("empty_model_of_a_provider", model("simulator/"), "providers/simulator"),
    lost("unknown_provider", model("nowhere/text"), "providers/nowhere", "'nowhere'"),
    lost("unknown_bare_model", model("text"), "models/text", "'text'"),
    lost("unknown_route", to_route("nowhere"), "routes/nowhere", "'nowhere'"),
    lost("route_without_name", to_route(""), "routes/"),
    Case("route_without_strategy", lambda r: r.routing.route.SetInParent(), ("routing.route.strategy",)),
    Case("target_without_provider", to_target(model="text"), ("routing.route.target.provider",)),
    lost("target_of_an_unknown_provider", to_target(provider="nowhere", model="text"), "providers/nowhere"),
    Case(
        "policy_of_a_newer_client",
        lambda r: setattr(r.routing, "unsupported_fields", numbered(7)),
        ("routing.unsupported_fields",),
    ),
    Case(
        "options_for_nobody", option("nowhere", "{}"), ('input.provider_options_json["nowhere"]',), "neither a provider"
    ),
    Case(
        "options_for_the_stream", option("anthropic", '{"stream":false}'), ('input.provider_options_json["anthropic"]',)
    ),
]


def asking(model: str, *messages: message_pb2.Message, **fields: Any) -> chat_service_pb2.ChatRequest:
    return chat_service_pb2.ChatRequest(input=chat_input(model, *messages, **fields))


def stream_of(asked: chat_service_pb2.ChatRequest) -> chat_service_pb2.StreamChatRequest:
    return chat_service_pb2.StreamChatRequest.FromString(asked.SerializeToString())


def count_of(asked: chat_service_pb2.ChatRequest) -> chat_service_pb2.CountTokensRequest:
    return chat_service_pb2.CountTokensRequest.FromString(asked.SerializeToString())


@pytest.fixture(autouse=True)
async def healthy_afterwards(channel: grpc.aio.Channel, stub: Stub) -> AsyncIterator[None]:
    """Whatever a test sent: the gateway says that it serves, and does."""
    yield
    health = health_pb2_grpc.HealthStub(channel)
    told = await health.Check(health_pb2.HealthCheckRequest(service="trunkline.v1.ChatService"), timeout=5)
    assert told.status == health_pb2.HealthCheckResponse.SERVING
    answer = await stub.Chat(asking("simulator/text", user("Still there?")), timeout=5)
    assert answer.message.content[0].text.text == "You said: Still there?"


def check_invalid(found: Failure, fields: set[str], says: str = "") -> None:
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"), found.message
    assert set(found.fields) == fields, found.message
    assert found.bad_request is not None
    assert any(says in violation.description for violation in found.bad_request.field_violations)
    assert found.retry is None
    # No provider was asked, so another gateway may be: nothing forbids it.
    assert "grpc-retry-pushback-ms" not in found.trailers


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_mistake(case: Case, stub: Stub, simulator: Simulator) -> None:
    asked = request()
    case.edit(asked)
    events, streamed = await stream_failure(stub, stream_of(asked))
    assert not events
    for found in (await chat_failure(stub, asked), streamed):
        assert (found.code, found.reason) == (case.code, case.reason), found.message
        assert case.says in found.message
        if case.fields:
            check_invalid(found, set(case.fields), case.says)
        if case.resource:
            assert found.resource is not None
            assert f"{found.resource.resource_type}/{found.resource.resource_name}" == case.resource
        assert "grpc-retry-pushback-ms" not in found.trailers
    assert not posts(simulator)


async def test_counting_has_the_same_rules(stub: Stub, simulator: Simulator) -> None:
    # What is not about the input alone is not sent when tokens are counted, so its provider's own rules do not matter.
    generation = {"temperature_1_5", "options_for_the_stream"}
    for case in CASES:
        if case.name in generation:
            continue
        asked = request()
        case.edit(asked)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CountTokens(count_of(asked), timeout=5)
        found = failure(caught.value)
        assert (found.code, found.reason, set(found.fields)) == (case.code, case.reason, set(case.fields)), case.name
    assert [call.path for call in posts(simulator)] == []


async def test_everything_is_said_at_once(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    edits = {
        "input.messages[0].role": role(0),
        "input.tools[0].kind": tool(),
        "input.system[0].kind": lambda r: r.input.system.add(),
        "input.generation.top_p": fields_of("generation", top_p=2),
        "input.generation.temperature": fields_of("generation", temperature=math.nan),
        "input.reasoning.budget_tokens": fields_of("reasoning", budget_tokens=1),
        "input.tool_choice.mode": fields_of("tool_choice", mode=numbered(9)),
        "input.output_format.format": lambda r: r.input.output_format.SetInParent(),
        "input.anthropic.version": fields_of("anthropic", version="\n"),
        'input.provider_options_json["nowhere"]': option("nowhere", "{}"),
        "routing.route.target.provider": to_target(model="text"),
    }
    for edit in edits.values():
        edit(asked)
    check_invalid(await chat_failure(stub, asked), set(edits))
    assert not posts(simulator)


async def test_every_codec_finding_is_said_at_once(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    content(image(data=b"BM"), image(data=b"BM"))(asked)
    fields_of("generation", temperature=1.5)(asked)
    expected = {f"input.messages[0].content[{number}].image.media.media_type" for number in (0, 1)}
    check_invalid(await chat_failure(stub, asked), expected | {"input.generation.temperature"})
    assert not posts(simulator)


@pytest.mark.parametrize("seconds", [-0.1, 1.001, 3600.0, 2.0**40])
async def test_max_event_delay_out_of_range(stub: Stub, simulator: Simulator, seconds: float) -> None:
    delay = Duration(seconds=int(seconds), nanos=round(math.fmod(seconds, 1) * 1e9))
    asked = chat_service_pb2.StreamChatRequest(input=chat_input(), max_event_delay=delay)
    events, found = await stream_failure(stub, asked)
    check_invalid(found, {"max_event_delay"})
    assert not events
    assert not posts(simulator)


async def test_routes_of_callers_can_be_forbidden() -> None:
    asked = request()
    to_target(provider="simulator", model="text")(asked)
    async with running(allow_inline_routes=False) as own:
        check_invalid(await chat_failure(own.stub, asked), {"routing.route"})
        assert not posts(own.simulator)
        await own.stub.Chat(request(), timeout=5)


# JSON as text.


def in_block(name: str, **block: Any) -> Callable[[str], Edit]:
    """An edit that puts JSON text into the field `name` of a block."""

    def with_text(text: str) -> Edit:
        made = message_pb2.ContentBlock(**block)
        owner: Any = made
        *below, last = name.split(".")
        for step in below:
            owner = getattr(owner, step)
        setattr(owner, last, text)
        return content(made, role=message_pb2.ROLE_ASSISTANT)

    return with_text


def schema(text: str) -> Edit:
    return lambda asked: setattr(asked.input.output_format.json_schema, "schema_json", text)


# Every field of a request that holds JSON: how to set it, and its path.
JSON_FIELDS: dict[str, tuple[Callable[[str], Edit], str]] = {
    "ChatInput.provider_options_json": (
        lambda text: option("anthropic", text),
        'input.provider_options_json["anthropic"]',
    ),
    "JsonSchemaFormat.schema_json": (schema, "input.output_format.json_schema.schema_json"),
    "FunctionTool.input_schema_json": (
        lambda text: function(input_schema_json=text),
        "input.tools[0].function.input_schema_json",
    ),
    "FunctionTool.input_examples_json": (
        lambda text: function(input_examples_json=["{}", text]),
        "input.tools[0].function.input_examples_json[1]",
    ),
    "FunctionTool.provider_fields_json": (
        lambda text: function(provider_fields_json=text),
        "input.tools[0].function.provider_fields_json",
    ),
    "ProviderTool.raw_json": (
        lambda text: tool(provider_defined=chat_input_pb2.ProviderTool(provider_type="anthropic", raw_json=text)),
        "input.tools[0].provider_defined.raw_json",
    ),
    "Message.provider_fields_json": (
        lambda text: lambda asked: setattr(asked.input.messages[0], "provider_fields_json", text),
        "input.messages[0].provider_fields_json",
    ),
    "ContentBlock.provider_fields_json": (
        in_block("provider_fields_json", text=message_pb2.TextBlock(text="So.")),
        f"{BLOCK}.provider_fields_json",
    ),
    "ToolUseBlock.input_json": (
        in_block("tool_use.input_json", tool_use=message_pb2.ToolUseBlock(id="toolu_1", name="weather")),
        f"{BLOCK}.tool_use.input_json",
    ),
    "ServerToolResultBlock.content_json": (
        in_block(
            "server_tool_result.content_json",
            server_tool_result=message_pb2.ServerToolResultBlock(
                tool_use_id="srvtoolu_1", type="web_search_tool_result"
            ),
        ),
        f"{BLOCK}.server_tool_result.content_json",
    ),
    "Opaque.raw_json": (in_block("opaque.raw_json", opaque=OPAQUE), f"{BLOCK}.opaque.raw_json"),
    "Citation.provider_fields_json": (
        lambda text: content(cited(char_location=message_pb2.CharLocation(), provider_fields_json=text)),
        f"{BLOCK}.text.citations[0].provider_fields_json",
    ),
    # The same message in another place.
    "Citation.opaque.raw_json": (
        lambda text: content(cited(opaque=message_pb2.Opaque(provider_type="anthropic", raw_json=text))),
        f"{BLOCK}.text.citations[0].opaque.raw_json",
    ),
}
# Where any JSON will do, and where the text may be empty.
ANY_JSON = {"ServerToolResultBlock.content_json"}
REQUIRED = {
    "ChatInput.provider_options_json",
    "JsonSchemaFormat.schema_json",
    "FunctionTool.input_examples_json",
    "ProviderTool.raw_json",
    "Opaque.raw_json",
    "Citation.opaque.raw_json",
}

WRONG_JSON = {
    "cut": ('{"a": [1, 2', "line 1 column 12 (char 11)"),
    "bare": ("{a: 1}", "line 1 column 2 (char 1)"),
    "second_line": ('{"a": 1,\n "b": }', "line 2 column 7 (char 15)"),
    "two": ("{} {}", "line 1 column 4 (char 3)"),
    "nan": ('{"a": NaN}', "NaN"),
}


def json_fields(descriptor: Descriptor, seen: set[str]) -> Iterator[str]:
    """The names of all fields for JSON in a message and those below it."""
    if descriptor.full_name in seen:
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        if field.name.endswith("_json"):
            yield f"{descriptor.name}.{field.name}"
        elif field.message_type is not None:
            yield from json_fields(field.message_type, seen)


def test_no_json_field_is_forgotten() -> None:
    found = set(json_fields(chat_service_pb2.ChatRequest.DESCRIPTOR, set()))
    assert found == JSON_FIELDS.keys() - {"Citation.opaque.raw_json"}


@pytest.mark.parametrize("name", JSON_FIELDS)
async def test_wrong_json(name: str, stub: Stub, simulator: Simulator) -> None:
    put, path = JSON_FIELDS[name]
    for text, position in WRONG_JSON.values():
        asked = request()
        put(text)(asked)
        found = await chat_failure(stub, asked)
        check_invalid(found, {path}, position)
    for text in ("[1]", '"text"', "17", "null"):
        asked = request()
        put(text)(asked)
        if name in ANY_JSON:
            await stub.Chat(asked, timeout=5)
        else:
            check_invalid(await chat_failure(stub, asked), {path}, "must be a JSON object")
    if name in REQUIRED:
        asked = request()
        put("")(asked)
        check_invalid(await chat_failure(stub, asked), {path}, "is empty")
    assert len(posts(simulator)) == (4 if name in ANY_JSON else 0)


DEEP = 10_000
BOMBS = {
    "deep_list": ('{"a":' + "[" * DEEP + "]" * DEEP + "}", "nested deeper"),
    "deep_object": ('{"a":' * DEEP + "1" + "}" * DEEP, "nested deeper"),
    "deep_without_end": ('{"a":' + "[" * 199_999, "nested deeper"),
    "just_too_deep": ('{"a":' + "[" * 128 + "]" * 128 + "}", "nested deeper"),
    "wide": ('{"a":[' + "{}," * 2 * MIB + "{}]}", "more than 200000"),
    "wide_without_end": ('{"a":[' + "{}," * 199_990, "not valid JSON"),
    "text_without_end": ('{"a":"' + '\\"[' * 100_000, "not valid JSON"),
    "many_digits": ('{"a":' + "1" * 2 * MIB + "x}", "not valid JSON"),
}


# CPU seconds of this process, in which gateway, simulator and caller all run: busy machines do not change them.
FAST = 2.0


@pytest.mark.parametrize("name", BOMBS)
async def test_json_bomb(name: str, stub: Stub, simulator: Simulator) -> None:
    text, says = BOMBS[name]
    asked = request()
    content(tool_use(input_json=text), role=message_pb2.ROLE_ASSISTANT)(asked)
    began = time.process_time()
    found = await chat_failure(stub, asked)
    assert time.process_time() - began < FAST
    check_invalid(found, {f"{BLOCK}.tool_use.input_json"}, says)
    assert not posts(simulator)


WIDE = {
    "wide": '{"type":"object","a":[' + "{}," * 199_990 + "{}]}",
    "brackets_in_text": '{"type":"object","a":"' + "[{" * (MIB // 2) + '"}',
    "deep_enough": '{"type":"object","a":' + "[" * 127 + "]" * 127 + "}",
}


@pytest.mark.parametrize("name", WIDE)
async def test_json_that_only_looks_like_a_bomb(name: str, stub: Stub, simulator: Simulator) -> None:
    asked = request()
    function(input_schema_json=WIDE[name])(asked)
    began = time.process_time()
    await stub.Chat(asked, timeout=5)
    assert time.process_time() - began < FAST
    assert WIDE[name].encode() in posts(simulator)[0].body


# Sizes and depths.


def nested(levels: int) -> message_pb2.ContentBlock:
    block = text_block("deep")
    for _ in range(levels - 1):
        block = tool_result(block)
    return block


async def test_blocks_nested_too_deep(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    content(nested(17))(asked)
    found = await chat_failure(stub, asked)
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST")
    assert "nested deeper than 16 levels" in found.message
    (field,) = found.fields
    assert field.startswith(f"{BLOCK}.tool_result.content[0].tool_result")
    assert not posts(simulator)


async def test_blocks_nested_deep_enough(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    content(nested(16))(asked)
    found = await chat_failure(stub, asked)
    assert found.reason == "UPSTREAM_REJECTED_REQUEST"  # there is no call that it answers
    assert len(posts(simulator)) == 1


def length_delimited(number: int, data: bytes) -> bytes:
    def varint(value: int) -> bytes:
        out = bytearray()
        while value > 0x7F:
            out.append(value & 0x7F | 0x80)
            value >>= 7
        return bytes((*out, value))

    return varint(number << 3 | 2) + varint(len(data)) + data


async def raw_failure(channel: grpc.aio.Channel, data: bytes, method: str = METHOD, timeout: float = 10) -> Failure:
    """Sends bytes as a request, which must fail."""
    call = channel.unary_unary(method, request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call(data, timeout=timeout)
    return failure(caught.value)


async def test_blocks_nested_beyond_what_can_be_parsed(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    block = b""
    for _ in range(2000):
        block = length_delimited(8, length_delimited(2, block))  # ContentBlock.tool_result.content
    message = length_delimited(3, b"\x08\x03" + length_delimited(2, block))
    found = await raw_failure(channel, length_delimited(1, length_delimited(1, b"simulator/text") + message))
    check_invalid(found, {"request"})
    assert not posts(simulator)


EMPTIES = {
    "messages": (b"\x1a\x00" * MIB, "input.messages", "more than 100000"),
    "blocks": (length_delimited(3, b"\x08\x03" + b"\x12\x00" * MIB), "input.messages", "more than 100000"),
    "tools": (length_delimited(3, b"\x08\x03") + b"\x22\x00" * MIB, "input.tools[0].kind", "is required"),
    "unknown_fields": (b"\xf8\x7f\x01" * MIB, "request", "does not know"),
    "unknown_fields_below": (length_delimited(3, b"\xf8\x7f\x01") * (MIB // 4), "input.messages[0]", "2047"),
}


@pytest.mark.parametrize("name", EMPTIES)
async def test_a_million_of_nothing(name: str, channel: grpc.aio.Channel, simulator: Simulator) -> None:
    parts, field, says = EMPTIES[name]
    data = length_delimited(1, length_delimited(1, b"simulator/text") + parts)
    began = time.process_time()
    found = await raw_failure(channel, data)
    # Most of it is what parsing takes, which is not the gateway's own.
    assert time.process_time() - began < FAST
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "INVALID_REQUEST"), found.message
    assert found.fields[0] == field
    assert says in found.message
    assert not posts(simulator)


async def test_more_messages_than_any_provider_takes(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    asked.input.messages.extend([user("Hello")] * 100_000)
    found = await chat_failure(stub, asked)
    check_invalid(found, {"input.messages"}, "more than 100000 messages")
    assert not posts(simulator)


async def test_a_request_over_the_limit(gateway: Gateway, simulator: Simulator) -> None:
    """gRPC itself refuses it, and the connection lives on."""
    asked = asking("simulator/text-n1", user("x" * 32 * MIB))
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(gateway.address, options=options) as channel:
        stub: Any = chat_service_pb2_grpc.ChatServiceStub(channel)
        found = await chat_failure(stub, asked)
        assert (found.code, found.reason, found.status) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "", None)
        assert "larger than max" in found.message
        assert not posts(simulator)
        await stub.Chat(request(), timeout=5)


async def test_a_request_over_the_limit_once_it_is_unpacked(gateway: Gateway, simulator: Simulator) -> None:
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(gateway.address, options=options) as channel:
        stub: Any = chat_service_pb2_grpc.ChatServiceStub(channel)
        packed = grpc.Compression.Gzip
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.Chat(asking("simulator/text-n1", user("x" * 32 * MIB)), timeout=20, compression=packed)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert not posts(simulator)
        await stub.Chat(asking("simulator/text-n1", user("x" * MIB)), timeout=5, compression=packed)


async def test_a_request_just_under_the_limit(stub: Stub, simulator: Simulator) -> None:
    text = "x" * (32 * MIB - 1024)
    answer = await stub.Chat(asking("simulator/text-n1", user(text)), timeout=20)
    assert answer.completion.usage.input_total > 8_000_000
    assert posts(simulator)[0].json["messages"][0]["content"][0]["text"] == text


async def test_a_request_that_only_the_provider_finds_too_large(stub: Stub, simulator: Simulator) -> None:
    png = b"\x89PNG\r\n\x1a\n" + bytes(26 * MIB)
    found = await chat_failure(stub, asking("simulator/text", user(image(data=png))))
    assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "REQUEST_TOO_LARGE")
    assert found.info.metadata["limit"] == str(32 * MIB)
    assert found.retry is None


# Bytes.


def with_unknown_field(asked: ProtobufMessage, path: str) -> None:
    """Adds the field 2047 = 1 to the message at a path such as `input.messages[0]`."""
    owner: Any = asked
    for step in path.split(".") if path else ():
        name, _, place = step.partition("[")
        owner = getattr(owner, name)
        owner = owner[int(place[:-1])] if place else owner
    owner.MergeFromString(b"\xf8\x7f\x01")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "input",
        "input.messages[0]",
        "input.messages[0].content[0]",
        "input.messages[0].content[0].text",
        "input.generation",
        "input.tools[0].function",
        "routing.route.target",
    ],
)
async def test_a_field_of_a_newer_client(path: str, stub: Stub, simulator: Simulator) -> None:
    asked = request()
    function()(asked)
    to_target(provider="simulator", model="text")(asked)
    with_unknown_field(asked, path)
    events, streamed = await stream_failure(stub, stream_of(asked))
    assert not events
    for found in (await chat_failure(stub, asked), streamed):
        check_invalid(found, {path or "request"}, "2047")
    assert not posts(simulator)


async def test_a_block_of_a_newer_client(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    asked = request()
    asked.input.messages[0].content.add().MergeFromString(length_delimited(40, b"new"))
    with_unknown_field(asked, "routing")
    found = await raw_failure(channel, asked.SerializeToString())
    check_invalid(found, {"input.messages[0].content[1]", "routing"})
    assert not posts(simulator)


async def test_a_field_of_a_newer_client_in_a_map(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    entry = length_delimited(1, b"anthropic") + length_delimited(2, b"{}") + b"\xf8\x7f\x01"
    data = request().SerializeToString() + length_delimited(1, length_delimited(13, entry))
    found = await raw_failure(channel, data)
    assert found.reason == "INVALID_REQUEST"
    assert not posts(simulator)


WRONG_BYTES = {
    "not_utf8_model": length_delimited(1, length_delimited(1, b"simulator/\xff\xfe")),
    "not_utf8_text": length_delimited(
        1, length_delimited(3, b"\x08\x03" + length_delimited(2, length_delimited(1, length_delimited(1, b"\xc3\x28"))))
    ),
    "surrogate": length_delimited(1, length_delimited(1, b"\xed\xa0\x80")),
    "no_message": b"\xff\xff\xff\xff\xff",
    "cut": length_delimited(1, b"simulator")[:-3],
    "text": b"Hello",
    "json": b'{"input": {"model": "simulator/text"}}',
}


@pytest.mark.parametrize("name", WRONG_BYTES)
@pytest.mark.parametrize("method", [METHOD, "/trunkline.v1.ChatService/CountTokens"])
async def test_bytes_that_are_no_request(
    name: str, method: str, channel: grpc.aio.Channel, simulator: Simulator
) -> None:
    found = await raw_failure(channel, WRONG_BYTES[name], method)
    check_invalid(found, {"request"})
    assert found.request_info is not None
    assert not posts(simulator)


async def test_bytes_that_are_no_request_for_a_stream(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    call = channel.unary_stream(STREAM, request_serializer=bytes, response_deserializer=bytes)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(call(b"\xff\xff", timeout=5)))
    check_invalid(failure(caught.value), {"request"})
    assert not posts(simulator)


async def test_an_empty_request(channel: grpc.aio.Channel) -> None:
    found = await raw_failure(channel, b"")
    check_invalid(found, {"input.model", "input.messages"})


async def test_a_field_with_another_wire_type(channel: grpc.aio.Channel, simulator: Simulator) -> None:
    """`model` as a number: what cannot be read must not be left out."""
    found = await raw_failure(channel, length_delimited(1, b"\x08\x01"))
    check_invalid(found, {"input"})
    assert not posts(simulator)


# What the provider has to judge.


async def test_a_tool_result_without_its_call(stub: Stub, simulator: Simulator) -> None:
    """Passed on: which calls are open is the provider's to know."""
    asked = request()
    content(tool_result(text_block("18 degrees")))(asked)
    events, streamed = await stream_failure(stub, stream_of(asked))
    assert not events
    for found in (await chat_failure(stub, asked), streamed):
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UPSTREAM_REJECTED_REQUEST")
        assert found.fields == [BLOCK]
        assert "unexpected `tool_use_id`" in found.message
        assert found.trailers["grpc-retry-pushback-ms"] == "-1"
    sent = posts(simulator)[0].json["messages"][0]["content"]
    assert sent == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "18 degrees"}]}
    ]


async def test_what_the_provider_has_no_place_for(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    fields_of("generation", seed=1, presence_penalty=0.5)(asked)
    found = await chat_failure(stub, asked)
    assert (found.code, found.reason) == (grpc.StatusCode.UNIMPLEMENTED, "CAPABILITY_NOT_SUPPORTED")
    assert found.fields == ["input.generation.seed", "input.generation.presence_penalty"]
    assert found.info.metadata["capability"] == "seed"
    assert "grpc-retry-pushback-ms" not in found.trailers
    assert not posts(simulator)


async def test_what_the_provider_has_no_place_for_left_out(stub: Stub, simulator: Simulator) -> None:
    """If the caller says so; and then the answer tells what."""
    asked = request()
    fields_of("generation", seed=1, presence_penalty=0.5)(asked)
    asked.routing.unsupported_fields = route_pb2.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING
    answer = await stub.Chat(asked, timeout=5)
    found = [(warning.code, warning.field) for warning in answer.completion.warnings]
    assert found == [
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, "input.generation.seed"),
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, "input.generation.presence_penalty"),
    ]
    assert not {"seed", "presence_penalty"} & posts(simulator)[0].json.keys()


@pytest.mark.parametrize("name", ["te xt", "текст", "text\nx-evil: 1", "../../elsewhere", "text?a=b"])
async def test_an_odd_name_of_a_model(name: str, stub: Stub, simulator: Simulator) -> None:
    """Without max_output_tokens, the model's name becomes a part of an address."""
    asked = request(f"simulator/{name}", generation=chat_input_pb2.GenerationParams())
    found = await chat_failure(stub, asked)
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
    assert found.resource is not None
    assert found.resource.resource_name == name
    assert all(call.path.startswith("/v1/models/") for call in simulator.calls)
    assert not posts(simulator)


async def test_wrong_calls_at_once(stub: Stub) -> None:
    """Many callers' mistakes at the same time are each their own."""
    asked = []
    for case in CASES:
        made = request()
        case.edit(made)
        asked.append(made)
    found = await asyncio.gather(*(chat_failure(stub, each) for each in asked))
    for case, each in zip(CASES, found, strict=True):
        assert (each.reason, set(each.fields)) == (case.reason, set(case.fields)), case.name
    ids = {each.request_info.request_id for each in found if each.request_info is not None}
    assert len(ids) == len(CASES)
    assert all(each.info.reason in error_reason_pb2.ErrorReason.keys() for each in found)  # noqa: SIM118
