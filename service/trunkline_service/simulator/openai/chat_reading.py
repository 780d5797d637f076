"""What a checked request for a chat completion asks of the model."""

from typing import Any

from trunkline_service.simulator.prompt import Prompt, Tool
from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json, encode


def prompt(body: Json, deployment: str | None) -> Prompt:
    """Read the body; the model is the `deployment` of the path, if there is one."""
    messages = body["messages"]
    choice = body.get("tool_choice")
    stop = body.get("stop") or ()
    output = body.get("response_format") or {}
    return Prompt(
        model=deployment or body["model"],
        tokens=PromptTokens(max(1, (len(encode(messages)) + len(encode(body.get("tools") or ()))) // 4)),
        stream=bool(body.get("stream")),
        text=_last_text(messages),
        results=_results(messages),
        tools=_tools(body),
        may_call=choice != "none",
        parallel=body.get("parallel_tool_calls") is not False,
        stop=stop if isinstance(stop, str) else next(iter(stop), None),
        schema=(output.get("json_schema") or {}).get("schema"),
        prefilled=messages[-1]["role"] == "assistant",
        body=body,
    )


def texts(content: Any) -> list[str]:
    """Give the texts of a message's content; what is no text stands by its type."""
    if content is None or isinstance(content, str):
        return [content] if content else []
    return [str(part.get("text", f"<{part['type']}>")) for part in content]


def _last_text(messages: list[Json]) -> str:
    for message in reversed(messages):
        if message["role"] == "user":
            content = message["content"]
            found = [content] if isinstance(content, str) else [part["text"] for part in content if "text" in part]
            if found:
                return str(found[-1])
    return ""


def _results(messages: list[Json]) -> list[str]:
    found = []
    for message in reversed(messages):
        if message["role"] != "tool":
            break
        found.append(" ".join(texts(message["content"])))
    return found[::-1]


def _tools(body: Json) -> list[Tool]:
    choice = body.get("tool_choice")
    named = choice if isinstance(choice, dict) else {}
    wanted = (named.get("function") or named.get("custom") or {}).get("name")
    tools = []
    for tool in body.get("tools") or ():
        if tool["type"] == "function":
            tools.append(Tool(tool["function"]["name"], tool["function"].get("parameters") or {}))
        else:
            tools.append(Tool(tool["custom"]["name"], {}, free=True))
    return sorted(tools, key=lambda tool: tool.name != wanted)
