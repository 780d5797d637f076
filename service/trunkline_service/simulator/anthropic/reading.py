"""What a checked request for a message asks of the model."""

from typing import Any

from trunkline_service.simulator.prompt import Prompt, Tool
from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json


def prompt(body: Json, tokens: PromptTokens, *, model: str | None = None, stream: bool | None = None) -> Prompt:
    """Read the body; `model` and `stream` are those of the path, where a platform has them there."""
    choice = body.get("tool_choice") or {}
    output = (body.get("output_config") or {}).get("format") or {}
    return Prompt(
        model=body["model"] if model is None else model,
        tokens=tokens,
        stream=bool(body.get("stream")) if stream is None else stream,
        text=_last_text(body["messages"]),
        results=_tool_results(body["messages"][-1].get("content")),
        tools=_tools(body, choice.get("name")),
        may_call=choice.get("type") != "none",
        parallel=not choice.get("disable_parallel_tool_use", False),
        stop=next(iter(body.get("stop_sequences") or ()), None),
        schema=output.get("schema"),
        show_thinking=(body.get("thinking") or {}).get("display") != "omitted",
        # Upstream takes 0 as "fill the prompt cache and say nothing".
        warm_only=body["max_tokens"] == 0,
        prefilled=body["messages"][-1]["role"] == "assistant",
        body=body,
    )


def _last_text(messages: list[Json]) -> str:
    """Find the text to echo: of the last user message that has any, its last text block."""
    for message in reversed(messages):
        if message["role"] != "user":
            continue
        content = message["content"]
        if isinstance(content, str):
            return content
        texts = [block["text"] for block in content if block["type"] == "text"]
        if texts:
            return str(texts[-1])
    return ""


def _tool_results(content: Any) -> list[str]:
    """Give the texts of the tool results in the last message; what is no text stands by its type."""
    if not isinstance(content, list):
        return []
    results = [block for block in content if block["type"] == "tool_result"]
    return [_shown(result.get("content") or "") for result in results]


def _shown(content: Any) -> str:
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", f"<{part.get('type')}>")) for part in content)


def _tools(body: Json, wanted: str | None) -> list[Tool]:
    tools = [tool for tool in body.get("tools") or () if tool.get("type") in (None, "custom")]
    tools.sort(key=lambda tool: bool(tool["name"] != wanted))
    return [Tool(tool["name"], tool.get("input_schema") or {}) for tool in tools]
