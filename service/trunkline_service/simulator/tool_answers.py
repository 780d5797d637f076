"""Answers that call the caller's tools."""

import json
from itertools import pairwise
from typing import Any

from trunkline_service.simulator.answers import Answer, Asked, Block, Deltas, new_id, text, words
from trunkline_service.simulator.sse import Json
from trunkline_service.simulator.text_answers import plain, tool_results

_PIECE = 7
_WEATHER: Json = {
    "name": "get_weather",
    "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}},
}
_SAMPLES: Json = {"integer": 7, "number": 12.5, "boolean": True, "array": [], "object": {}, "null": None}


def one_tool(asked: Asked) -> Answer:
    """Call one tool, or answer its result."""
    return _reply(asked) or Answer([tool_use(_tools(asked)[0])], "tool_use")


def two_tools(asked: Asked) -> Answer:
    """Say so and call two tools at once; only one where the request forbids parallel use."""
    if reply := _reply(asked):
        return reply
    single = (asked.body.get("tool_choice") or {}).get("disable_parallel_tool_use", False)
    tools = (_tools(asked) * 2)[: 1 if single else 2]
    return Answer([text("I", " will", " look."), *map(tool_use, tools)], "tool_use")


def tool_use(tool: Json) -> Block:
    """Call a tool with arguments that fit its schema.

    The arguments stream as upstream's do, in pieces without regard to JSON, the first of them empty; and one
    piece ends inside an escape, which only a reader that collects all before parsing survives.
    """
    arguments = _sample((tool.get("input_schema") or {}).get("properties") or {})
    pieces = ["", *_split(json.dumps(arguments))]
    use = {"type": "tool_use", "id": new_id("toolu"), "name": tool["name"], "caller": {"type": "direct"}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return Deltas({**use, "input": {}}, deltas, {**use, "input": arguments})


def _reply(asked: Asked) -> Answer | None:
    if results := tool_results(asked.body):
        return Answer([text(*words(f"The tool answered: {'; '.join(results)}"))])
    if (asked.body.get("tool_choice") or {}).get("type") == "none":
        return plain(asked)
    return None


def _tools(asked: Asked) -> list[Json]:
    """Give the tools that can be called, the one that was asked for first."""
    tools = [tool for tool in asked.body.get("tools") or () if tool.get("type") in (None, "custom")]
    wanted = (asked.body.get("tool_choice") or {}).get("name")
    return sorted(tools, key=lambda tool: tool["name"] != wanted) or [_WEATHER]


def _sample(properties: Json) -> Json:
    return {name: _value(schema) for name, schema in properties.items()} or {"location": "Zürich"}


def _value(schema: Any) -> Any:
    schema = schema if isinstance(schema, dict) else {}
    if schema.get("enum"):
        return schema["enum"][0]
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    return _SAMPLES.get(kind, "Zürich") if isinstance(kind, str) else "Zürich"


def _split(arguments: str) -> list[str]:
    cuts = set(range(_PIECE, len(arguments), _PIECE))
    escape = arguments.find("\\u")
    if escape >= 0:
        cuts = {cut for cut in cuts if not escape < cut < escape + 6} | {escape + 4}
    ends = sorted({0, *cuts, len(arguments)})
    return [arguments[start:end] for start, end in pairwise(ends)]
