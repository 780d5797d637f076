"""JSON in the text fields of a request: what is none, and what is too much of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.protobuf.descriptor import Descriptor

from e2e.edits import BLOCK, OPAQUE, Edit, cited, content, function, option, tool, tool_use
from e2e.gateways import posts
from e2e.refusals import check_invalid
from support.calls import Stub, chat_failure, request
from trunkline.v1 import chat_input_pb2, chat_service_pb2, message_pb2
from trunkline_service.rules.basics import MAX_MEMBERS
from trunkline_service.simulator import Simulator

MIB = 2**20

pytestmark = pytest.mark.usefixtures("healthy_afterwards")


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


# Where objects are merged member by member, so that of two members of one name only the last would be sent.
MERGED = [name for name in JSON_FIELDS if name.endswith((".provider_fields_json", ".provider_options_json"))]
REPEATED = {
    '{"twice": 1, "once": 2, "twice": 1}': "'twice'",
    '{"\\u0061": 1, "a": 2}': "'a'",
    '{"half": "\\ud83d", "b": 1, "b": {}}': "'b'",
}


@pytest.mark.parametrize("name", MERGED)
async def test_members_that_come_twice_where_one_would_be_lost(name: str, stub: Stub, simulator: Simulator) -> None:
    put, path = JSON_FIELDS[name]
    for text, member in REPEATED.items():
        asked = request()
        put(text)(asked)
        check_invalid(await chat_failure(stub, asked), {path}, f"has the member {member} twice")
    assert not posts(simulator)


async def test_members_that_come_twice_below_a_merged_object(stub: Stub, simulator: Simulator) -> None:
    """Sent byte for byte where nothing is merged with their object, and refused where something is."""
    path = 'input.provider_options_json["anthropic"]'
    asked = request()
    option("anthropic", '{"metadata":{"user_id":"a","user_id":"b"}}')(asked)
    await stub.Chat(asked, timeout=5)
    assert b'{"user_id":"a","user_id":"b"}' in posts(simulator)[0].body
    asked.input.end_user_id = "c"
    check_invalid(await chat_failure(stub, asked), {path}, "'metadata' has the member 'user_id' twice")
    # What is merged over may have it, too.
    asked = request()
    schema('{"type":"object","type":"object"}')(asked)
    option("anthropic", '{"output_config":{"format":{"schema":{"title":"T"}}}}')(asked)
    check_invalid(await chat_failure(stub, asked), {path}, "'schema' has the member 'type' twice")
    # So may a block's own members.
    asked = request()
    content(tool_use(input_json='{"city":"Bonn","city":"Bern"}'), role=message_pb2.ROLE_ASSISTANT)(asked)
    asked.input.messages[0].content[0].provider_fields_json = '{"input":{"day":1}}'
    found = await chat_failure(stub, asked)
    check_invalid(found, {f"{BLOCK}.provider_fields_json"}, "'input' has the member 'city' twice")
    assert len(posts(simulator)) == 1


async def test_members_by_the_hundred_thousand(stub: Stub, simulator: Simulator) -> None:
    """Sent byte for byte, unless something beside them makes it necessary to look at each."""
    asked = request()
    raw_json = "{" + ",".join(f'"{number}":{{}}' for number in range(MAX_MEMBERS + 1)) + "}"
    content(message_pb2.ContentBlock(opaque=message_pb2.Opaque(provider_type="anthropic", raw_json=raw_json)))(asked)
    await chat_failure(stub, asked)
    assert raw_json.encode() in posts(simulator)[0].body
    asked.input.messages[0].content[0].cache_control.SetInParent()
    check_invalid(await chat_failure(stub, asked), {f"{BLOCK}.opaque.raw_json"}, f"more than {MAX_MEMBERS} members")
    assert len(posts(simulator)) == 1


@pytest.mark.parametrize("beside", ["nothing", "cache_control", "provider_fields_json"])
async def test_members_that_come_twice_in_what_the_provider_defines(
    beside: str, stub: Stub, simulator: Simulator
) -> None:
    """Sent byte for byte, unless something beside it has to become a member of it."""
    twice = '{"type":"text","text":"a","text":"b"}'
    block = message_pb2.ContentBlock(opaque=message_pb2.Opaque(provider_type="anthropic", raw_json=twice))
    asked = request()
    asked.input.tools.add(provider_defined=chat_input_pb2.ProviderTool(provider_type="anthropic", raw_json=twice))
    content(block)(asked)
    expected = {f"{BLOCK}.opaque.raw_json"}
    match beside:
        case "nothing":
            await stub.Chat(asked, timeout=5)
            (call,) = posts(simulator)
            assert call.body.count(twice.encode()) == 2
            return
        case "cache_control":
            asked.input.messages[0].content[0].cache_control.SetInParent()
            asked.input.tools[0].cache_control.SetInParent()
            expected.add("input.tools[0].provider_defined.raw_json")
        case _:
            asked.input.messages[0].content[0].provider_fields_json = "{}"
    check_invalid(await chat_failure(stub, asked), expected, "has the member 'text' twice")
    assert not posts(simulator)


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
