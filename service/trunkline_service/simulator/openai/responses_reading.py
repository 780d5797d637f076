"""What a checked request for a response asks of the model."""

from typing import Any

from trunkline_service.simulator.prompt import Prompt, Tool
from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json, encode

_RESULTS = ("function_call_output", "custom_tool_call_output")


def prompt(body: Json) -> Prompt:
    """Read the body."""
    choice = body.get("tool_choice")
    output = (body.get("text") or {}).get("format") or {}
    given = body["input"]
    found = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return Prompt(
        model=body["model"],
        tokens=PromptTokens(count(body)),
        stream=bool(body.get("stream")),
        text=_last_text(found),
        results=_results(found),
        tools=_tools(body),
        may_call=choice != "none",
        parallel=body.get("parallel_tool_calls") is not False,
        schema=output.get("schema"),
        prefilled=bool(found) and found[-1].get("role") == "assistant",
        body=body,
    )


def count(body: Json) -> int:
    """Count a prompt's tokens as a quarter of its JSON: the same for a response and for its count."""
    return max(1, sum(len(encode(body[name])) for name in ("input", "instructions", "tools") if body.get(name)) // 4)


def _last_text(found: list[Json]) -> str:
    for item in reversed(found):
        if item.get("role") == "user":
            content = item["content"]
            texts = [content] if isinstance(content, str) else [part["text"] for part in content if "text" in part]
            if texts:
                return str(texts[-1])
    return ""


def _results(found: list[Json]) -> list[str]:
    results = []
    for item in reversed(found):
        if item.get("type") not in _RESULTS:
            break
        results.append(_shown(item["output"]))
    return results[::-1]


def _shown(output: Any) -> str:
    if isinstance(output, str):
        return output
    return " ".join(str(part.get("text", f"<{part['type']}>")) for part in output)


def _tools(body: Json) -> list[Tool]:
    choice = body.get("tool_choice")
    wanted = choice.get("name") if isinstance(choice, dict) else None
    tools = [tool for tool in body.get("tools") or () if tool["type"] in ("function", "custom")]
    tools.sort(key=lambda tool: bool(tool["name"] != wanted))
    return [Tool(tool["name"], tool.get("parameters") or {}, free=tool["type"] == "custom") for tool in tools]
