"""What the bytes of an answer say, read without the service's decoder: plain JSON, folded as the API's docs have it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict

from trunkline.v1 import chat_service_pb2, message_pb2, route_pb2, usage_pb2
from wire.decoding import Json

FINISH = {
    "end_turn": "STOP",
    "max_tokens": "MAX_OUTPUT_TOKENS",
    "stop_sequence": "STOP_SEQUENCE",
    "tool_use": "TOOL_USE",
    "pause_turn": "PAUSE",
    "refusal": "REFUSAL",
    "model_context_window_exceeded": "CONTEXT_WINDOW",
    "compaction": "COMPACTION",
}
RUNNERS = {
    "tool_use": message_pb2.TOOL_RUNNER_CLIENT,
    "server_tool_use": message_pb2.TOOL_RUNNER_SERVER,
    "mcp_tool_use": message_pb2.TOOL_RUNNER_MCP,
}
_LOCATIONS = {
    "char_location": "char_location",
    "page_location": "page_location",
    "content_block_location": "content_block_location",
    "search_result_location": "search_result_location",
    "web_search_result_location": "web_location",
}


def events_of(body: bytes) -> list[Json]:
    """The events of a well-formed stream with LF framing."""
    blocks = body.decode().strip("\n").split("\n\n")
    data = ["\n".join(line[5:] for line in block.split("\n") if line.startswith("data:")) for block in blocks]
    return [json.loads(each) for each in data if each]


def message_of(body: bytes) -> Json:
    """The message that a stream adds up to."""
    message: Json = {}
    arguments: dict[int, str] = {}
    for event in events_of(body):
        match event["type"]:
            case "message_start":
                message = event["message"]
            case "content_block_start":
                assert event["index"] == len(message["content"])
                message["content"].append(event["content_block"])
            case "content_block_delta":
                _grow(message["content"][event["index"]], event["delta"], arguments, event["index"])
            case "content_block_stop":
                if text := arguments.get(event["index"]):
                    message["content"][event["index"]]["input"] = json.loads(text)
            case "message_delta":
                message.update(event["delta"])
                message["usage"] |= event["usage"]
                message.update({k: v for k, v in event.items() if k not in ("type", "delta", "usage")})
            case "message_stop":
                break
    return message


def _grow(block: Json, delta: Json, arguments: dict[int, str], index: int) -> None:
    match delta["type"]:
        case "text_delta":
            block["text"] += delta["text"]
        case "thinking_delta":
            block["thinking"] += delta["thinking"]
        case "signature_delta":
            block["signature"] = delta["signature"]
        case "citations_delta":
            block["citations"] = [*(block.get("citations") or ()), delta["citation"]]
        case "input_json_delta":
            arguments[index] = arguments.get(index, "") + delta["partial_json"]
        case other:
            raise AssertionError(f"no rule for {other}")


def assert_says(response: chat_service_pb2.ChatResponse, message: Json) -> None:
    """Fails unless the response says all that the message says, and nothing else."""
    assert response.id == message["id"]
    assert response.message.role == message_pb2.ROLE_ASSISTANT
    assert response.message.origin.provider_type == "anthropic"
    assert response.message.origin.model == message["model"]
    assert len(response.message.content) == len(message["content"])
    for got, expected in zip(response.message.content, message["content"], strict=True):
        _assert_block(got, expected)
    completion = response.completion
    assert completion.provider_finish_reason == message["stop_reason"]
    finish = chat_service_pb2.FinishReason.Name(completion.finish_reason)
    assert finish == f"FINISH_REASON_{FINISH[message['stop_reason']]}"
    stop_sequence = completion.stop_sequence if completion.HasField("stop_sequence") else None
    assert stop_sequence == message["stop_sequence"]
    assert completion.HasField("refusal_details") == (message.get("stop_details") is not None)
    typed = ("id", "type", "role", "model", "content", "usage", "stop_reason", "stop_sequence", "stop_details")
    others = {name: value for name, value in message.items() if name not in typed and value is not None}
    assert json.loads(completion.provider_fields_json or "{}") == others
    assert_usage(completion.usage, message["usage"])
    assert not completion.warnings


def _assert_block(got: message_pb2.ContentBlock, expected: Json) -> None:
    kind = expected["type"]
    assert not got.provider_fields_json
    assert not got.opaque_deltas
    if kind == "text":
        assert got.text.text == expected["text"]
        citations = expected.get("citations") or []
        assert [citation_of(each) for each in got.text.citations] == citations
    elif kind == "thinking":
        assert got.thinking.text == expected["thinking"]
        assert got.thinking.signature == expected["signature"]
    elif kind == "redacted_thinking":
        assert got.redacted_thinking.data == expected["data"]
    elif kind in RUNNERS:
        assert (got.tool_use.id, got.tool_use.name) == (expected["id"], expected["name"])
        assert json.loads(got.tool_use.input_json or "{}") == expected["input"]
        assert got.tool_use.runner == RUNNERS[kind]
        assert got.tool_use.caller.type == expected.get("caller", {}).get("type", "")
        assert got.tool_use.caller.tool_use_id == expected.get("caller", {}).get("tool_id", "")
        assert got.tool_use.mcp_server_name == expected.get("server_name", "")
    elif kind.endswith("_tool_result"):
        assert got.server_tool_result.type == kind
        assert got.server_tool_result.tool_use_id == expected["tool_use_id"]
        assert json.loads(got.server_tool_result.content_json) == expected["content"]
    else:
        assert got.opaque.type == kind
        assert json.loads(got.opaque.raw_json) == expected


def citation_of(citation: message_pb2.Citation) -> Json:
    """A citation in the API's own words."""
    name = citation.WhichOneof("location")
    assert name is not None
    location = getattr(citation, name)
    [kind] = [theirs for theirs, ours in _LOCATIONS.items() if ours == name]
    members = {
        field.name: getattr(location, field.name) for field in location.DESCRIPTOR.fields if _is_set(location, field)
    }
    extra: Json = json.loads(citation.provider_fields_json or "{}")
    return {"type": kind, "cited_text": citation.cited_text} | members | extra


