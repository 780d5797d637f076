"""What a tool is to OpenAI's chat models, which see no JSON but a shorter way of saying the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from trunkline.v1 import chat_input_pb2

TOKENS_A_TOOL = 7
TOKENS_FOR_TOOLS = 12
TOKENS_FOR_PROPERTIES = 3
TOKENS_A_PROPERTY = 3
TOKENS_A_CHOICE = 3

MAX_DEPTH = 32


def as_written(tool: chat_input_pb2.Tool) -> tuple[list[str], int]:
    """The same for models of which nobody knows how they see a tool: as long as its JSON."""
    function = tool.function
    texts = [function.name, function.description, function.input_schema_json, *function.input_examples_json]
    return [*texts, tool.provider_defined.raw_json], TOKENS_A_TOOL


def spelled(tool: chat_input_pb2.Tool) -> tuple[list[str], int]:
    """The texts of a tool, and the tokens that stand around them."""
    function = tool.function
    texts = [f"{function.name}:{function.description}", *function.input_examples_json]
    if tool.provider_defined.raw_json:
        texts.append(tool.provider_defined.raw_json)
    around = TOKENS_A_TOOL
    try:
        schema = msgspec.json.decode(function.input_schema_json or "{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        # Half of a surrogate pair, for one: as long as it is written, then.
        return [*texts, function.input_schema_json], around
    for text, tokens in _properties(schema, 0):
        texts.append(text)
        around += tokens
    return texts, around


def _properties(schema: object, depth: int) -> Iterator[tuple[str, int]]:
    """Each property as text, with the tokens around it."""
    if not isinstance(schema, Mapping) or depth > MAX_DEPTH:
        return
    properties = schema.get("properties")
    if isinstance(properties, Mapping) and properties:
        yield "", TOKENS_FOR_PROPERTIES
        for name, described in properties.items():
            facts = described if isinstance(described, Mapping) else {}
            yield f"{name}:{facts.get('type', '')}:{facts.get('description', '')}", TOKENS_A_PROPERTY
            choices = facts.get("enum")
            if isinstance(choices, list) and choices:
                yield " ".join(map(str, choices)), TOKENS_A_CHOICE * (len(choices) - 1)
            yield from _properties(facts, depth + 1)
    for below in (schema.get("items"), *_list(schema.get("anyOf")), *_list(schema.get("oneOf"))):
        yield from _properties(below, depth + 1)


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
