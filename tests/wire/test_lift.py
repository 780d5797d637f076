"""Every field, role, block and tool of Anthropic's requests: lifted and sent out again equal as JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from trunkline.v1 import message_pb2
from wire.decoding import PROVIDER, TARGET, Json
from wire.lift import lift

SCHEMA: Json = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n....").decode()
PDF = base64.b64encode(b"%PDF-1.7").decode()
CACHED: Json = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
TEXT: Json = {"type": "text", "text": "a"}
CITED: Json = {"citations": {"enabled": True}}
CALL: Json = {"type": "tool_use", "id": "t", "name": "n", "input": {}}
RESULT: Json = {"type": "tool_result", "tool_use_id": "t"}
FOUND: Json = {"type": "search_result", "source": "s", "title": "t", "content": [TEXT | CACHED]}
USER: Json = {"role": "user", "content": [TEXT]}


def round_trip(request: Json) -> Json:
    chat_input = lift(json.dumps(request).encode())
    sent = PROVIDER.encode_chat(chat_input, TARGET)
    assert not sent.warnings
    body: Json = json.loads(sent.body)
    assert body.pop("stream") is True
    return body


def request(**fields: Any) -> Json:
    asked: Json = {"model": TARGET.model, "max_tokens": 5, "messages": [{"role": "user", "content": [TEXT]}]}
    return asked | fields


# Members of the request, and whether the contract has fields for all of it.
FIELDS: list[tuple[Json, bool]] = [
    ({"max_tokens": 0}, True),
    ({"system": [TEXT | CACHED, TEXT | {"citations": None}]}, True),
    ({"stop_sequences": ["a", "\n"]}, True),
    ({"stop_sequences": []}, False),
    ({"temperature": 0, "top_p": 0.1, "top_k": 5}, True),
    ({"temperature": 1.0}, True),
    ({"tools": []}, False),
    ({"tool_choice": {"type": "auto"}}, True),
    ({"tool_choice": {"type": "auto", "disable_parallel_tool_use": False}}, True),
    ({"tool_choice": {"type": "any", "disable_parallel_tool_use": True}}, True),
    ({"tool_choice": {"type": "tool", "name": "n"}}, True),
    ({"tool_choice": {"type": "tool", "name": "n", "disable_parallel_tool_use": True}}, True),
    ({"tool_choice": {"type": "none"}}, True),
    ({"tool_choice": {"type": "auto", "x_new": 1}}, False),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024}}, True),
    ({"thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"}}, True),
    ({"thinking": {"type": "adaptive", "display": "summarized"}}, True),
    ({"thinking": {"type": "disabled"}}, True),
    ({"thinking": {"type": "between_tools"}}, True),
    ({"thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}}}, False),
    ({"output_config": {"effort": "xhigh"}}, True),
    ({"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"}}, True),
    ({"output_config": {"effort": "low", "task_budget": {"type": "tokens", "total": 9}}}, False),
    ({"output_config": {"task_budget": {"type": "tokens", "total": 9, "remaining": None}}}, False),
    ({"cache_control": {"type": "ephemeral"}}, True),
    (CACHED, True),
    ({"cache_control": {"type": "ephemeral", "scope": "x"}}, False),
    ({"metadata": {"user_id": "u"}}, True),
    ({"metadata": {"user_id": "u", "tier": 1}}, False),
    ({"metadata": {"user_id": None}}, False),
    ({"service_tier": "standard_only"}, True),
    ({"speed": "fast"}, True),
    ({"inference_geo": "us"}, True),
    ({"inference_geo": None}, False),
    ({"container": "container_1"}, False),
    ({"container": {"id": "c", "skills": [{"type": "anthropic", "skill_id": "pptx", "version": "latest"}]}}, False),
    ({"diagnostics": {"previous_message_id": None}}, False),
    ({"context_management": {"edits": [{"type": "clear_thinking_20251015", "keep": "all"}]}}, False),
    ({"compaction": {"type": "summarize", "instructions": "é"}}, False),
    ({"mcp_servers": [{"type": "url", "name": "s", "url": "https://e.org", "authorization_token": "t"}]}, False),
    ({"fallbacks": "default"}, False),
    ({"fallbacks": [{"model": "m", "max_tokens": None, "speed": "fast"}]}, False),
    ({"fallback_credit_token": {"token": "t", "mode": "strict"}}, False),
    ({"thread": {"type": "continue", "previous_message_id": "m"}}, False),
    ({"billing_policy": {"type": "billing_policy", "bill_to": "self"}}, False),
]


@pytest.mark.parametrize(("fields", "typed"), FIELDS, ids=[json.dumps(fields)[:60] for fields, _ in FIELDS])
def test_fields(fields: Json, typed: bool) -> None:
    asked = request(**fields)
    assert round_trip(asked) == asked
    assert typed == (not lift(json.dumps(asked).encode()).provider_options_json)


def source(**members: Any) -> Json:
    return {"source": members}


# Blocks of a request, by the kind that they become. A star: with members that the contract has no field for.
BLOCKS: list[tuple[str, Json]] = [
    ("text", TEXT),
    ("text", TEXT | CACHED),
    ("text*", TEXT | {"citations": []} | {"citations": None}),
    ("image", {"type": "image", **source(type="base64", media_type="image/png", data=PNG)}),
    ("image", {"type": "image", **source(type="url", url="https://e.org/a.png"), **CACHED}),
    ("image", {"type": "image", **source(type="file", file_id="file_1")}),
    ("image*", {"type": "image", **source(type="file", file_id="f"), "transformations": {"oversized_image": "error"}}),
    ("document", {"type": "document", **source(type="base64", media_type="application/pdf", data=PDF)}),
    ("document", {"type": "document", **source(type="text", media_type="text/plain", data="é\n"), "title": "T"}),
    ("document", {"type": "document", **source(type="content", content=[TEXT]), "context": ""}),
    ("document", {"type": "document", **source(type="content", content=[])}),
    ("document", {"type": "document", **source(type="url", url="https://e.org/a.pdf"), **CITED}),
    ("document", {"type": "document", **source(type="file", file_id="f"), "citations": {"enabled": False}, **CACHED}),
    ("document*", {"type": "document", **source(type="file", file_id="f"), "title": None}),
    ("document*", {"type": "document", **source(type="file", file_id="f"), "citations": {"enabled": True, "x": 1}}),
    ("document*", {"type": "document", **source(type="text", media_type="text/plain", data="a", x_new=1)}),
    ("search_result", FOUND),
    ("search_result", FOUND | CITED | {"content": []}),
    ("thinking", {"type": "thinking", "thinking": "", "signature": "Er8="}),
    ("redacted_thinking", {"type": "redacted_thinking", "data": "b64"}),
    ("tool_use", CALL | CACHED | {"input": {"a": 1.0}}),
    ("tool_use", CALL | {"caller": {"type": "direct"}, "toolset_name": "c"}),
    ("tool_use*", CALL | {"caller": None}),
    ("tool_result", RESULT),
    ("tool_result", RESULT | CACHED | {"is_error": False}),
    ("tool_result", RESULT | {"content": [TEXT], "is_error": True, "toolset_name": "c"}),
    ("tool_result", RESULT | {"content": [
        {"type": "image", **source(type="file", file_id="f")},
        FOUND,
        {"type": "document", **source(type="file", file_id="f")},
        {"type": "tool_reference", "tool_name": "n"},
        {"type": "browser_state", "tabs": [{"id": 1.0}]},
    ]}),
    ("tool_use", {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {"query": "x"}}),
    ("tool_use", {"type": "mcp_tool_use", "id": "m", "name": "n", "server_name": "s", "input": {}}),
    ("server_tool_result", {"type": "web_search_tool_result", "tool_use_id": "s", "content": [], **CACHED}),
    ("server_tool_result", {"type": "mcp_tool_result", "tool_use_id": "m", "is_error": False, "content": "x"}),
    ("server_tool_result", {"type": "advisor_tool_result", "tool_use_id": "m", "content": {"type": "advisor_result"}}),
    ("opaque", {"type": "container_upload", "file_id": "f", **CACHED}),
    ("opaque", {"type": "mcp_tool_listing", "mcp_server_name": "s", "tools": []}),
    ("opaque", {"type": "compaction", "content": None, "encrypted_content": "e"}),
    ("opaque", {"type": "tool_addition", "tool": {"type": "tool_reference", "name": "n"}, **CACHED}),
    ("opaque", {"type": "tool_removal", "tool": {"type": "mcp_toolset", "mcp_server_name": "n"}}),
    ("opaque", {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}),
    ("opaque", {"type": "image", **source(type="ftp", url="ftp://e.org")}),
    ("opaque", {"type": "image", **source(type="base64", media_type="image/png", data="not base64")}),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "block"), BLOCKS, ids=[f"{kind}-{json.dumps(block)[9:60]}" for kind, block in BLOCKS])
def test_blocks(kind: str, block: Json) -> None:
    asked = request(messages=[{"role": "user", "content": [block, TEXT]}])
    assert round_trip(asked) == asked
    lifted = lift(json.dumps(asked).encode()).messages[0].content[0]
    assert lifted.WhichOneof("kind") == kind.rstrip("*")
    assert bool(lifted.provider_fields_json) == kind.endswith("*")


MESSAGES: list[list[Json]] = [
    [USER, {"role": "user", "content": [TEXT, TEXT]}, {"role": "assistant", "content": [TEXT]}],
    [USER, {"role": "system", "content": [TEXT | CACHED]}],
    [USER, {"role": "system", "content": [TEXT], "clear_at": "next_user_message"}],
    [USER, {"role": "system", "output_config": {"effort": "low"}}],
    [{"role": "user", "content": []}],
]  # fmt: skip


@pytest.mark.parametrize("messages", MESSAGES)
def test_messages(messages: list[Json]) -> None:
    asked = request(messages=messages)
    assert round_trip(asked) == asked
    assert len(lift(json.dumps(asked).encode()).messages) == len(messages)


@pytest.mark.parametrize("messages", [["word"], [{"role": "tool", "content": "x"}], [[]]])
def test_what_is_no_message_is_sent_as_it_is(messages: list[Any]) -> None:
    assert round_trip(request(messages=messages)) == request(messages=messages)


def test_strings_stand_for_one_block_of_text() -> None:
    result = RESULT | {"content": "c"}
    document = {"type": "document", "source": {"type": "content", "content": "d"}}
    messages = [{"role": "user", "content": "b"}, {"role": "user", "content": [result, document]}]
    body = round_trip(request(system="a", messages=messages))
    assert body["system"] == [{"type": "text", "text": "a"}]
    assert body["messages"][0]["content"] == [{"type": "text", "text": "b"}]
    sent_result, sent_document = body["messages"][1]["content"]
    assert sent_result["content"] == [{"type": "text", "text": "c"}]
    assert sent_document["source"]["content"] == [{"type": "text", "text": "d"}]


CUSTOM: Json = {"name": "get_weather", "input_schema": SCHEMA}
TOOLS: list[Json] = [
    CUSTOM,
    CUSTOM | {"type": "custom"},
    CUSTOM | {"type": None},
    CUSTOM | {"description": "", **CACHED},
    CUSTOM | {"strict": True, "defer_loading": False, "eager_input_streaming": True},
    CUSTOM | {"eager_input_streaming": None},
    CUSTOM | {"input_examples": [{"a": "b"}, {}], "allowed_callers": ["direct", "code_execution_20260120"]},
    CUSTOM | {"x_new": {"n": 1.0}},
    *({"type": kind, "name": name} for kind, name in [("bash_20250124", "bash"), ("memory_20250818", "memory")]),
    {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool", "max_characters": 10_000},
    {"type": "computer_toolset_20260801", "configs": {"zoom": {"enabled": True}}},
    {"type": "browser_toolset_20260801"},
    {"type": "computer_20251124", "name": "computer", "display_width_px": 1024, "display_height_px": 768, **CACHED},
    {"type": "web_search_20260318", "name": "web_search", "max_uses": 3, "allowed_domains": ["e.org"],
     "user_location": {"type": "approximate", "city": "Zürich"}, "response_inclusion": "full"},
    {"type": "web_fetch_20260318", "name": "web_fetch", "citations": {"enabled": True}, "use_cache": False},
    {"type": "code_execution_20260521", "name": "code_execution"},
    {"type": "tool_search_tool_bm25", "name": "tool_search_tool_bm25"},
    {"type": "advisor_20260301", "name": "advisor", "model": "m", "caching": {"type": "ephemeral", "ttl": "5m"}},
    {"type": "mcp_toolset", "mcp_server_name": "s", "default_config": {"enabled": False}, "configs": {}, **CACHED},
]  # fmt: skip


@pytest.mark.parametrize("tool", TOOLS, ids=[json.dumps(tool)[:60] for tool in TOOLS])
def test_tools(tool: Json) -> None:
    asked = request(tools=[tool, CUSTOM])
    assert round_trip(asked) == asked
    [lifted, _] = lift(json.dumps(asked).encode()).tools
    is_custom = tool.get("type") in (None, "custom")
    assert lifted.WhichOneof("kind") == ("function" if is_custom else "provider_defined")


def test_headers() -> None:
    headers = {
        "anthropic-version": "2026-10-21",
        "anthropic-beta": "a-2026-01-01,b-2026-01-01",
        "anthropic-user-profile-id": "p",
        "anthropic-workspace-id": "w",
    }
    chat_input = lift(json.dumps(request()).encode(), headers)
    assert headers.items() <= PROVIDER.encode_chat(chat_input, TARGET).headers.items()
    assert chat_input.messages[0].role == message_pb2.ROLE_USER
