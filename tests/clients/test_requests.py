"""Arguments become the request that they stand for, and nothing besides."""

from typing import Any

import pytest

from trunkline import (
    ChatOptions,
    StreamOptions,
    assistant,
    cached,
    image,
    json_object,
    provider_tool,
    system,
    text,
    tool,
    tool_result,
    user,
)
from trunkline.requests import fill
from trunkline.v1 import (
    AnthropicOptions,
    CacheControl,
    ChatInput,
    ChatRequest,
    ContentBlock,
    CountTokensRequest,
    GenerationParams,
    Message,
    OutputFormat,
    ReasoningMode,
    ReasoningParams,
    Role,
    Route,
    RoutingOptions,
    StreamChatRequest,
    Target,
    TextBlock,
    ToolChoice,
    ToolChoiceMode,
    UnsupportedFieldPolicy,
)

URL = "https://example.com/cat.png"
TOOLS = [tool("t"), provider_tool("anthropic", {"type": "web_search"})]


def request(prompt: Any = None, default_model: str = "m", **options: Any) -> ChatRequest:
    return fill(ChatRequest(), prompt, options, default_model)  # type: ignore[arg-type]


def messages(prompt: Any = None, **options: Any) -> list[Message]:
    return list(request(prompt, **options).input.messages)


def test_one_line() -> None:
    assert request("Hello") == ChatRequest(input=ChatInput(model="m", messages=[user("Hello")]))


REASONING = [
    (True, ReasoningParams(mode=ReasoningMode.REASONING_MODE_ADAPTIVE)),
    (False, ReasoningParams(mode=ReasoningMode.REASONING_MODE_DISABLED)),
    (1024, ReasoningParams(mode=ReasoningMode.REASONING_MODE_BUDGET, budget_tokens=1024)),
    (0, ReasoningParams(mode=ReasoningMode.REASONING_MODE_BUDGET, budget_tokens=0)),
    (1, ReasoningParams(mode=ReasoningMode.REASONING_MODE_BUDGET, budget_tokens=1)),
    (ReasoningParams(display="omitted"), ReasoningParams(display="omitted")),
]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"model": "eu/m-2"}, ChatInput(model="eu/m-2")),
        ({"model": None}, ChatInput()),
        ({"system": "Be brief."}, ChatInput(system=[text("Be brief.")])),
        ({"system": ["Be", image(URL)]}, ChatInput(system=[text("Be"), image(URL)])),
        ({"system": cached(text("book"))}, ChatInput(system=[cached(text("book"))])),
        ({"messages": [assistant("A")]}, ChatInput(messages=[assistant("A")])),
        ({"tools": TOOLS}, ChatInput(tools=TOOLS)),
        ({"tools": iter(TOOLS)}, ChatInput(tools=TOOLS)),
        ({"tool_choice": "auto"}, ChatInput(tool_choice=ToolChoice(mode=ToolChoiceMode.TOOL_CHOICE_MODE_AUTO))),
        ({"tool_choice": "any"}, ChatInput(tool_choice=ToolChoice(mode=ToolChoiceMode.TOOL_CHOICE_MODE_ANY))),
        ({"tool_choice": "none"}, ChatInput(tool_choice=ToolChoice(mode=ToolChoiceMode.TOOL_CHOICE_MODE_NONE))),
        (
            {"tool_choice": ToolChoice(tool_name="t"), "parallel_tool_calls": False},
            ChatInput(tool_choice=ToolChoice(tool_name="t", parallel=False)),
        ),
        ({"parallel_tool_calls": True}, ChatInput(tool_choice=ToolChoice(parallel=True))),
        ({"max_output_tokens": 0}, ChatInput(generation=GenerationParams(max_output_tokens=0))),
        ({"temperature": 0.0}, ChatInput(generation=GenerationParams(temperature=0))),
        ({"top_p": 0.0}, ChatInput(generation=GenerationParams(top_p=0))),
        ({"top_k": 0}, ChatInput(generation=GenerationParams(top_k=0))),
        ({"seed": 0}, ChatInput(generation=GenerationParams(seed=0))),
        ({"presence_penalty": 0}, ChatInput(generation=GenerationParams(presence_penalty=0))),
        ({"frequency_penalty": -2}, ChatInput(generation=GenerationParams(frequency_penalty=-2))),
        ({"stop_sequences": ["a", "b"]}, ChatInput(generation=GenerationParams(stop_sequences=["a", "b"]))),
        ({"stop_sequences": "end"}, ChatInput(generation=GenerationParams(stop_sequences=["end"]))),
        *(({"reasoning": given}, ChatInput(reasoning=expected)) for given, expected in REASONING),
        ({"effort": "low"}, ChatInput(reasoning=ReasoningParams(effort="low"))),
        ({"output_format": json_object()}, ChatInput(output_format=json_object())),
        ({"cache_control": CacheControl()}, ChatInput(cache_control=CacheControl())),
        ({"end_user_id": "u"}, ChatInput(end_user_id="u")),
        ({"service_tier": "auto"}, ChatInput(service_tier="auto")),
        ({"anthropic": AnthropicOptions(speed="fast")}, ChatInput(anthropic=AnthropicOptions(speed="fast"))),
        (
            {"provider_options": {"anthropic": {"z": 1, "a": None}, "eu": '{ "b": 1.0 }'}},
            ChatInput(provider_options_json={"anthropic": '{"z":1,"a":null}', "eu": '{ "b": 1.0 }'}),
        ),
        ({"timeout": 5, "metadata": {"k": "v"}, "request_id": "r"}, ChatInput()),
    ],
)
def test_input(options: dict[str, Any], expected: ChatInput) -> None:
    expected.model = expected.model or "m"
    assert request(**options).input == expected