def _is_set(message: Any, field: Any) -> bool:
    return not field.has_presence or bool(message.HasField(field.name))


def assert_usage(usage: usage_pb2.Usage, said: Json) -> None:
    """Fails unless every number is there, in the contract's way of counting, and no other."""
    expected: Json = {}
    caches = (said.get("cache_read_input_tokens"), said.get("cache_creation_input_tokens"))
    expected["input_total"] = said["input_tokens"] + sum(number or 0 for number in caches)
    expected["input_uncached"] = said["input_tokens"]
    expected["cache_read"], expected["cache_write"] = caches
    expected["output_total"] = said["output_tokens"]
    expected["output_reasoning"] = (said.get("output_tokens_details") or {}).get("thinking_tokens")
    creation = said.get("cache_creation") or {}
    by_ttl = {name.split("_")[1]: number for name, number in creation.items()}
    expected["cache_write_by_ttl"] = by_ttl or None
    expected["server_tool_requests"] = said.get("server_tool_use") or None
    expected |= {name: said.get(name) or None for name in ("service_tier", "speed", "inference_geo")}
    got = MessageToDict(usage, preserving_proto_field_name=True)
    assert json.loads(got.pop("provider_usage_json")) == said
    assert got == {name: value for name, value in expected.items() if value is not None}


def assert_limits(limits: list[route_pb2.RateLimit], headers: Mapping[str, str]) -> None:
    """Fails unless the limits say what the headers say, and nothing else."""
    got = {}
    for limit in limits:
        for field in ("limit", "remaining"):
            if limit.HasField(field):
                got[f"anthropic-ratelimit-{limit.name}-{field}"] = str(getattr(limit, field))
        if limit.HasField("reset_time"):
            got[f"anthropic-ratelimit-{limit.name}-reset"] = limit.reset_time.ToJsonString()
    assert got == {name: value for name, value in headers.items() if name.startswith("anthropic-ratelimit-")}
