"""Anthropic's request JSON, lifted into a `ChatInput`: the opposite of the service's encoder.

JSON that the contract keeps as text is taken byte for byte. A member that no field holds, or holds only in part, goes
where the encoder merges it back: a block's or a tool's into its `provider_fields_json`, one at the top level into
`provider_options_json["anthropic"]`. Strings as content are the API's shorthand for one text
block, and are lifted as one.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import TypeVar

import msgspec

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service.json_text import JsonTextError, dump, parse_list, parse_object
from trunkline_service.providers.anthropic import blocks_out
from trunkline_service.providers.fields import Fields

T = TypeVar("T")

ROLES = {"user": message_pb2.ROLE_USER, "assistant": message_pb2.ROLE_ASSISTANT, "system": message_pb2.ROLE_SYSTEM}
MODES = {
    "auto": chat_input_pb2.TOOL_CHOICE_MODE_AUTO,
    "any": chat_input_pb2.TOOL_CHOICE_MODE_ANY,
    "none": chat_input_pb2.TOOL_CHOICE_MODE_NONE,
}
THINKING = {
    "disabled": chat_input_pb2.REASONING_MODE_DISABLED,
    "adaptive": chat_input_pb2.REASONING_MODE_ADAPTIVE,
    "enabled": chat_input_pb2.REASONING_MODE_BUDGET,
    "between_tools": chat_input_pb2.REASONING_MODE_BETWEEN_TOOLS,
}


class Members(Fields):
    """The members of an object. A null or an empty list is never taken: it says more than that a member is absent."""

    def _take(self, name: str, kind: type[T]) -> T | None:
        value = self._members.get(name)
        return None if value is None or bytes(value) == b"null" else super()._take(name, kind)

    def items(self, name: str) -> list[msgspec.Raw] | None:
        value = self._members.get(name)
        return None if value is None or bytes(value) in (b"null", b"[]") else super().items(name)

    def inside(self, name: str) -> Members | None:
        """Takes an object, to look into. What is left of it has to be `returned`."""
        value = self._members.get(name)
        if value is None or not bytes(value).startswith(b"{"):
            return None
        del self._members[name]
        return Members(value)

    def returned(self, name: str, members: Members) -> None:
        if rest := members.rest():
            self.put_back(name, msgspec.Raw(rest.encode()))


def lift(body: bytes, headers: Mapping[str, str] | None = None) -> chat_input_pb2.ChatInput:
    """The input that stands for a request to `/v1/messages` or `/v1/messages/count_tokens`."""
    members = Members(body)
    result = chat_input_pb2.ChatInput(model=members.text("model") or "")
    if members.remaining().get("stream") in (msgspec.Raw(b"true"), msgspec.Raw(b"false")):
        members.raw("stream")
    if (system := members.raw("system")) is not None:
        result.system.extend(_content(system))
    _messages(members, result)
    for tool in members.items("tools") or ():
        result.tools.append(_tool(tool))
    _tool_choice(members, result)
    _generation(members, result)
    _reasoning_and_format(members, result)
    _cache_control(members, result)
    if (metadata := members.inside("metadata")) is not None:
        result.end_user_id = metadata.text("user_id") or ""
        members.returned("metadata", metadata)
    result.service_tier = members.text("service_tier") or ""
    for name in ("speed", "inference_geo"):
        if (value := members.text(name)) is not None:
            setattr(result.anthropic, name, value)
    if rest := members.rest():
        result.provider_options_json["anthropic"] = rest
    _headers(headers or {}, result)
    return result


def _headers(headers: Mapping[str, str], result: chat_input_pb2.ChatInput) -> None:
    for name, field in (
        ("anthropic-version", "version"),
        ("anthropic-user-profile-id", "user_profile_id"),
        ("anthropic-workspace-id", "workspace_id"),
    ):
        if name in headers:
            setattr(result.anthropic, field, headers[name])
    if "anthropic-beta" in headers:
        result.anthropic.betas.extend(headers["anthropic-beta"].split(","))


def _messages(members: Members, result: chat_input_pb2.ChatInput) -> None:
    whole = members.raw("messages")
    assert whole is not None
    try:
        result.messages.extend(map(_message, parse_list(whole)))
    except (JsonTextError, KeyError):
        # Not what any message looks like: the API is to see it for itself. The contract wants a message in its place.
        del result.messages[:]
        result.messages.add(role=message_pb2.ROLE_USER)
        members.put_back("messages", whole)


def _message(data: msgspec.Raw) -> message_pb2.Message:
    members = Members(data)
    message = message_pb2.Message(role=ROLES[members.text("role") or ""])
    if (content := members.raw("content")) is not None:
        message.content.extend(_content(content))
    message.provider_fields_json = members.rest()
    return message


def _content(data: msgspec.Raw) -> list[message_pb2.ContentBlock]:
    if bytes(data).startswith(b'"'):
        return [message_pb2.ContentBlock(text=message_pb2.TextBlock(text=msgspec.json.decode(data, type=str)))]
    return [block(entry) for entry in parse_list(data)]


def block(data: msgspec.Raw) -> message_pb2.ContentBlock:
    """A block of a request: the kinds that answers have too, by the service's own decoder."""
    members = Members(data)
    kind = members.text("type") or ""
    lifted = _BLOCKS[kind](members) if kind in _BLOCKS else None
    if lifted is not None:
        _cache_control(members, lifted)
        lifted.provider_fields_json = members.rest()
        return lifted
    if kind in _BLOCKS:
        return blocks_out.opaque(kind, data)
    lifted = blocks_out.decode_block(data)
    if lifted.WhichOneof("kind") != "opaque":
        rest = lifted.provider_fields_json
        held = parse_object(rest.encode()) if rest else {}
        # Of the members that are null, the decoder keeps only the content of a result.
        taken = "content" if lifted.server_tool_result.content_json else ""
        kept = {
            name: value
            for name, value in parse_object(data).items()
            if name in held or (bytes(value) == b"null" and name != taken)
        }
        lifted.provider_fields_json = dump(kept) if kept else ""
    return lifted


