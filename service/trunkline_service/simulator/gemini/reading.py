"""What a checked request asks of the model."""

from collections.abc import Iterator
from typing import Any

from trunkline_service.simulator.prompt import Prompt, Tool
from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json, encode


def prompt(body: Json, model: str, *, stream: bool) -> Prompt:
    """Read the body."""
    choice = (body.get("toolConfig") or {}).get("functionCallingConfig") or {}
    config = body.get("generationConfig") or {}
    return Prompt(
        model=model,
        tokens=PromptTokens(count(body)),
        stream=stream,
        text=_last_text(body["contents"]),
        results=[
            _shown(part["functionResponse"]) for part in body["contents"][-1]["parts"] if "functionResponse" in part
        ],
        tools=_tools(body, choice.get("allowedFunctionNames") or ()),
        may_call=choice.get("mode") != "NONE",
        stop=next(iter(config.get("stopSequences") or ()), None),
        schema=config.get("responseJsonSchema"),
        show_thinking=bool((config.get("thinkingConfig") or {}).get("includeThoughts")),
        prefilled=body["contents"][-1]["role"] == "model",
        body=body,
    )


def count(body: Json) -> int:
    """Count a prompt's tokens as a quarter of its JSON: the same for an answer and for its count."""
    names = ("contents", "systemInstruction", "tools")
    return max(1, sum(len(encode(body[name])) for name in names if body.get(name)) // 4)


def _last_text(contents: list[Json]) -> str:
    for content in reversed(contents):
        texts = [part["text"] for part in content["parts"] if "text" in part]
        if content["role"] == "user" and texts:
            return str(texts[-1])
    return ""


def _shown(result: Json) -> str:
    response = result["response"]
    said: Any = response.get("output", response.get("error", response))
    media = [f"<{part['inlineData']['mimeType']}>" for part in result.get("parts", ()) if "inlineData" in part]
    return " ".join([said if isinstance(said, str) else encode(said).decode(), *media])


def _tools(body: Json, wanted: Any) -> list[Tool]:
    tools = [Tool(each["name"], each.get("parametersJsonSchema") or {}) for each in _functions(body)]
    tools.sort(key=lambda tool: tool.name not in wanted)
    return tools


def _functions(body: Json) -> Iterator[Json]:
    for tool in body.get("tools") or ():
        yield from tool.get("functionDeclarations") or ()
