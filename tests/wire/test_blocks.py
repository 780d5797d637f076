"""Every kind of block, citation, delta and ending that an answer can hold: from Anthropic's JSON and back to it."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from trunkline.v1 import message_pb2
from trunkline_service.providers.anthropic import blocks_in, blocks_out
from trunkline_service.providers.report import EncodeReport
from wire.corpus import COMPACTION, FALLBACK, WEB_RESULT
from wire.decoding import Json, answer, block, delta, play, text_delta, tool_block

CITED: dict[str, Json] = {
    "char_location": {"document_index": 0, "document_title": "T", "start_char_index": 0, "end_char_index": 9},
    "char_location without a title": {
        "document_index": 1, "document_title": None, "start_char_index": 3, "end_char_index": 4,
    },
    "char_location of a file": {
        "document_index": 1, "document_title": "", "start_char_index": 3, "end_char_index": 4, "file_id": "file_1",
    },
    "page_location": {"document_index": 0, "document_title": "T", "start_page_number": 1, "end_page_number": 2},
    "content_block_location": {
        "document_index": 0, "document_title": None, "start_block_index": 0, "end_block_index": 1,
    },
    "search_result_location": {
        "search_result_index": 0, "source": "s", "title": None, "start_block_index": 0, "end_block_index": 2,
    },
    "web_search_result_location": {"url": "https://e.org", "title": "É", "encrypted_index": "x=="},
    "web_search_result_location untitled": {"url": "https://e.org", "title": None, "encrypted_index": "x=="},
    "char_location with more": {
        "document_index": 2**40, "document_title": 5, "start_char_index": 0, "end_char_index": 1.5, "x": {"y": None},
    },
    "moon_location": {"crater": 7.0, "far_side": None},
}  # fmt: skip
CITATIONS = {name: {"type": name.split()[0], "cited_text": "Grass…"} | more for name, more in CITED.items()}

# A block as it comes, and the kind that it becomes.
BLOCKS: dict[str, tuple[str, str]] = {
    "text": ("text", '{"type":"text","text":"a\\u2028\\"é🎉"}'),
    "text with more": (
        "text",
        '{"type":"text","text":"","x_new":{"b": 1.0,"a":[1e2 ,12345678901234567890]},"x_null":null}',
    ),
    "thinking": ("thinking", '{"type":"thinking","thinking":"Hm","signature":"Er8="}'),
    "thinking omitted": ("thinking", '{"type":"thinking","thinking":"","signature":"Er8="}'),
    "thinking unsigned": ("thinking", '{"type":"thinking","thinking":"Hm"}'),
    "thinking with an empty signature": ("thinking", '{"type":"thinking","thinking":"","signature":""}'),
    "redacted_thinking": ("redacted_thinking", '{"type":"redacted_thinking","data":"b64=="}'),
    "tool_use": (
        "tool_use",
        '{"type":"tool_use","id":"t","name":"n","input":{"b": 1.0,"a":[1 ,12345678901234567890],"b":2}}',
    ),
    "tool_use by code": (
        "tool_use",
        '{"type":"tool_use","id":"t","name":"n","input":{},"caller":{"type":"code_execution_20260120","tool_id":"s"}}',
    ),
    "tool_use, direct": ("tool_use", '{"type":"tool_use","id":"t","name":"n","input":{},"caller":{"type":"direct"}}'),
    "tool_use by something new": (
        "tool_use",
        '{"type":"tool_use","id":"t","name":"n","input":{},"caller":{"type":"dream","depth":2}}',
    ),
    "tool_use by a word": ("tool_use", '{"type":"tool_use","id":"t","name":"n","input":{},"caller":"me"}'),
    "tool_use of a tool set": (
        "tool_use",
        '{"type":"tool_use","id":"t","name":"left_click","toolset_name":"computer","input":{"x":1}}',
    ),
    "tool_use with strange input": ("tool_use", '{"type":"tool_use","id":"t","name":"n","input":[1, 2]}'),
    "server_tool_use": (
        "tool_use",
        '{"type":"server_tool_use","id":"s","name":"web_search","input":{"query":"x"},"caller":{"type":"direct"}}',
    ),
    "mcp_tool_use": ("tool_use", '{"type":"mcp_tool_use","id":"m","name":"n","server_name":"srv","input":{"a":1}}'),
    "web_search_tool_result": ("server_tool_result", json.dumps(WEB_RESULT, ensure_ascii=False)),
    "web_search_tool_result, failed": (
        "server_tool_result",
        '{"type":"web_search_tool_result","tool_use_id":"s","content":'
        '{"type":"web_search_tool_result_error","error_code":"max_uses_exceeded"}}',
    ),
    "web_fetch_tool_result": (
        "server_tool_result",
        '{"type":"web_fetch_tool_result","tool_use_id":"s","caller":{"type":"direct"},"content":{"type":"web_fetch_result",'
        '"url":"https://e.org","content":{"type":"document","source":{"type":"text","media_type":"text/plain","data":"x"}}}}',
    ),
    **{
        kind: (
            "server_tool_result",
            json.dumps({"type": kind, "tool_use_id": "s", "content": {"type": inner, "stdout": "é\n", "code": 0}}),
        )
        for kind, inner in {
            "code_execution_tool_result": "encrypted_code_execution_result",
            "bash_code_execution_tool_result": "bash_code_execution_result",
            "text_editor_code_execution_tool_result": "text_editor_code_execution_view_result",
            "tool_search_tool_result": "tool_search_tool_search_result",
            "advisor_tool_result": "advisor_redacted_result",
            "something_new_tool_result": "something_new",
        }.items()
    },
    "mcp_tool_result": (
        "server_tool_result",
        '{"type":"mcp_tool_result","tool_use_id":"m","is_error":false,"content":[{"type":"text","text":"x"}]}',
    ),
    "mcp_tool_result in a string": (
        "server_tool_result",
        '{"type":"mcp_tool_result","tool_use_id":"m","is_error":true,"content":"no"}',
    ),
    "a result without content": ("server_tool_result", '{"type":"x_tool_result","tool_use_id":"m"}'),
    "a result of nothing": ("opaque", '{"type":"x_tool_result","content":[]}'),
    "container_upload": ("opaque", '{"type":"container_upload","file_id":"file_1"}'),
    "mcp_tool_listing": (
        "opaque",
        '{"type":"mcp_tool_listing","mcp_server_name":"s","tools":[{"name":"n","input_schema":{"type":"object"}}]}',
    ),
    "compaction": ("opaque", '{"type":"compaction","content":null,"encrypted_content":"e==","tool_changes":[]}'),
    "fallback": ("opaque", json.dumps(FALLBACK)),
    "tool_addition": ("opaque", '{"type":"tool_addition","tool":{"type":"tool_reference","name":"n"}}'),
    "something new": ("opaque", '{"type":"hologram", "depth": 1.0, "frames": [ 1 , 2.50 ]}'),
    "something without a type": ("opaque", '{"depth":1.0}'),
    "cached": ("text", '{"type":"text","text":"a","cache_control":{"type":"ephemeral"}}'),
    "cached for an hour": ("text", '{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h"}}'),
    "cached in a new way": ("text", '{"type":"text","text":"a","cache_control":{"type":"eternal","ttl":"1h"}}'),
    "cached with more": ("text", '{"type":"text","text":"a","cache_control":{"type":"ephemeral","ttl":"1h","x":1}}'),
    "cached by a word": ("text", '{"type":"text","text":"a","cache_control":"yes"}'),
    **{
        f"citing a {name}": ("text", json.dumps({"type": "text", "text": "a", "citations": [citation]}))
        for name, citation in CITATIONS.items()
    },
    "half a pair in what nobody knows": ("opaque", '{"type":"hologram","a":"\\ud83d","n":1.10,"m":1E400}'),
    "half a pair in arguments": (
        "tool_use",
        '{"type":"tool_use","id":"t","name":"n","input":{"a":"\\ud83d","n":1.10}}',
    ),
    "half a pair in a result": (
        "server_tool_result",
        '{"type":"x_tool_result","tool_use_id":"t","content":["\\udc00",1.10]}',
    ),
    "half a pair in more": ("text", '{"type":"text","text":"a","x":{"y":"\\ud83d","n":1.10}}'),
}  # fmt: skip

# What comes back as something that means the same.
SAME: dict[str, tuple[str, str]] = {
    "no citations": ('{"type":"text","text":"a","citations":null}', '{"type":"text","text":"a"}'),
    "an empty list of citations": ('{"type":"text","text":"a","citations":[]}', '{"type":"text","text":"a"}'),
    "no caller": (
        '{"type":"tool_use","id":"t","name":"n","input":{},"caller":null}',
        '{"type":"tool_use","id":"t","name":"n","input":{}}',
    ),
    "no input": ('{"type":"tool_use","id":"t","name":"n"}', '{"type":"tool_use","id":"t","name":"n","input":{}}'),
    "null input": (
        '{"type":"tool_use","id":"t","name":"n","input":null}',
        '{"type":"tool_use","id":"t","name":"n","input":{}}',
    ),
    "no signature": (
        '{"type":"thinking","thinking":"a","signature":null}',
        '{"type":"thinking","thinking":"a"}',
    ),
    "half a pair in text": ('{"type":"text","text":"a\\ud83d"}', '{"type":"text","text":"a\\ufffd"}'),
    "half a pair in a cited text": (
        '{"type":"text","text":"","citations":[{"type":"page_location","cited_text":"\\ude00","document_index":0,'
        '"document_title":null,"start_page_number":1,"end_page_number":2}]}',
        '{"type":"text","text":"","citations":[{"type":"page_location","cited_text":"\\ufffd","document_index":0,'
        '"document_title":null,"start_page_number":1,"end_page_number":2}]}',
    ),
}


def encoded(content: message_pb2.ContentBlock) -> Any:
    report = EncodeReport(drop_unsupported=False)
    result = msgspec.json.encode(blocks_in.encode_block(content, "input.messages[0].content[0]", report))
    assert report.error() is None
    assert not report.warnings
    return json.loads(result)


@pytest.mark.parametrize(("kind", "text"), BLOCKS.values(), ids=BLOCKS)
def test_blocks_come_back_as_they_were(kind: str, text: str) -> None:
    held = blocks_out.decode_block(msgspec.Raw(text.encode()))
    assert held.WhichOneof("kind") == kind
    assert encoded(held) == json.loads(text)
    raw = b'data: {"type":"content_block_start","index":0,"content_block":%b}\n\n' % text.encode()
    streamed = play(answer(raw, {"type": "content_block_stop", "index": 0}))
    assert streamed.succeeded
    assert encoded(streamed.response.message.content[0]) == json.loads(text)


@pytest.mark.parametrize(("text", "same"), SAME.values(), ids=SAME)
def test_blocks_that_come_back_meaning_the_same(text: str, same: str) -> None:
    assert encoded(blocks_out.decode_block(msgspec.Raw(text.encode()))) == json.loads(same)


def test_json_is_kept_byte_for_byte() -> None:
    odd = '{"b" : 1.0,"a":[1e2 ,12345678901234567890, -0],"b":"\\u00e9\\/"}'
    members = '{"type":"%s","id":"t","name":"n","tool_use_id":"t","input":%s,"content":%s,"x":%s}'
    tool_use = blocks_out.decode_block(msgspec.Raw((members % ("tool_use", odd, odd, odd)).encode()))
    assert tool_use.tool_use.input_json == odd
    assert f'"x":{odd}' in tool_use.provider_fields_json
    result = blocks_out.decode_block(msgspec.Raw((members % ("x_tool_result", odd, odd, odd)).encode()))
    assert result.server_tool_result.content_json == odd
    whole = members % ("hologram", odd, odd, odd)
    assert blocks_out.decode_block(msgspec.Raw(whole.encode())).opaque.raw_json == whole
    unknown = msgspec.Raw(f'{{"type":"moon","x":{odd}}}'.encode())
    assert blocks_out.decode_citation(unknown).opaque.raw_json == bytes(unknown).decode()


RUNNERS = {
    "tool_use": message_pb2.TOOL_RUNNER_CLIENT,
    "server_tool_use": message_pb2.TOOL_RUNNER_SERVER,
    "mcp_tool_use": message_pb2.TOOL_RUNNER_MCP,
}


@pytest.mark.parametrize(("kind", "runner"), RUNNERS.items())
@pytest.mark.parametrize(
    ("initial", "pieces", "expected"),
    [
        ("{}", [], ""),
        ("{}", [""], ""),
        ("{ }", ["", '{"a"', ":1}"], '{"a":1}'),
        ('{"a": 1.0}', [], '{"a": 1.0}'),
        ('{"a": 1.0}', ["", ""], '{"a": 1.0}'),
        ('{"a": 1.0}', ['{"a"', ": 2}"], '{"a": 2}'),
        ("null", ["{}"], "{}"),
        ('""', ['{"a":', "1}"], '{"a":1}'),
    ],
)
def test_arguments(kind: str, runner: int, initial: str, pieces: list[str], expected: str) -> None:
    """What the deltas say replaces what the block begins with, unless they say nothing."""
    played = play(answer(*tool_block(*pieces, type=kind, input=json.loads(initial))))
    if "1.0" not in initial:
        raw = answer(*tool_block(*pieces, type=kind, input="INPUT")).replace(b'"INPUT"', initial.encode())
        played = play(raw)
    [content] = played.response.message.content
    assert (content.tool_use.input_json, content.tool_use.runner) == (expected, runner)
    assert not content.provider_fields_json
    assert played.succeeded
    assert not played.response.completion.warnings


@pytest.mark.parametrize(("text", "warned"), [('{"a":', True), ("{}{}", True), ("[1]", True), (" {} ", False)])
def test_arguments_that_are_no_json_object_are_passed_on_with_a_warning(text: str, warned: bool) -> None:
    response = play(answer(*tool_block(text), stop_reason="max_tokens")).response
    assert response.message.content[0].tool_use.input_json == text
    fields = [warning.field for warning in response.completion.warnings]
    assert fields == (["message.content[0].tool_use.input_json"] if warned else [])


CALL: Json = {"type": "x_use", "input": {}}
DELTAS: dict[str, tuple[Json, list[Json], Json]] = {
    "compaction": (
        COMPACTION,
        [delta("compaction_delta", content="Sum", encrypted_content="e==")],
        {"content": "Sum", "encrypted_content": "e=="},
    ),
    "a compaction that failed": (COMPACTION, [delta("compaction_delta", content=None)], {}),
    "a compaction, signed": (
        COMPACTION,
        [delta("signature_delta", signature="a"), delta("signature_delta", signature="b")],
        {"signature": "b"},
    ),
    "a poem": ({"type": "poem", "text": "a"}, [text_delta("b"), text_delta("c")], {"text": "abc"}),
    "a new kind of call": (
        CALL,
        [delta("input_json_delta", partial_json=piece) for piece in ("", '{"a"', ":1}")],
        {"input": {"a": 1}},
    ),
    "a new kind of call, without arguments": (CALL, [delta("input_json_delta", partial_json="")], {}),
    "half a pair": ({"type": "poem"}, [text_delta("a\ud83d")], {"text": "a\ufffd"}),
}


@pytest.mark.parametrize(("begun", "deltas", "changed"), DELTAS.values(), ids=DELTAS)
def test_blocks_that_come_whole_have_their_deltas_in_them(begun: Json, deltas: list[Json], changed: Json) -> None:
    body = b"".join(b"data: " + json.dumps(event).encode() + b"\n\n" for event in block(begun, *deltas))
    played = play(answer(body))
    assert played.kinds == ["start", "block_start", "block_end", "completion"]
    [content] = played.response.message.content
    assert not content.opaque_deltas
    assert encoded(content) == begun | changed