def test_none_is_left_out() -> None:
    names = StreamOptions.__optional_keys__ - {"timeout"}
    options: Any = dict.fromkeys(names)
    assert fill(StreamChatRequest(), "a", options, "m") == StreamChatRequest(input=request("a").input)


def test_every_part_of_the_input_is_reachable() -> None:
    """New fields of the contract fail here until they have an argument or are left to `input`."""
    arguments = {
        "generation": set(GenerationParams.DESCRIPTOR.fields_by_name),
        "reasoning": {"reasoning", "effort"},
        "tool_choice": {"tool_choice", "parallel_tool_calls"},
        "provider_options_json": {"provider_options"},
    }
    fields = ChatInput.DESCRIPTOR.fields_by_name
    expected = set().union(*(arguments.get(name, {name}) for name in fields))
    assert expected | {"input"} == ChatOptions.__optional_keys__ - {
        *("route", "unsupported_fields", "route_metadata", "affinity_key", "coalescing_key", "routing"),
        *("timeout", "metadata", "request_id"),
    }


def bare(role: Role.ValueType, *content: ContentBlock) -> Message:
    return Message(role=role, content=content)


A, B = tool_result("1", "a"), tool_result("2", "b")


@pytest.mark.parametrize(
    ("prompt", "history", "expected"),
    [
        (None, None, []),
        ("a", None, [user("a")]),
        (user("a", name="Ann"), None, [user("a", name="Ann")]),
        (image(URL), None, [user(image(URL))]),
        (["What is this?", image(URL)], None, [user("What is this?", image(URL))]),
        (["a", assistant("b"), "c"], None, [user("a"), assistant("b"), user("c")]),
        ([user("a"), "b", user("c")], None, [user("a"), user("b"), user("c")]),
        ([assistant("call"), A, B], None, [assistant("call"), bare(Role.ROLE_TOOL, A, B)]),
        ([A, "go on", B], None, [bare(Role.ROLE_TOOL, A), user("go on"), bare(Role.ROLE_TOOL, B)]),
        ("c", ["a", assistant("b")], [user("a"), assistant("b"), user("c")]),
        (["d"], (each for each in [system("c")]), [system("c"), user("d")]),
        ([], ["a"], [user("a")]),
        (None, "a", [user("a")]),
    ],
)
def test_conversations(prompt: Any, history: Any, expected: list[Message]) -> None:
    assert messages(prompt, messages=history) == expected


