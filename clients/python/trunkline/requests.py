"""What a call may be given, and how requests are made of it. Both clients and all methods share this."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal, TypeAlias, TypedDict, TypeVar, cast

from trunkline.content import Content, blocks
from trunkline.json_text import JSON, json_text
from trunkline.v1.chat_input_pb2 import (
    AnthropicOptions,
    ChatInput,
    GeminiOptions,
    OpenAiOptions,
    OutputFormat,
    ReasoningMode,
    ReasoningParams,
    Tool,
    ToolChoice,
    ToolChoiceMode,
)
from trunkline.v1.chat_service_pb2 import ChatRequest, CountTokensRequest, StreamChatRequest
from trunkline.v1.message_pb2 import CacheControl, ContentBlock, Message, Role
from trunkline.v1.route_pb2 import Route, RoutingOptions, Target, UnsupportedFieldPolicy

Turn: TypeAlias = str | Message | ContentBlock
"""A turn of a conversation. A string is the user's. So is a block, unless it is a tool's result; neighbouring blocks
make one message, so that the results of one reply's tool calls stay together."""
Prompt: TypeAlias = Turn | Iterable[Turn]
Metadata: TypeAlias = Mapping[str, str | bytes] | Iterable[tuple[str, str | bytes]]


class InputOptions(TypedDict, total=False):
    """What to ask. None is the same as leaving the argument out, and what is left out is not sent to the provider."""

    model: str | None
    """ "provider/model", or a name that the gateway knows. Default: the client's."""
    messages: Iterable[Turn] | None
    """The conversation so far; a prompt, if there is one, comes after it."""
    system: Content | None
    """Instructions that open the conversation."""
    tools: Iterable[Tool] | None
    """Tools that the model may call: see `tool` and `provider_tool`."""
    tool_choice: Literal["auto", "any", "none"] | ToolChoice | None
    """Whether it is to call them; ToolChoice(tool_name="weather") asks for a certain one."""
    parallel_tool_calls: bool | None
    """Whether it may call several at once."""
    max_output_tokens: int | None
    """At most so many tokens in the answer, reasoning included."""
    temperature: float | None
    """How freely to sample, in the provider's own range."""
    top_p: float | None
    """Sample from the smallest set of tokens whose probabilities add up to this."""
    top_k: int | None
    """Sample from this many of the likeliest tokens."""
    stop_sequences: Iterable[str] | None
    """End the answer before any of these."""
    seed: int | None
    """Make sampling repeatable, as far as the provider can."""
    presence_penalty: float | None
    """Lower the odds of tokens that appeared."""
    frequency_penalty: float | None
    """Lower the odds of tokens by how often they appeared."""
    logprobs: bool | None
    """Tell how likely each token of the text was."""
    top_logprobs: int | None
    """Tell so many of the likeliest tokens in each place; with `logprobs`."""
    logit_bias: Mapping[int, float] | None
    """Raise or lower the odds of tokens, by their ids in the model's own vocabulary."""
    reasoning: bool | int | ReasoningParams | None
    """Whether to reason: True for as much as the model finds right, False for not at all, or at most so many tokens."""
    effort: str | None
    """How hard to work, in the provider's own word, for example "low"."""
    output_format: OutputFormat | None
    """The form of the answer: see `json_schema` and `json_object`."""
    cache_control: CacheControl | None
    """Caches the longest prefix that can be. To mark a certain one, see `cached`."""
    end_user_id: str | None
    """An opaque id of the person behind the request."""
    service_tier: str | None
    """The class of service, in the provider's own word."""
    anthropic: AnthropicOptions | None
    """What only Anthropic's API knows."""
    openai: OpenAiOptions | None
    """What only OpenAI's APIs know."""
    gemini: GeminiOptions | None
    """What only Gemini's API knows."""
    provider_options: Mapping[str, JSON] | None
    """Anything newer than the contract, by provider: merged into the body of the upstream request last."""
    input: ChatInput | None
    """Instead of all these: the contract's own message, sent exactly as it is."""


class RouteOptions(TypedDict, total=False):
    """Where to ask. With none of it, the model says it all."""

    route: str | Route | Target | None
    """A route of the gateway's configuration by name, one of the caller's own, or a single target."""
    unsupported_fields: Literal["reject", "drop"] | None
    """What to do with fields that the provider cannot honour: fail, which is the default, or drop with a warning."""
    route_metadata: Mapping[str, str] | None
    """What to tell about the call, for the conditions of routes: who asks, for what. Never goes to a provider."""
    affinity_key: str | None
    """Calls with the same key go to the same target of a load balancer that minds prompt caches."""
    coalescing_key: str | None
    """Calls in flight with the same key and the same request share one call to a provider."""
    routing: RoutingOptions | None
    """Instead of all these: the contract's own message, sent exactly as it is."""


