"""The contract's own rules for a request. What depends on the provider is for its codec to say.

Every violation is found, not only the first; paths are those of the proto fields from the request on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

from trunkline.v1 import chat_input_pb2, message_pb2, route_pb2
from trunkline_service.errors import Violation
from trunkline_service.rules.basics import (
    MAX_ITEMS,
    KnowsProvider,
    destination,
    is_header_value,
    merged_json,
    not_too_many,
    provider_options,
    refuse,
    required,
    valid_json,
)

MAX_MESSAGES = 100_000
# All together, those within others included.
MAX_BLOCKS = 100_000
# Of all tools together.
MAX_EXAMPLES = 10_000
MAX_DEPTH = 16
MAX_TOP_LOGPROBS = 20
MAX_BIAS = 100

_ROLES = frozenset(message_pb2.Role.values())


def check_request(
    chat_input: chat_input_pb2.ChatInput,
    routing: route_pb2.RoutingOptions,
    knows_provider: KnowsProvider,
    own: Iterable[Violation] = (),
) -> None:
    """Checks what every request about a conversation has in common. `own` are the violations of its other fields, to be
    told together with these.

    Raises:
        InvalidRequest: as `refuse` does.
    """
    refuse(chain(own, _request(chat_input, routing, knows_provider)))


def _request(
    chat_input: chat_input_pb2.ChatInput, routing: route_pb2.RoutingOptions, knows_provider: KnowsProvider
) -> Iterator[Violation]:
    yield from destination(chat_input.model, "input.model", routing)
    # Each block takes a byte at the least: where there are fewer bytes, there is nothing to count.
    yield from _messages(chat_input.messages, is_large=chat_input.ByteSize() > MAX_BLOCKS)
    yield from parts(chat_input, knows_provider)


def parts(chat_input: chat_input_pb2.ChatInput, knows_provider: KnowsProvider) -> Iterator[Violation]:
    """What holds for an input of which only parts are there, as for the overrides of a route."""
    if chat_input.system:
        if _count(chat_input.system) > MAX_BLOCKS:
            yield Violation("input.system", f"has more than {MAX_BLOCKS} blocks")
        else:
            yield from _blocks(chat_input.system, "input.system")
    if chat_input.tools:
        if sum(len(tool.function.input_examples_json) for tool in chat_input.tools[:MAX_ITEMS]) > MAX_EXAMPLES:
            yield Violation("input.tools", f"have more than {MAX_EXAMPLES} examples")
            return
        for number, tool in enumerate(chat_input.tools[:MAX_ITEMS]):
            yield from _tool(tool, f"input.tools[{number}]")
        yield from not_too_many(chat_input.tools, "input.tools")
    if chat_input.HasField("tool_choice"):
        yield from _tool_choice(chat_input.tool_choice)
    if chat_input.HasField("generation"):
        yield from _generation(chat_input.generation)
    if chat_input.HasField("reasoning"):
        yield from _reasoning(chat_input.reasoning)
    if chat_input.HasField("output_format"):
        yield from _output_format(chat_input.output_format)
    if chat_input.HasField("anthropic"):
        yield from _anthropic(chat_input.anthropic)
    if chat_input.provider_options_json:
        yield from provider_options(chat_input.provider_options_json, "input.provider_options_json", knows_provider)


def _messages(messages: Sequence[message_pb2.Message], *, is_large: bool) -> Iterator[Violation]:
    path = "input.messages"
    if not messages:
        yield Violation(path, "is required: at least one message")
    # Neither is looked at any closer: that would be all that this process does for a while.
    elif len(messages) > MAX_MESSAGES:
        yield Violation(path, f"has more than {MAX_MESSAGES} messages")
    elif is_large and _count(chain.from_iterable(message.content for message in messages)) > MAX_BLOCKS:
        yield Violation(path, f"have more than {MAX_BLOCKS} blocks")
    elif is_large and sum(len(block.text.citations) for message in messages for block in message.content) > MAX_BLOCKS:
        yield Violation(path, f"have more than {MAX_BLOCKS} citations")
    else:
        for number, message in enumerate(messages):
            yield from _message(message, f"{path}[{number}]")


def _message(message: message_pb2.Message, path: str) -> Iterator[Violation]:
    if message.role == message_pb2.ROLE_UNSPECIFIED:
        yield Violation(f"{path}.role", "is required")
    elif message.role not in _ROLES:
        yield Violation(f"{path}.role", f"{message.role} is not a role that this gateway knows")
    if message.provider_fields_json:
        yield from merged_json(message.provider_fields_json, f"{path}.provider_fields_json")
    yield from _blocks(message.content, f"{path}.content")


def _blocks(blocks: Sequence[message_pb2.ContentBlock], path: str, depth: int = 1) -> Iterator[Violation]:
    if depth > MAX_DEPTH:
        yield Violation(path, f"blocks are nested deeper than {MAX_DEPTH} levels")
        return
    for number, block in enumerate(blocks):
        # Most blocks are no more than text, of which there is nothing to say.
        if block.WhichOneof("kind") != "text" or block.provider_fields_json or block.text.citations:
            yield from _block(block, f"{path}[{number}]", depth)


def _count(blocks: Iterable[message_pb2.ContentBlock]) -> int:
    """The number of blocks, with those within them; it is not told further than it matters."""
    count = 0
    waiting = [iter(blocks)]
    while waiting and count <= MAX_BLOCKS:
        block = next(waiting[-1], None)
        if block is None:
            waiting.pop()
            continue
        count += 1
        match block.WhichOneof("kind"):
            case "tool_result":
                waiting.append(iter(block.tool_result.content))
            case "search_result":
                waiting.append(iter(block.search_result.content))
            case "document":
                waiting.append(iter(block.document.content.blocks))
    return count


def _block(block: message_pb2.ContentBlock, path: str, depth: int) -> Iterator[Violation]:
    if block.provider_fields_json:
        yield from merged_json(block.provider_fields_json, f"{path}.provider_fields_json")
    kind = block.WhichOneof("kind")
    if kind is None:
        yield Violation(f"{path}.kind", "is required: a block has to hold something")
    elif kind != "text":
        yield from _BLOCKS[kind](block, f"{path}.{kind}", depth)
    elif block.text.citations:
        yield from not_too_many(block.text.citations, f"{path}.text.citations")
        for number, citation in enumerate(block.text.citations[:MAX_ITEMS]):
            yield from _citation(citation, f"{path}.text.citations[{number}]")


def _image(block: message_pb2.ContentBlock, path: str, _depth: int) -> Iterator[Violation]:
    return _media(block.image.media, f"{path}.media")


def _audio(block: message_pb2.ContentBlock, path: str, _depth: int) -> Iterator[Violation]:
    return _media(block.audio.media, f"{path}.media")


def _document(block: message_pb2.ContentBlock, path: str, depth: int) -> Iterator[Violation]:
    match block.document.WhichOneof("source"):
        case None:
            yield Violation(f"{path}.source", "is required")
        case "media":
            yield from _media(block.document.media, f"{path}.media")
        case "content":
            yield from _blocks(block.document.content.blocks, f"{path}.content.blocks", depth + 1)


def _media(media: message_pb2.Media, path: str) -> Iterator[Violation]:
    source = media.WhichOneof("source")
    if source is None:
        yield Violation(f"{path}.source", "is required")
    elif not getattr(media, source):
        yield Violation(f"{path}.{source}", "is empty")
    elif source == "url" and media.url[:5].lower() == "data:":
        yield Violation(f"{path}.url", "is a data: URL; send the bytes themselves, in `data`")
    elif source == "url" and ":" not in media.url:
        yield Violation(f"{path}.url", "is not an address")


def _thinking(_block: message_pb2.ContentBlock, _path: str, _depth: int) -> Iterator[Violation]:
    return iter(())


def _redacted_thinking(block: message_pb2.ContentBlock, path: str, _depth: int) -> Iterator[Violation]:
    return required(block.redacted_thinking.data, f"{path}.data")


def _tool_use(block: message_pb2.ContentBlock, path: str, _depth: int) -> Iterator[Violation]:
    yield from required(block.tool_use.id, f"{path}.id")
    yield from required(block.tool_use.name, f"{path}.name")
    if block.tool_use.input_json:
        yield from valid_json(block.tool_use.input_json, f"{path}.input_json")
    if block.tool_use.runner not in message_pb2.ToolRunner.values():
        yield Violation(f"{path}.runner", f"{block.tool_use.runner} is not a runner that this gateway knows")


def _tool_result(block: message_pb2.ContentBlock, path: str, depth: int) -> Iterator[Violation]:
    yield from required(block.tool_result.tool_use_id, f"{path}.tool_use_id")
    yield from _blocks(block.tool_result.content, f"{path}.content", depth + 1)


def _server_tool_result(block: message_pb2.ContentBlock, path: str, _depth: int) -> Iterator[Violation]:
    result = block.server_tool_result
    yield from required(result.tool_use_id, f"{path}.tool_use_id")
    yield from required(result.type, f"{path}.type")
    if result.content_json:
        yield from valid_json(result.content_json, f"{path}.content_json", must_be_object=False)


def _search_result(block: message_pb2.ContentBlock, path: str, depth: int) -> Iterator[Violation]:
    yield from required(block.search_result.source, f"{path}.source")
    yield from required(block.search_result.title, f"{path}.title")
    yield from _blocks(block.search_result.content, f"{path}.content", depth + 1)


def _refusal(block: message_pb2.ContentBlock, path: str, _depth: int) -> Iterator[Violation]:
    return required(block.refusal.text, f"{path}.text")


def _opaque(block: message_pb2.ContentBlock, path: str, _depth: int) -> Iterator[Violation]:
    yield from required(block.opaque.provider_type, f"{path}.provider_type")
    # What is beside the block becomes a member of it.
    merged = block.HasField("cache_control") or bool(block.provider_fields_json)
    yield from valid_json(block.opaque.raw_json, f"{path}.raw_json", merged=merged)


_BLOCKS: Mapping[str, Callable[[message_pb2.ContentBlock, str, int], Iterator[Violation]]] = {
    "image": _image,
    "document": _document,
    "audio": _audio,
    "thinking": _thinking,
    "redacted_thinking": _redacted_thinking,
    "tool_use": _tool_use,
    "tool_result": _tool_result,
    "server_tool_result": _server_tool_result,
    "search_result": _search_result,
    "refusal": _refusal,
    "opaque": _opaque,
}


def _citation(citation: message_pb2.Citation, path: str) -> Iterator[Violation]:
    location = citation.WhichOneof("location")
    if location is None:
        yield Violation(f"{path}.location", "is required")
    elif location == "opaque":
        yield from valid_json(citation.opaque.raw_json, f"{path}.opaque.raw_json")
    if citation.provider_fields_json:
        yield from merged_json(citation.provider_fields_json, f"{path}.provider_fields_json")


def _tool(tool: chat_input_pb2.Tool, path: str) -> Iterator[Violation]:
    kind = tool.WhichOneof("kind")
    if kind is None:
        yield Violation(f"{path}.kind", "is required")
    elif kind == "provider_defined":
        defined = tool.provider_defined
        yield from required(defined.provider_type, f"{path}.provider_defined.provider_type")
        merged = tool.HasField("cache_control")
        yield from valid_json(defined.raw_json, f"{path}.provider_defined.raw_json", merged=merged)
    else:
        function = tool.function
        yield from required(function.name, f"{path}.function.name")
        if function.input_schema_json:
            yield from valid_json(function.input_schema_json, f"{path}.function.input_schema_json")
        yield from not_too_many(function.input_examples_json, f"{path}.function.input_examples_json")
        for number, example in enumerate(function.input_examples_json[:MAX_ITEMS]):
            yield from valid_json(example, f"{path}.function.input_examples_json[{number}]")
        if function.provider_fields_json:
            yield from merged_json(function.provider_fields_json, f"{path}.function.provider_fields_json")


def _tool_choice(choice: chat_input_pb2.ToolChoice) -> Iterator[Violation]:
    kind = choice.WhichOneof("choice")
    known = chat_input_pb2.ToolChoiceMode.values()
    if kind == "tool_name":
        yield from required(choice.tool_name, "input.tool_choice.tool_name")
    elif kind == "mode" and (choice.mode == chat_input_pb2.TOOL_CHOICE_MODE_UNSPECIFIED or choice.mode not in known):
        yield Violation("input.tool_choice.mode", "is not a mode that this gateway knows")


def _generation(generation: chat_input_pb2.GenerationParams) -> Iterator[Violation]:
    for field, value in generation.ListFields():
        if (check := _GENERATION.get(field.name)) is not None:
            yield from check(value, f"input.generation.{field.name}")
    if (
        generation.HasField("top_logprobs")
        and not generation.logprobs
        and 0 <= generation.top_logprobs <= MAX_TOP_LOGPROBS
    ):
        yield Violation("input.generation.top_logprobs", "needs logprobs to be true")


def _not_negative(value: int, path: str) -> Iterator[Violation]:
    if value < 0:
        yield Violation(path, "must not be negative")


def _finite(value: float, path: str) -> Iterator[Violation]:
    if not math.isfinite(value):
        yield Violation(path, f"{value:g} is not a finite number")


def _between(lowest: float, highest: float) -> Callable[[float, str], Iterator[Violation]]:
    def check(value: float, path: str) -> Iterator[Violation]:
        if not lowest <= value <= highest:
            yield Violation(path, f"{value:g} is not between {lowest:g} and {highest:g}")

    return check


def _logit_bias(biases: Mapping[int, float], path: str) -> Iterator[Violation]:
    yield from not_too_many(biases, path)
    for token, bias in islice(biases.items(), MAX_ITEMS):
        if not -MAX_BIAS <= bias <= MAX_BIAS:
            yield Violation(f"{path}[{token}]", f"{bias:g} is not between -{MAX_BIAS} and {MAX_BIAS}")


def _stop_sequences(sequences: Sequence[str], path: str) -> Iterator[Violation]:
    yield from not_too_many(sequences, path)
    for number, sequence in enumerate(sequences[:MAX_ITEMS]):
        yield from required(sequence, f"{path}[{number}]")


_GENERATION: Mapping[str, Callable[[Any, str], Iterator[Violation]]] = {
    "max_output_tokens": _not_negative,
    # Its range is the provider's, and told by the codec: one that is wider would only mislead the caller.
    "temperature": _finite,
    "top_p": _between(0, 1),
    "top_k": _not_negative,
    "presence_penalty": _between(-2, 2),
    "frequency_penalty": _between(-2, 2),
    "top_logprobs": _between(0, MAX_TOP_LOGPROBS),
    "logit_bias": _logit_bias,
    "stop_sequences": _stop_sequences,
}


def _reasoning(reasoning: chat_input_pb2.ReasoningParams) -> Iterator[Violation]:
    path = "input.reasoning"
    mode = reasoning.mode
    if mode not in chat_input_pb2.ReasoningMode.values():
        yield Violation(f"{path}.mode", f"{mode} is not a mode that this gateway knows")
    budget = mode == chat_input_pb2.REASONING_MODE_BUDGET
    if budget and not reasoning.HasField("budget_tokens"):
        yield Violation(f"{path}.budget_tokens", "is required with REASONING_MODE_BUDGET")
    if reasoning.budget_tokens < 0:
        yield Violation(f"{path}.budget_tokens", "must not be negative")
    if not budget and reasoning.HasField("budget_tokens"):
        yield Violation(f"{path}.budget_tokens", "needs REASONING_MODE_BUDGET")
    if reasoning.display and mode == chat_input_pb2.REASONING_MODE_UNSPECIFIED:
        yield Violation(f"{path}.display", "needs a mode")


def _output_format(output_format: chat_input_pb2.OutputFormat) -> Iterator[Violation]:
    match output_format.WhichOneof("format"):
        case None:
            yield Violation("input.output_format.format", "is required")
        case "json_schema":
            path = "input.output_format.json_schema.schema_json"
            yield from valid_json(output_format.json_schema.schema_json, path)


def _anthropic(options: chat_input_pb2.AnthropicOptions) -> Iterator[Violation]:
    for name in ("version", "user_profile_id", "workspace_id"):
        if not is_header_value(getattr(options, name)):
            yield Violation(f"input.anthropic.{name}", "must be printable ASCII")
    yield from not_too_many(options.betas, "input.anthropic.betas")
    for number, beta in enumerate(options.betas[:MAX_ITEMS]):
        if not beta or "," in beta or not is_header_value(beta):
            yield Violation(f"input.anthropic.betas[{number}]", "must be one name, in printable ASCII")
