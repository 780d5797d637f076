"""Results of tools: blocks to the one JSON object that Gemini takes, and to parts for media.

What the tool said becomes `response` by these rules:

* A single text that is a JSON object is the response, byte for byte.
* Any other single text is `{"output": text}`; several are `{"output": [text, …]}`; none is `{}`.
* A result with `is_error` is `{"error": …}` around the text, the object or the list of texts.
* Images, documents and sound are `parts` beside the response, in order.
"""

from __future__ import annotations

from collections.abc import Iterable

from trunkline.v1 import message_pb2
from trunkline_service import json_text
from trunkline_service.providers.gemini.media_in import Conversation, encode_media, inline_data
from trunkline_service.providers.gemini.members import Json, raw


def encode_tool_result(result: message_pb2.ToolResultBlock, path: str, conversation: Conversation) -> Json | None:
    """The part with the `functionResponse`; None if it cannot be sent."""
    report = conversation.report
    name = conversation.calls.get(result.tool_use_id)
    if name is None:
        report.invalid(f"{path}.tool_use_id", "is the id of no call before it, and Gemini wants the call's name")
        return None
    if result.toolset_name:
        report.not_portable(f"{path}.toolset_name", "Gemini has no tool sets")
    function: Json = {} if result.tool_use_id in conversation.withheld else {"id": result.tool_use_id}
    function["name"] = conversation.names.upstream(name)
    texts: list[str] = []
    parts: list[Json] = []
    for number, block in enumerate(result.content):
        place = f"{path}.content[{number}]"
        _beside(block, place, conversation)
        if block.WhichOneof("kind") == "text":
            texts.append(block.text.text)
        elif (part := _media(block, place, conversation)) is not None:
            parts.append(part)
    function["response"] = _response(texts, is_error=result.is_error)
    if parts:
        function["parts"] = parts
    return {"functionResponse": function}


def in_order_of_calls(
    blocks: Iterable[message_pb2.ContentBlock], conversation: Conversation
) -> list[tuple[int, message_pb2.ContentBlock]]:
    """The blocks with their places. Results whose ids do not go to Gemini are told apart by their order alone: they
    come in that of their calls, whatever places the caller has given them.
    """
    numbered = list(enumerate(blocks))
    places = [
        at for at, (_, block) in enumerate(numbered) if block.HasField("tool_result")
        and block.tool_result.tool_use_id in conversation.withheld
    ]  # fmt: skip
    if len(places) < 2:
        return numbered
    order = {call: at for at, call in enumerate(conversation.calls)}
    held = sorted((numbered[at] for at in places), key=lambda each: order.get(each[1].tool_result.tool_use_id, -1))
    for at, each in zip(places, held, strict=True):
        numbered[at] = each
    return numbered


def _response(texts: list[str], *, is_error: bool) -> object:
    said: object = texts[0] if len(texts) == 1 else texts
    is_object = len(texts) == 1 and json_text.is_json(texts[0], must_be_object=True)
    if is_object:
        said = raw(texts[0].strip(" \t\r\n"))
    if is_error:
        return {"error": said}
    if is_object:
        return said
    return {"output": said} if texts else {}


def _media(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> Json | None:
    match block.WhichOneof("kind"):
        case "image":
            if block.image.detail:
                conversation.report.unsupported(
                    f"{path}.image.detail", "Gemini has no levels of detail in results", capability="image_detail"
                )
            return encode_media(block.image.media, f"{path}.image.media", conversation)
        case "audio":
            return encode_media(block.audio.media, f"{path}.audio.media", conversation)
        case "document" if block.document.WhichOneof("source") == "media":
            return encode_media(block.document.media, f"{path}.document.media", conversation)
        case "document" if block.document.WhichOneof("source") == "text":
            return inline_data("text/plain", block.document.text.encode())
    kind = block.WhichOneof("kind") or ""
    conversation.report.unsupported(
        f"{path}.{kind}", f"Gemini takes no {kind} blocks in results", capability=f"{kind}_in_result"
    )
    return None


def _beside(block: message_pb2.ContentBlock, path: str, conversation: Conversation) -> None:
    """What is beside the content of a block has no place in a result; nor has what documents have beside theirs."""
    report = conversation.report
    if block.HasField("cache_control"):
        report.dropped(f"{path}.cache_control", "Gemini caches by itself, without marks")
    for name in ("provider_state", "provider_fields_json"):
        if getattr(block, name):
            report.unsupported(f"{path}.{name}", f"Gemini's results have no {name} within", capability=name)
    for name in ("title", "context", "citations_enabled"):
        if getattr(block.document, name):
            report.unsupported(
                f"{path}.document.{name}", f"Gemini's documents have no {name}", capability=f"document_{name}"
            )
    if block.text.citations:
        report.dropped(f"{path}.text.citations", "Gemini takes no citations")