class CallOptions(TypedDict, total=False):
    """How to call."""

    timeout: float | None
    """Seconds until the call fails with DeadlineExceededError; None for never. Default: the client's."""
    metadata: Metadata | None
    """gRPC metadata, added to the client's and stronger than it."""
    request_id: str | None
    """The call's id in the gateway's log: at most 64 printable ASCII characters. Default: one is made."""


class ChatOptions(InputOptions, RouteOptions, CallOptions, total=False):
    """The arguments of `chat` and `count_tokens`, all by keyword and all optional."""


class StreamOptions(ChatOptions, total=False):
    """The arguments of `stream`, all by keyword and all optional."""

    allow_restart: bool | None
    """Let the gateway begin again with another attempt after it has sent something: see ChatStream.restarts."""
    max_event_delay: float | None
    """Let the gateway hold events back for up to so many seconds, at most 1, to send more of them at once."""


_GENERATION: Final = (
    "max_output_tokens",
    "temperature",
    "top_p",
    "top_k",
    "seed",
    "presence_penalty",
    "frequency_penalty",
    "logprobs",
    "top_logprobs",
)
_TOOL_CHOICES: Final = {
    "auto": ToolChoiceMode.TOOL_CHOICE_MODE_AUTO,
    "any": ToolChoiceMode.TOOL_CHOICE_MODE_ANY,
    "none": ToolChoiceMode.TOOL_CHOICE_MODE_NONE,
}
_UNSUPPORTED_FIELDS: Final = {
    "reject": UnsupportedFieldPolicy.UNSUPPORTED_FIELD_POLICY_REJECT,
    "drop": UnsupportedFieldPolicy.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING,
}

_Request = TypeVar("_Request", ChatRequest, StreamChatRequest, CountTokensRequest)


def fill(request: _Request, prompt: Prompt | None, options: ChatOptions, default_model: str) -> _Request:
    """Write into an empty request what a method was called with; CallOptions are left to others.

    Raises:
        TypeError: An argument is not known, or excludes another one that was given too.
        ValueError: An argument has a value that it cannot have.
    """
    known = StreamOptions if isinstance(request, StreamChatRequest) else ChatOptions
    if unknown := options.keys() - known.__optional_keys__:
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
    given = {name for name, value in options.items() if value is not None}
    if (raw := options.get("input")) is not None:
        _alone("input", given & InputOptions.__optional_keys__ | ({"prompt"} if prompt is not None else set()))
        request.input.CopyFrom(raw)
    else:
        _fill_input(request.input, prompt, options, default_model)
    if route := given & RouteOptions.__optional_keys__:
        _alone("routing", route)
        request.routing.CopyFrom(route_options(options))
    if isinstance(request, StreamChatRequest):
        _fill_stream(request, cast("StreamOptions", options))
    return request


def chat_input(prompt: Prompt | None, options: InputOptions) -> ChatInput:
    """Make what is asked, of the arguments. Raises as `fill` does."""
    if unknown := options.keys() - InputOptions.__optional_keys__:
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
    result = ChatInput()
    if (raw := options.get("input")) is not None:
        given = {name for name, value in options.items() if value is not None}
        _alone("input", given | ({"prompt"} if prompt is not None else set()))
        result.CopyFrom(raw)
    else:
        _fill_input(result, prompt, options, "")
    return result


def _fill_stream(request: StreamChatRequest, options: StreamOptions) -> None:
    request.allow_restart = bool(options.get("allow_restart"))
    if (delay := options.get("max_event_delay")) is not None:
        request.max_event_delay.FromNanoseconds(round(delay * 1e9))


def _alone(name: str, given: set[str]) -> None:
    if name in given and len(given) > 1:
        raise TypeError(f"{name} stands for all of its kind, but there are also: {', '.join(given - {name})}")


