"""Short ways to write tools and output formats. Each returns a plain message of the contract."""

from __future__ import annotations

from trunkline.json_text import JSON, json_text
from trunkline.v1.chat_input_pb2 import (
    FunctionTool,
    JsonObjectFormat,
    JsonSchemaFormat,
    OutputFormat,
    ProviderTool,
    Tool,
)


def tool(name: str, schema: JSON = "", description: str | None = None, *, strict: bool | None = None) -> Tool:
    """Offer a function of the caller's. What is rarer is in `result.function`, a trunkline.v1.FunctionTool.

    Args:
        name: Letters, digits, "_" and "-".
        schema: The JSON Schema of its arguments: a dict, or JSON text, which is sent byte for byte.
        description: What it does and when to call it: the model reads this.
        strict: Whether the arguments must match the schema exactly.

    Example:
        tool("weather", {"type": "object", "properties": {"city": {"type": "string"}}}, "Weather of a city, now")
    """
    function = FunctionTool(name=name, input_schema_json=json_text(schema), description=description, strict=strict)
    return Tool(function=function)


def provider_tool(provider_type: str, definition: JSON) -> Tool:
    """Offer a tool that the provider defines or runs.

    Args:
        provider_type: The kind of API that knows the tool.
        definition: The whole tool as the provider writes it.

    Example:
        provider_tool("anthropic", {"type": "web_search_20250305", "name": "web_search", "max_uses": 3})
    """
    return Tool(provider_defined=ProviderTool(provider_type=provider_type, raw_json=json_text(definition)))


def json_schema(schema: JSON, name: str = "", *, description: str = "", strict: bool | None = None) -> OutputFormat:
    """Ask for JSON of a given shape.

    Args:
        schema: The JSON Schema: a dict, or JSON text, which is sent byte for byte.
        name: A name for the shape, for providers that want one.
        description: What the answer is for, for providers that take it.
        strict: Whether the schema binds exactly.

    Example:
        client.chat("Paris?", output_format=json_schema({"type": "object", "properties": {"country": {}}}))
    """
    form = JsonSchemaFormat(schema_json=json_text(schema), name=name, description=description, strict=strict)
    return OutputFormat(json_schema=form)


def json_object() -> OutputFormat:
    """Ask for a JSON object of any shape.

    Example:
        client.chat("Three colours, as JSON.", output_format=json_object())
    """
    return OutputFormat(json_object=JsonObjectFormat())