def _image(members: Members) -> message_pb2.ContentBlock | None:
    media = _media(members)
    return None if media is None else message_pb2.ContentBlock(image=message_pb2.ImageBlock(media=media))


def _document(members: Members) -> message_pb2.ContentBlock | None:
    result = message_pb2.DocumentBlock()
    source = members.inside("source")
    kind = None if source is None else source.text("type")
    if source is not None and kind == "text" and source.text("media_type") == "text/plain":
        result.text = source.text("data") or ""
        members.returned("source", source)
    elif source is not None and kind == "content" and (content := source.raw("content")) is not None:
        result.content.blocks.extend(_content(content))
        result.content.SetInParent()
        members.returned("source", source)
    elif source is not None and kind is not None:
        source.put_back("type", msgspec.Raw(msgspec.json.encode(kind)))
        members.returned("source", source)
        media = _media(members)
        if media is None:
            return None
        result.media.CopyFrom(media)
    else:
        return None
    for name in ("title", "context"):
        if (value := members.text(name)) is not None:
            setattr(result, name, value)
    if (enabled := _citations_enabled(members)) is not None:
        result.citations_enabled = enabled
    return message_pb2.ContentBlock(document=result)


def _media(members: Members) -> message_pb2.Media | None:
    source = members.inside("source")
    if source is None:
        return None
    result = message_pb2.Media()
    match source.text("type"):
        case "base64":
            data = source.text("data") or ""
            try:
                result.data = base64.b64decode(data, validate=True)
            except binascii.Error:
                return None
            if base64.b64encode(result.data).decode() != data:
                return None  # spelled in a way that the encoder would not repeat
            result.media_type = source.text("media_type") or ""
        case "url":
            result.url = source.text("url") or ""
        case "file":
            result.file_id = source.text("file_id") or ""
        case _:
            return None
    members.returned("source", source)
    return result


def _search_result(members: Members) -> message_pb2.ContentBlock:
    content = members.raw("content")
    return message_pb2.ContentBlock(
        search_result=message_pb2.SearchResultBlock(
            source=members.text("source") or "",
            title=members.text("title") or "",
            content=_content(content) if content is not None else (),
            citations_enabled=_citations_enabled(members),
        )
    )


def _tool_result(members: Members) -> message_pb2.ContentBlock:
    content = members.raw("content")
    return message_pb2.ContentBlock(
        tool_result=message_pb2.ToolResultBlock(
            tool_use_id=members.text("tool_use_id") or "",
            content=_content(content) if content is not None else (),
            is_error=members.boolean("is_error"),
            toolset_name=members.text("toolset_name") or "",
        )
    )


