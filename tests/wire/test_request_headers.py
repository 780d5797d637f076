"""Headers of requests, the choice of the API's version, options that are merged, and what is counted."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import pytest

from support.calls import chat_input, text_block, user
from trunkline.v1 import chat_input_pb2, message_pb2, warning_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation
from wire.decoding import KEY, PROVIDER, TARGET, Json
from wire.lift import lift

Block = message_pb2.ContentBlock
Options = chat_input_pb2.AnthropicOptions
Params = chat_input_pb2.GenerationParams
LEGACY, NEWEST = "2023-06-01", "2026-10-21"

CITED = Block(
    text=message_pb2.TextBlock(text="a", citations=[message_pb2.Citation(page_location=message_pb2.PageLocation())])
)
SEARCH = Block(search_result=message_pb2.SearchResultBlock(source="s", title="t", content=[CITED]))
DOCUMENT = Block(document=message_pb2.DocumentBlock(text="d"))


def said(role: int, *blocks: Block) -> message_pb2.Message:
    return message_pb2.Message(role=role, content=blocks)  # type: ignore[arg-type]


def result(*blocks: Block) -> Block:
    return Block(tool_result=message_pb2.ToolResultBlock(tool_use_id="t", content=blocks))


USER, ASSISTANT, TOOL = message_pb2.ROLE_USER, message_pb2.ROLE_ASSISTANT, message_pb2.ROLE_TOOL
# What a request holds, and the newest version that takes it.
NEEDED: dict[str, tuple[Json, str]] = {
    "nothing special": ({}, NEWEST),
    "temperature": ({"generation": Params(max_output_tokens=5, temperature=0)}, LEGACY),
    "top_p": ({"generation": Params(max_output_tokens=5, top_p=1)}, LEGACY),
    "top_k": ({"generation": Params(max_output_tokens=5, top_k=0)}, LEGACY),
    "temperature among the options": ({"provider_options_json": {"anthropic": '{"temperature":0.5}'}}, LEGACY),
    "a document of the user's": ({"messages": [said(USER, DOCUMENT)]}, NEWEST),
    "a document of the model's": ({"messages": [said(USER), said(ASSISTANT, DOCUMENT)]}, LEGACY),
    "citations of the user's": ({"messages": [said(USER, CITED)]}, LEGACY),
    "citations of a tool's": ({"messages": [said(TOOL, CITED)]}, LEGACY),
    "citations of the model's": ({"messages": [said(USER), said(ASSISTANT, CITED)]}, NEWEST),
    "citations in a search result": ({"messages": [said(USER, SEARCH)]}, LEGACY),
    "citations in a result": ({"messages": [said(TOOL, result(CITED))]}, LEGACY),
    "citations in a search result in a result": ({"messages": [said(USER, result(SEARCH))]}, LEGACY),
    "a search result without them": (
        {"messages": [said(USER, Block(search_result=message_pb2.SearchResultBlock(source="s", title="t")))]},
        NEWEST,
    ),
}


def asked(**fields: Any) -> chat_input_pb2.ChatInput:
    messages = fields.pop("messages", ())
    return chat_input("m", *messages, **fields)


@pytest.mark.parametrize(("fields", "version"), NEEDED.values(), ids=NEEDED)
def test_the_newest_version_that_takes_it(fields: Json, version: str) -> None:
    assert PROVIDER.encode_chat(asked(**fields), TARGET).headers["anthropic-version"] == version
    # A count has the version of the answer, though it is not sent all of what decides on it.
    assert PROVIDER.encode_count(asked(**fields), TARGET).headers["anthropic-version"] == version
    # Whoever names a version gets it: the caller before the configuration.
    configured = dataclasses.replace(TARGET, version="2025-01-01")
    assert PROVIDER.encode_chat(asked(**fields), configured).headers["anthropic-version"] == "2025-01-01"
    own = asked(**fields, anthropic=Options(version="2024-01-01"))
    assert PROVIDER.encode_chat(own, configured).headers["anthropic-version"] == "2024-01-01"


@pytest.mark.parametrize("takes", [None, True, False])
@pytest.mark.parametrize("version", ["", LEGACY, NEWEST])
def test_sampling(takes: bool | None, version: str) -> None:
    """Sent where the version and the model take it, or nobody knows that the model does not."""
    target = dataclasses.replace(TARGET, takes_sampling=takes, version=version)
    wanted = asked(generation=Params(max_output_tokens=5, temperature=0.5, top_p=0.9, top_k=3))
    if takes is not False and version != NEWEST:
        sent = PROVIDER.encode_chat(wanted, target)
        body = json.loads(sent.body)
        assert (body["temperature"], body["top_p"], body["top_k"]) == (0.5, 0.9, 3)
        assert sent.headers["anthropic-version"] == LEGACY
        return
    with pytest.raises(GatewayError) as caught:
        PROVIDER.encode_chat(wanted, target)
    assert len(caught.value.violations) == 3
    dropped = PROVIDER.encode_chat(wanted, dataclasses.replace(target, drop_unsupported=True))
    assert not {"temperature", "top_p", "top_k"} & json.loads(dropped.body).keys()
    assert len(dropped.warnings) == 3
    assert dropped.headers["anthropic-version"] == (version or NEWEST)


def test_the_key_goes_as_the_configuration_says() -> None:
    by_header = PROVIDER.encode_chat(asked(), TARGET).headers
    assert by_header["x-api-key"] == KEY
    assert "authorization" not in by_header
    bearer = dataclasses.replace(TARGET, auth="bearer")
    for sent in (
        PROVIDER.encode_chat(asked(), bearer),
        PROVIDER.encode_count(asked(), bearer),
        PROVIDER.encode_model(bearer),
    ):
        assert sent.headers["authorization"] == f"Bearer {KEY}"
        assert "x-api-key" not in sent.headers


BETAS = [
    ((), (), None),
    (("a",), (), "a"),
    ((), ("b", "c"), "b,c"),
    (("a", "b"), ("b", "c", "a"), "a,b,c"),
]


@pytest.mark.parametrize(("configured", "wanted", "header"), BETAS)
def test_betas_are_joined(configured: tuple[str, ...], wanted: tuple[str, ...], header: str | None) -> None:
    target = dataclasses.replace(TARGET, betas=configured)
    for encode in (PROVIDER.encode_chat, PROVIDER.encode_count):
        assert encode(asked(anthropic=Options(betas=wanted)), target).headers.get("anthropic-beta") == header


def test_headers_besides() -> None:
    target = dataclasses.replace(TARGET, headers={"x-team": "a"})
    options = Options(user_profile_id="p", workspace_id="w")
    chat = PROVIDER.encode_chat(asked(anthropic=options), target).headers
    count = PROVIDER.encode_count(asked(anthropic=options), target).headers
    for headers, accept in ((chat, "text/event-stream"), (count, "application/json")):
        assert headers["accept"] == accept
        assert headers["accept-encoding"] == "identity"
        assert headers["content-type"] == "application/json"
        assert headers["anthropic-user-profile-id"] == "p"
        assert headers["anthropic-workspace-id"] == "w"
        assert headers["x-team"] == "a"
        assert all(name == name.lower() for name in headers)


FULL: Json = {
    "model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}],
    "metadata": {"user_id": "u"}, "stop_sequences": ["x"], "service_tier": "auto", "inference_geo": "us",
    "temperature": 0.5,
    "system": [{"type": "text", "text": "s"}], "tools": [{"name": "n", "input_schema": {"a": 1.0}}],
    "tool_choice": {"type": "auto"}, "thinking": {"type": "adaptive"}, "output_config": {"effort": "low"},
    "cache_control": {"type": "ephemeral"}, "speed": "fast",
}  # fmt: skip
# Options, and what becomes of the members that they touch.
MERGED: dict[str, tuple[str, Json]] = {
    "something new": ('{"x":{"y":[1.0]}}', {"x": {"y": [1.0]}}),
    "an object within": ('{"metadata":{"tier":1}}', {"metadata": {"user_id": "u", "tier": 1}}),
    "an object within, replaced": ('{"metadata":{"user_id":"v"}}', {"metadata": {"user_id": "v"}}),
    "deep": ('{"output_config":{"a":{"b":{"c":1}}}}', {"output_config": {"effort": "low", "a": {"b": {"c": 1}}}}),
    "null": ('{"metadata":null,"container":null}', {"metadata": None, "container": None}),
    "null within": ('{"metadata":{"user_id":null}}', {"metadata": {"user_id": None}}),
    "a list replaces": ('{"stop_sequences":["y"],"tools":[]}', {"stop_sequences": ["y"], "tools": []}),
    "a word replaces an object": ('{"thinking":"hard"}', {"thinking": "hard"}),
    "an object replaces a word": ('{"speed":{"a":1}}', {"speed": {"a": 1}}),
    "the model": ('{"model":"other"}', {"model": "other"}),
    "with white space": (' { "metadata" : { "a" : 1 } } ', {"metadata": {"user_id": "u", "a": 1}}),
    "half a pair": ('{"metadata":{"a":"\\ud83d"}}', {"metadata": {"user_id": "u", "a": "\ud83d"}}),
    "nothing": ("{}", {}),
}  # fmt: skip


@pytest.mark.parametrize(("options", "expected"), MERGED.values(), ids=MERGED)
def test_options_are_merged_last(options: str, expected: Json) -> None:
    wanted = lift(json.dumps(FULL).encode())
    target = dataclasses.replace(TARGET, model="m")
    wanted.provider_options_json["anthropic"] = options
    sent = json.loads(PROVIDER.encode_chat(wanted, target).body)
    assert sent == FULL | {"stream": True} | expected


def test_options_of_the_kind_come_before_those_of_the_provider() -> None:
    options = {"anthropic": '{"a":{"x":1,"y":1},"b":1}', "eu": '{"a":{"y":2}}', "us": '{"b":3}', "openai": '{"c":1}'}
    wanted = asked(provider_options_json=options)
    sent = json.loads(PROVIDER.encode_chat(wanted, dataclasses.replace(TARGET, provider="eu")).body)
    assert (sent["a"], sent["b"]) == ({"x": 1, "y": 2}, 1)
    assert "c" not in sent
    with pytest.raises(GatewayError) as caught:
        PROVIDER.encode_chat(
            asked(provider_options_json={"eu": '{"stream":false}'}), dataclasses.replace(TARGET, provider="eu")
        )
    assert [violation.field for violation in caught.value.violations] == ['input.provider_options_json["eu"]']


# What section 1.15 of the reference lets count_tokens have.
COUNTED = {
    "model", "messages", "system", "tools", "tool_choice", "thinking", "output_config", "cache_control", "speed",
    "context_management", "compaction", "mcp_servers", "billing_policy",
}  # fmt: skip


def test_a_count_holds_what_a_count_may_hold() -> None:
    beta = {name: {"x": 1} for name in ("context_management", "compaction", "mcp_servers", "billing_policy", "thread")}
    wanted = lift(json.dumps(FULL | beta).encode())
    sent = PROVIDER.encode_count(wanted, dataclasses.replace(TARGET, model="m", max_output_tokens=None))
    assert (sent.method, sent.url) == ("POST", "https://api.invalid/v1/messages/count_tokens")
    whole = FULL | beta
    assert json.loads(sent.body) == {name: value for name, value in whole.items() if name in COUNTED}
    assert [warning.field for warning in sent.warnings] == ['input.provider_options_json["anthropic"].thread']


def test_a_count_tells_what_it_leaves_out_of_options() -> None:
    options = {"anthropic": '{"container":"c","thinking":{"type":"disabled"}}', "eu": '{"x":1}', "us": '{"y":1}'}
    wanted = asked(generation=Params(temperature=0.5, top_k=3), provider_options_json=options)
    sent = PROVIDER.encode_count(wanted, dataclasses.replace(TARGET, provider="eu"))
    assert json.loads(sent.body).keys() == {"model", "messages", "thinking"}
    assert [(warning.code, warning.field) for warning in sent.warnings] == [
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, 'input.provider_options_json["anthropic"].container'),
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, 'input.provider_options_json["eu"].x'),
    ]


def test_what_a_count_leaves_out_does_not_fill_its_response() -> None:
    many = json.dumps({"x" * 1000 + str(number): 1 for number in range(1000)})
    sent = PROVIDER.encode_count(asked(provider_options_json={"anthropic": many}), TARGET)
    *named, last = sent.warnings
    assert len(named) == 100
    assert last.field == 'input.provider_options_json["anthropic"]'
    assert "900 more" in last.message
    assert sum(warning.ByteSize() for warning in sent.warnings) < 50_000


def test_a_count_wants_no_maximum_and_minds_no_sampling() -> None:
    wanted = asked(generation=Params(temperature=2, seed=1, presence_penalty=1))
    target = dataclasses.replace(TARGET, takes_sampling=False, max_output_tokens=None)
    sent = PROVIDER.encode_count(wanted, target)
    assert json.loads(sent.body).keys() == {"model", "messages"}
    assert not sent.warnings


COUNTS: list[tuple[bytes, int | None, str]] = [
    (b'{"input_tokens":5}', 5, ""),
    (b'{"input_tokens":0,"context_management":{"n": 7.0}}', 0, '{"context_management":{"n": 7.0}}'),
    (b'{"input_tokens":2147483648}', None, ""),
    (b'{"input_tokens":-1}', None, ""),
    (b'{"input_tokens":"5"}', None, ""),
    (b'{"input_tokens":null}', None, ""),
    (b'{"input_tokens":5,"x":"\xff"}', None, ""),
    (b"{}", None, ""),
    (b"[]", None, ""),
    (b"<html>", None, ""),
    (b"", None, ""),
    (b"[" * 100_000, None, ""),
]  # fmt: skip


@pytest.mark.parametrize(("body", "count", "rest"), COUNTS, ids=[repr(body)[:40] for body, *_ in COUNTS])
def test_a_count_is_a_number_or_a_violation(body: bytes, count: int | None, rest: str) -> None:
    if count is None:
        with pytest.raises(ProtocolViolation):
            PROVIDER.decode_count(body, TARGET)
        return
    response = PROVIDER.decode_count(body, TARGET)
    assert (response.input_tokens, response.provider_fields_json) == (count, rest)
    assert (response.origin.provider, response.origin.model) == ("anthropic", TARGET.model)


MODELS = {
    "claude-opus-5-5": "claude-opus-5-5",
    "../../v1/files": "..%2F..%2Fv1%2Ffiles",
    "a?b=c#d": "a%3Fb%3Dc%23d",
    "a b\r\nx: y": "a%20b%0D%0Ax%3A%20y",
    "modèle": "mod%C3%A8le",
}


@pytest.mark.parametrize(("model", "path"), MODELS.items())
def test_a_model_is_one_part_of_the_address(model: str, path: str) -> None:
    sent = PROVIDER.encode_model(dataclasses.replace(TARGET, model=model))
    assert (sent.method, sent.url, sent.body) == ("GET", f"https://api.invalid/v1/models/{path}", b"")


@pytest.mark.parametrize(
    ("said", "maximum"),
    [("128000", 128_000), ("null", None), ("0", None), ("-1", None), ("2147483648", None), ('"5"', None)],
)
def test_a_maximum_is_a_number_or_not_known(said: str, maximum: int | None) -> None:
    assert PROVIDER.decode_model(f'{{"id":"m","max_tokens":{said}}}'.encode()) == maximum


def test_a_message_that_is_only_fields() -> None:
    message = message_pb2.Message(
        role=message_pb2.ROLE_SYSTEM, provider_fields_json='{"output_config":{"effort":"low"}}'
    )
    sent = json.loads(PROVIDER.encode_chat(chat_input("m", user(text_block("a")), message), TARGET).body)
    assert sent["messages"][1] == {"role": "system", "output_config": {"effort": "low"}}
