"""Hypothesis strategies for requests: anything that the contract lets a caller say to Anthropic, in the form in which
`lift` would write it down.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

from hypothesis import strategies as st

from trunkline.v1 import chat_input_pb2, message_pb2
from wire.decoding import TARGET

T = TypeVar("T")

# Drawing is what takes the time of these tests, so most of what is drawn comes from short lists of odd things.
words = st.sampled_from(["a", "Zürich", "🎉", "\u2028\u0085", '"}\\', "\x00\x7f", " ", "-" * 40]) | st.text(
    min_size=1, max_size=4
)
maybe_words = st.none() | st.just("") | words
flags = st.sampled_from([None, True, False])
ids = st.sampled_from(["a", "get_weather", "x-1", "Z" * 40])
maybe_ids = st.just("") | ids
places = st.sampled_from([0, 1, 1024, 2**31 - 1])


def maybe(strategy: st.SearchStrategy[T]) -> st.SearchStrategy[T | None]:
    return st.none() | strategy


def spelled(value: Any, style: int) -> str:
    """JSON of a value, with white space and escapes as somebody else might write them."""
    gap = ["", "", " ", "\n\t"][style % 4]
    if isinstance(value, dict):
        members = [f"{spelled(name, style)}{gap}:{spelled(each, style // 2)}" for name, each in value.items()]
        return "{" + gap + f",{gap}".join(members) + gap + "}"
    if isinstance(value, list):
        return "[" + gap + f"{gap},".join(spelled(each, style // 2) for each in value) + gap + "]"
    return json.dumps(value, ensure_ascii=style % 3 == 0)


values = st.recursive(
    st.none() | st.booleans() | st.integers() | words,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(words, inner, max_size=2),
    max_leaves=4,
)
styles = st.integers(0, 100)
# Half a pair of surrogates is JSON as long as it is escaped.
ODD_OBJECTS = [
    "{}", "{ }", '{"a":1,"a":2}', '{ "half" : "\\ud83d", "n": 1.10 }', '{"é":"\\u00e9\\/\\uD83D\\uDE00é😀"}',
    '{"n":[-0,1.0,1E+2,1e400,12345678901234567890,0.1e-7]}', '{\n\t"type":"object" ,"properties":{"a":{}}}',
    '{"":{"":{"":[[[{}]]]}}}', '{"a":"\u2028\x7f}"}',
]  # fmt: skip
ODD_VALUES = [*ODD_OBJECTS, "null", "true", "1.0", "1e400", '"\\ud83d"', '"é"', "[]", '[ "\\udc00" ,1.10 ]', '""']
objects = st.sampled_from(ODD_OBJECTS) | st.builds(spelled, st.dictionaries(words, values, max_size=2), styles)
anything = st.sampled_from(ODD_VALUES) | st.builds(spelled, values, styles)


def members(*fixed: str) -> st.SearchStrategy[str]:
    """An object of members that nobody knows, behind those that are fixed; empty if there are none."""
    return st.dictionaries(st.sampled_from(["x_a", "x-b", "x_é"]), anything, max_size=2).map(
        lambda drawn: _object([*fixed, *(f'"{name}":{value}' for name, value in drawn.items())])
    )


def _object(parts: list[str]) -> str:
    return "{" + ",".join(parts) + "}" if parts else ""


cache_controls = st.builds(message_pb2.CacheControl, ttl=st.sampled_from(["", "5m", "1h"]))

_document = {"document_index": places, "document_title": maybe_words, "file_id": maybe(words)}
_blocks_between = {"start_block_index": places, "end_block_index": places}
LOCATIONS = {
    "char_location": st.builds(message_pb2.CharLocation, start_char_index=places, end_char_index=places, **_document),
    "page_location": st.builds(message_pb2.PageLocation, start_page_number=places, end_page_number=places, **_document),
    "content_block_location": st.builds(message_pb2.ContentBlockLocation, **_blocks_between, **_document),
    "search_result_location": st.builds(
        message_pb2.SearchResultLocation,
        search_result_index=places,
        source=words,
        title=maybe_words,
        **_blocks_between,
    ),
    "web_location": st.builds(message_pb2.WebLocation, url=words, title=maybe_words, encrypted_index=maybe(words)),
}
locations: st.SearchStrategy[dict[str, Any]] = st.one_of(
    *(st.fixed_dictionaries({name: location}) for name, location in LOCATIONS.items())
)


def opaque(kind: str) -> st.SearchStrategy[message_pb2.Opaque]:
    raw = members(f'"type":"{kind}"')
    return st.builds(message_pb2.Opaque, provider_type=st.just("anthropic"), type=st.just(kind), raw_json=raw)


citations = st.builds(
    lambda location, text, more: message_pb2.Citation(**location, cited_text=text, provider_fields_json=more),
    locations,
    words,
    members(),
) | st.builds(message_pb2.Citation, opaque=opaque("moon_location"))


def _media(*types: str) -> st.SearchStrategy[message_pb2.Media]:
    return st.one_of(
        st.builds(
            message_pb2.Media, data=st.sampled_from([b"x", b"\xff\xfe>?", b"%PDF-"]), media_type=st.sampled_from(types)
        ),
        st.builds(message_pb2.Media, url=ids.map("https://e.org/{}".format)),
        st.builds(message_pb2.Media, file_id=words),
    )


text_kinds = st.builds(message_pb2.TextBlock, text=words, citations=st.lists(citations, max_size=2)).map(
    lambda held: {"text": held}
)
image_kinds = st.builds(message_pb2.ImageBlock, media=_media("image/png", "image/jpeg", "image/gif", "image/webp")).map(
    lambda held: {"image": held}
)


def blocks(kinds: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[message_pb2.ContentBlock]:
    return st.builds(
        lambda kind, control, more: message_pb2.ContentBlock(**kind, cache_control=control, provider_fields_json=more),
        kinds,
        maybe(cache_controls),
        members(),
    )


_sources: st.SearchStrategy[dict[str, Any]] = st.one_of(
    _media("application/pdf").map(lambda held: {"media": held}),
    (words | st.just("")).map(lambda held: {"text": held}),
    st.lists(blocks(text_kinds | image_kinds), max_size=2).map(
        lambda held: {"content": message_pb2.ContentList(blocks=held)}
    ),
)
document_kinds = st.builds(
    lambda source, **more: {"document": message_pb2.DocumentBlock(**source, **more)},
    _sources,
    title=maybe_words,
    context=maybe_words,
    citations_enabled=flags,
)
search_kinds = st.builds(
    message_pb2.SearchResultBlock,
    source=words,
    title=words,
    content=st.lists(blocks(text_kinds), max_size=2),
    citations_enabled=flags,
).map(lambda held: {"search_result": held})
thinking_kinds = st.builds(message_pb2.ThinkingBlock, text=words, signature=maybe_words).map(
    lambda held: {"thinking": held}
)
redacted_kinds = st.builds(message_pb2.RedactedThinkingBlock, data=words).map(lambda held: {"redacted_thinking": held})
callers = st.builds(message_pb2.ToolCaller, type=ids, tool_use_id=maybe_ids)
RUNNERS = [message_pb2.TOOL_RUNNER_CLIENT, message_pb2.TOOL_RUNNER_SERVER, message_pb2.TOOL_RUNNER_MCP]
# Ids of calls that the API does not take are mapped: see test_call_ids.
call_kinds = st.builds(
    message_pb2.ToolUseBlock,
    id=ids,
    # Others are mapped, and come back only in an answer: see test_names_of_tools_that_the_api_does_not_take.
    name=st.from_regex(r"[a-zA-Z0-9_-]{1,20}", fullmatch=True),
    input_json=objects,
    runner=st.sampled_from(RUNNERS),
    mcp_server_name=maybe_ids,
    toolset_name=maybe_ids,
    caller=maybe(callers),
).map(lambda held: {"tool_use": held})
opaque_blocks = st.builds(
    message_pb2.ContentBlock,
    opaque=st.sampled_from(["container_upload", "compaction", "tool_reference", "browser_state"]).flatmap(opaque),
)
result_kinds = st.builds(
    message_pb2.ToolResultBlock,
    tool_use_id=ids,
    content=st.lists(blocks(text_kinds | image_kinds | document_kinds | search_kinds) | opaque_blocks, max_size=2),
    is_error=flags,
    toolset_name=maybe_ids,
).map(lambda held: {"tool_result": held})
RESULTS = ["web_search_tool_result", "web_fetch_tool_result", "mcp_tool_result", "something_new_tool_result"]
server_result_kinds = st.builds(
    message_pb2.ServerToolResultBlock,
    tool_use_id=words,
    type=st.sampled_from(RESULTS),
    content_json=st.just("") | anything,
    is_error=flags,
).map(lambda held: {"server_tool_result": held})

all_blocks = opaque_blocks | blocks(
    st.one_of(
        text_kinds,
        image_kinds,
        document_kinds,
        search_kinds,
        thinking_kinds,
        redacted_kinds,
        call_kinds,
        result_kinds,
        server_result_kinds,
    )
)
messages = st.builds(
    message_pb2.Message,
    role=st.sampled_from([message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT, message_pb2.ROLE_SYSTEM]),
    content=st.lists(all_blocks, max_size=3),
    provider_fields_json=members(),
)

functions = st.builds(
    chat_input_pb2.FunctionTool,
    name=ids,
    description=maybe_words,
    input_schema_json=objects,
    strict=flags,
    input_examples_json=st.lists(objects, max_size=2),
    defer_loading=flags,
    eager_input_streaming=flags,
    allowed_callers=st.lists(ids, max_size=2),
    provider_fields_json=members(),
)
provider_tools = st.builds(
    chat_input_pb2.ProviderTool,
    provider_type=st.just("anthropic"),
    raw_json=members('"type":"web_search_20260318"', '"name":"web_search"'),
)
tools = st.builds(chat_input_pb2.Tool, function=functions, cache_control=maybe(cache_controls)) | st.builds(
    chat_input_pb2.Tool, provider_defined=provider_tools, cache_control=maybe(cache_controls)
)
_AUTO, _ANY = chat_input_pb2.TOOL_CHOICE_MODE_AUTO, chat_input_pb2.TOOL_CHOICE_MODE_ANY
tool_choices = st.one_of(
    st.builds(chat_input_pb2.ToolChoice, mode=st.sampled_from([_AUTO, _ANY]), parallel=flags),
    st.builds(chat_input_pb2.ToolChoice, tool_name=ids, parallel=flags),
    st.just(chat_input_pb2.ToolChoice(mode=chat_input_pb2.TOOL_CHOICE_MODE_NONE)),
)
generations = st.builds(
    chat_input_pb2.GenerationParams,
    max_output_tokens=places,
    temperature=maybe(st.sampled_from([0.0, 0.1, 1 / 3, 1.0])),
    top_p=maybe(st.sampled_from([0.0, 0.1, 1 / 3, 1.0])),
    top_k=maybe(places),
    stop_sequences=st.lists(words, max_size=2),
)
_MODES = [
    chat_input_pb2.REASONING_MODE_DISABLED,
    chat_input_pb2.REASONING_MODE_ADAPTIVE,
    chat_input_pb2.REASONING_MODE_BETWEEN_TOOLS,
]
displays = st.sampled_from(["", "summarized", "omitted"])
reasonings = st.one_of(
    st.builds(chat_input_pb2.ReasoningParams, mode=st.sampled_from(_MODES), display=displays, effort=maybe_ids),
    st.builds(chat_input_pb2.ReasoningParams, effort=ids),
    st.builds(
        chat_input_pb2.ReasoningParams,
        mode=st.just(chat_input_pb2.REASONING_MODE_BUDGET),
        budget_tokens=places,
        display=displays,
    ),
)
formats = st.builds(
    chat_input_pb2.OutputFormat, json_schema=st.builds(chat_input_pb2.JsonSchemaFormat, schema_json=objects)
)
options = st.builds(
    chat_input_pb2.AnthropicOptions,
    version=st.just("2023-06-01"),
    betas=st.lists(ids, max_size=2, unique=True),
    speed=st.sampled_from(["", "standard", "fast"]),
    inference_geo=maybe_ids,
    user_profile_id=maybe_ids,
    workspace_id=maybe_ids,
)
chat_inputs = st.builds(
    chat_input_pb2.ChatInput,
    model=st.just(TARGET.model),
    system=st.lists(blocks(text_kinds), max_size=2),
    messages=st.lists(messages, min_size=1, max_size=3),
    tools=st.lists(tools, max_size=2),
    tool_choice=maybe(tool_choices),
    generation=generations,
    reasoning=maybe(reasonings),
    output_format=maybe(formats),
    cache_control=maybe(cache_controls),
    end_user_id=st.just("") | words,
    service_tier=maybe_ids,
    anthropic=options,
    provider_options_json=members().map(lambda text: {"anthropic": text} if text else {}),
)