def test_the_caller_s_messages_are_not_changed() -> None:
    history = [user("a"), assistant("b")]
    block = text("c")
    messages([block, "d"], messages=history)
    assert history == [user("a"), assistant("b")]
    assert block == ContentBlock(text=TextBlock(text="c"))


TARGET = Target(provider="eu", model="m-2", api_key="secret")


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"route": "fast"}, RoutingOptions(route_name="fast")),
        ({"route": TARGET}, RoutingOptions(route=Route(target=TARGET))),
        ({"route": Route(target=TARGET)}, RoutingOptions(route=Route(target=TARGET))),
        (
            {"unsupported_fields": "drop"},
            RoutingOptions(unsupported_fields=UnsupportedFieldPolicy.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING),
        ),
        (
            {"unsupported_fields": "reject", "route": "fast"},
            RoutingOptions(
                unsupported_fields=UnsupportedFieldPolicy.UNSUPPORTED_FIELD_POLICY_REJECT, route_name="fast"
            ),
        ),
        (
            {"route_metadata": {"plan": "paid"}, "affinity_key": "a", "coalescing_key": "c"},
            RoutingOptions(metadata={"plan": "paid"}, affinity_key="a", coalescing_key="c"),
        ),
        ({"routing": RoutingOptions(route_name="slow")}, RoutingOptions(route_name="slow")),
    ],
)
def test_routing(options: dict[str, Any], expected: RoutingOptions) -> None:
    assert request("a", **options).routing == expected


def test_without_a_route_there_is_none() -> None:
    assert not request("a").HasField("routing")


@pytest.mark.parametrize("kind", [ChatRequest, StreamChatRequest, CountTokensRequest])
def test_raw_input_is_sent_as_it_is(kind: Any) -> None:
    raw = ChatInput(system=[text("s")], output_format=OutputFormat())
    raw.MergeFromString(b"\xa2\x06\x03abc")
    options: Any = {"input": raw, "routing": RoutingOptions(route_name="r")}
    assert fill(kind(), None, options, "m") == kind(input=raw, routing=RoutingOptions(route_name="r"))


@pytest.mark.parametrize(
    ("prompt", "options", "message"),
    [
        (None, {"temprature": 1, "foo": 2}, "unexpected arguments: foo, temprature"),
        (None, {"allow_restart": True}, "unexpected arguments: allow_restart"),
        ("a", {"input": ChatInput()}, "input .* prompt"),
        (None, {"input": ChatInput(), "model": "m", "temperature": 0}, "input .* (model|temperature)"),
        (None, {"routing": RoutingOptions(), "route": "r"}, "routing .* route"),
        (None, {"route": 5}, "route .* not int"),
        (None, {"route": {"target": {"provider": "p"}}}, "route .* not dict"),
        (5, {}, "not iterable"),
        ({"role": "user", "content": "a"}, {}, "dict"),
        ([{"role": "user", "content": "a"}], {}, "not dict"),
        (None, {"system": 5}, "not iterable"),
        (None, {"system": {"type": "text"}}, "dict"),
        (None, {"system": [{"type": "text"}]}, "not dict"),
    ],
)
def test_what_cannot_be_meant(prompt: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        request(prompt, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tool_choice": "required"}, "tool_choice must be one of auto, any, none, not 'required'"),
        ({"unsupported_fields": "ignore"}, "unsupported_fields must be one of reject, drop, not 'ignore'"),
    ],
)
def test_words_that_are_not_known(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        request("a", **options)