_BLOCKS: Mapping[str, Callable[[Members], message_pb2.ContentBlock | None]] = {
    "image": _image,
    "document": _document,
    "search_result": _search_result,
    "tool_result": _tool_result,
}


def _citations_enabled(members: Members) -> bool | None:
    citations = members.inside("citations")
    if citations is None:
        return None
    enabled = citations.boolean("enabled")
    members.returned("citations", citations)
    return enabled


def _cache_control(
    members: Members, target: message_pb2.ContentBlock | chat_input_pb2.ChatInput | chat_input_pb2.Tool
) -> bool:
    """Takes a cache mark, if the contract can hold all of it."""
    whole = members.remaining().get("cache_control")
    control = members.inside("cache_control")
    if control is None or whole is None:
        return False
    kind, ttl = control.text("type"), control.text("ttl")
    if kind != "ephemeral" or control.rest():
        members.put_back("cache_control", whole)
        return False
    target.cache_control.ttl = ttl or ""
    target.cache_control.SetInParent()
    return True


def _tool(data: msgspec.Raw) -> chat_input_pb2.Tool:
    members = Members(data)
    result = chat_input_pb2.Tool()
    is_marked = _cache_control(members, result)
    if bytes(members.remaining().get("type", msgspec.Raw(b'"custom"'))) not in (b'"custom"', b"null"):
        result.provider_defined.provider_type = "anthropic"
        result.provider_defined.raw_json = members.rest() if is_marked else bytes(data).decode()
        return result
    function = result.function
    function.name = members.text("name") or ""
    if (description := members.text("description")) is not None:
        function.description = description
    if (schema := members.raw("input_schema")) is not None:
        function.input_schema_json = bytes(schema).decode()
    for name in ("strict", "defer_loading", "eager_input_streaming"):
        if (flag := members.boolean(name)) is not None:
            setattr(function, name, flag)
    function.input_examples_json.extend(bytes(each).decode() for each in members.items("input_examples") or ())
    function.allowed_callers.extend(
        msgspec.json.decode(each, type=str) for each in members.items("allowed_callers") or ()
    )
    function.provider_fields_json = members.rest()
    return result


def _tool_choice(members: Members, result: chat_input_pb2.ChatInput) -> None:
    choice = members.inside("tool_choice")
    if choice is None:
        return
    kind = choice.text("type") or ""
    if kind == "tool":
        result.tool_choice.tool_name = choice.text("name") or ""
    else:
        result.tool_choice.mode = MODES[kind]
    if kind != "none" and (disabled := choice.boolean("disable_parallel_tool_use")) is not None:
        result.tool_choice.parallel = not disabled
    members.returned("tool_choice", choice)


def _generation(members: Members, result: chat_input_pb2.ChatInput) -> None:
    for name, field in (("max_tokens", "max_output_tokens"), ("top_k", "top_k")):
        if (number := members.integer(name)) is not None:
            setattr(result.generation, field, number)
    for name in ("temperature", "top_p"):
        if (value := members.remaining().get(name)) is not None and bytes(value) != b"null":
            members.raw(name)
            setattr(result.generation, name, msgspec.json.decode(value, type=float))
    if sequences := members.items("stop_sequences"):
        result.generation.stop_sequences.extend(msgspec.json.decode(each, type=str) for each in sequences)


def _reasoning_and_format(members: Members, result: chat_input_pb2.ChatInput) -> None:
    if (thinking := members.inside("thinking")) is not None:
        result.reasoning.mode = THINKING[thinking.text("type") or ""]
        if (budget := thinking.integer("budget_tokens")) is not None:
            result.reasoning.budget_tokens = budget
        result.reasoning.display = thinking.text("display") or ""
        members.returned("thinking", thinking)
    if (config := members.inside("output_config")) is None:
        return
    if (effort := config.text("effort")) is not None:
        result.reasoning.effort = effort
    if (wanted := config.inside("format")) is not None:
        schema = wanted.raw("schema")
        if wanted.text("type") == "json_schema" and schema is not None:
            result.output_format.json_schema.schema_json = bytes(schema).decode()
        config.returned("format", wanted)
    members.returned("output_config", config)
