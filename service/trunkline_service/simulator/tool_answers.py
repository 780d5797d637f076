"""Answers that call the caller's tools."""

import json
from itertools import pairwise
from typing import Any

from trunkline_service.simulator.answers import Answer, Asked, Block, Deltas, new_id, text, words
from trunkline_service.simulator.prompt import Tool
from trunkline_service.simulator.sse import Json
from trunkline_service.simulator.text_answers import plain

_PIECE = 7
_WEATHER = Tool("get_weather", {"type": "object", "properties": {"location": {"type": "string"}}})
_SAMPLES: Json = {"integer": 7, "number": 12.5, "boolean": True, "array": [], "object": {}, "null": None}


def one_tool(asked: Asked) -> Answer:
    """Call one tool, or answer its result."""
    return _reply(asked) or Answer([tool_use(_tools(asked)[0])], "tool_use")


def two_tools(asked: Asked) -> Answer:
    """Say so and call two tools at once; only one where the request forbids parallel use."""
    if reply := _reply(asked):
        return reply
    tools = (_tools(asked) * 2)[: 2 if asked.prompt.parallel else 1]
    return Answer([text("I", " will", " look."), *map(tool_use, tools)], "tool_use")


def structured(asked: Asked) -> Answer:
    """Answer with JSON that fits the output schema of the request."""
    said = json.dumps(_sample((asked.prompt.schema or {}).get("properties") or {}), ensure_ascii=False)
    return Answer([text(*words(said))])


def tool_use(tool: Tool) -> Block:
    """Call a tool with arguments that fit its schema.

    The arguments stream as upstream's do, in pieces without regard to JSON, the first of them empty; and one
    piece ends inside an escape, which only a reader that collects all before parsing survives.
    """
    arguments = _sample(tool.schema.get("properties") or {})
    if tool.free:
        return _free_use(tool)
    pieces = ["", *_split(json.dumps(arguments))]
    use = {"type": "tool_use", "id": new_id("toolu"), "name": tool.name, "caller": {"type": "direct"}}
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return Deltas({**use, "input": {}}, deltas, {**use, "input": arguments})


def _free_use(tool: Tool) -> Block:
    use = {"type": "tool_use", "id": new_id("toolu"), "name": tool.name}
    pieces = words("the northern pass")
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]
    return Deltas(use, deltas, {**use, "text": "".join(pieces)})


def _reply(asked: Asked) -> Answer | None:
    if asked.prompt.results:
        return Answer([text(*words(f"The tool answered: {'; '.join(asked.prompt.results)}"))])
    return None if asked.prompt.may_call else plain(asked)


def _tools(asked: Asked) -> list[Tool]:
    return list(asked.prompt.tools) or [_WEATHER]


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