def _fill_input(target: ChatInput, prompt: Prompt | None, options: InputOptions, default_model: str) -> None:
    target.model = options.get("model") or default_model
    target.system.extend(blocks(options.get("system") or ()))
    target.messages.extend(conversation([*_turns(options.get("messages")), *_turns(prompt)]))
    target.tools.extend(options.get("tools") or ())
    for name in _GENERATION:
        if (value := options.get(name)) is not None:
            setattr(target.generation, name, value)
    if stop := options.get("stop_sequences"):
        target.generation.stop_sequences.extend([stop] if isinstance(stop, str) else stop)
    target.generation.logit_bias.update(options.get("logit_bias") or {})
    if (choice := options.get("tool_choice")) is not None:
        target.tool_choice.CopyFrom(_tool_choice(choice))
    if (parallel := options.get("parallel_tool_calls")) is not None:
        target.tool_choice.parallel = parallel
    if (reasoning := options.get("reasoning")) is not None:
        target.reasoning.CopyFrom(_reasoning(reasoning))
    if effort := options.get("effort"):
        target.reasoning.effort = effort
    target.end_user_id = options.get("end_user_id") or ""
    target.service_tier = options.get("service_tier") or ""
    for name in ("output_format", "cache_control", "anthropic", "openai", "gemini"):
        if (message := options.get(name)) is not None:
            getattr(target, name).CopyFrom(message)
    for provider, value in (options.get("provider_options") or {}).items():
        target.provider_options_json[provider] = json_text(value)


def _turns(prompt: Prompt | None) -> list[Turn]:
    if prompt is None:
        return []
    if isinstance(prompt, Mapping):
        raise TypeError("a dict is no turn of a conversation: use user(), assistant() and so on")
    return [prompt] if isinstance(prompt, Turn) else list(prompt)


def conversation(turns: Iterable[Turn]) -> list[Message]:
    """Make messages of turns: see Turn.

    Example:
        conversation(["Hello", reply.message, "What is this?", image("https://example.com/cat.png")])
    """
    messages: list[Message] = []
    gathering = Role.ROLE_UNSPECIFIED  # whose bare blocks the last message takes; unspecified if it takes none
    for turn in turns:
        if isinstance(turn, Message):
            messages.append(turn)
            gathering = Role.ROLE_UNSPECIFIED
            continue
        if not isinstance(turn, Turn):
            raise TypeError(f"expected a str, a Message or a ContentBlock, not {type(turn).__name__}")
        (block,) = blocks(turn)
        role = Role.ROLE_TOOL if block.HasField("tool_result") else Role.ROLE_USER
        if role != gathering:
            messages.append(Message(role=role))
            gathering = role
        messages[-1].content.append(block)
    return messages


def _tool_choice(choice: str | ToolChoice) -> ToolChoice:
    if isinstance(choice, ToolChoice):
        return choice
    return ToolChoice(mode=_one_of(_TOOL_CHOICES, "tool_choice", choice))


def _reasoning(reasoning: bool | int | ReasoningParams) -> ReasoningParams:
    match reasoning:
        case True:
            return ReasoningParams(mode=ReasoningMode.REASONING_MODE_ADAPTIVE)
        case False:
            return ReasoningParams(mode=ReasoningMode.REASONING_MODE_DISABLED)
        case int():
            return ReasoningParams(mode=ReasoningMode.REASONING_MODE_BUDGET, budget_tokens=reasoning)
        case _:
            return reasoning


def route_options(options: RouteOptions) -> RoutingOptions:
    """Say where to ask, as the arguments do. Raises TypeError if a route is none, ValueError if a policy is none."""
    if (raw := options.get("routing")) is not None:
        return raw
    routing = RoutingOptions()
    match options.get("route"):
        case str() as name:
            routing.route_name = name
        case Target() as target:
            routing.route.target.CopyFrom(target)
        case Route() as route:
            routing.route.CopyFrom(route)
        case None:
            pass
        case other:
            raise TypeError(f"route is a name, a Route or a Target, not {type(other).__name__}")
    if policy := options.get("unsupported_fields"):
        routing.unsupported_fields = unsupported_fields(policy)
    routing.metadata.update(options.get("route_metadata") or {})
    routing.affinity_key = options.get("affinity_key") or ""
    routing.coalescing_key = options.get("coalescing_key") or ""
    return routing


def unsupported_fields(policy: str) -> UnsupportedFieldPolicy.ValueType:
    """Return the policy for a word. Raises ValueError if it is none."""
    return _one_of(_UNSUPPORTED_FIELDS, "unsupported_fields", policy)


_Value = TypeVar("_Value")


def _one_of(table: Mapping[str, _Value], name: str, value: str) -> _Value:
    if value not in table:
        raise ValueError(f"{name} must be one of {', '.join(table)}, not {value!r}")
    return table[value]
