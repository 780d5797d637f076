"""Portkey's configs through a gateway: what a caller gets, and what the providers were asked."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest

from e2e.gateways import Running, posts, running
from portkey.converting import strategy
from trunkline import (
    AsyncTrunkline,
    AuthenticationError,
    InvalidRequestError,
    NotFoundError,
    Reply,
    UpstreamOverloadedError,
    UpstreamUnavailableError,
    portkey,
)
from trunkline.v1 import AttemptOutcome, ErrorReason

ECHO = "You said: Hello"


@pytest.fixture
async def own() -> AsyncIterator[Running]:
    async with running() as gateway:
        yield gateway


@pytest.fixture
async def client(own: Running) -> AsyncIterator[AsyncTrunkline]:
    async with AsyncTrunkline(own.gateway.address, timeout=30) as made:
        yield made


def asks(model: str, **more: Any) -> dict[str, Any]:
    """A target whose model says how the simulator behaves."""
    return {"provider": "anthropic", "override_params": {"model": model, **more.pop("params", {})}, **more}


async def chat(client: AsyncTrunkline, config: dict[str, Any], **options: Any) -> Reply:
    done = portkey.convert(config, providers={"anthropic": "simulator"})
    return await client.chat("Hello", route=done.route, **options)


def models(own: Running) -> list[str | None]:
    return [call.model for call in posts(own.simulator)]


@pytest.mark.parametrize("model", ["error-529", "error-500", "error-401", "error-429", "cut-n0", "error-event-n0"])
async def test_a_failure_of_the_provider_leads_on(client: AsyncTrunkline, model: str) -> None:
    reply = await chat(client, strategy("fallback", asks(model), asks("text")))
    assert reply.text == ECHO


async def test_a_bad_request_does_not_unless_the_config_says_so(own: Running, client: AsyncTrunkline) -> None:
    with pytest.raises(InvalidRequestError):
        await chat(client, strategy("fallback", asks("error-400"), asks("text")))
    assert models(own) == ["error-400"]
    reply = await chat(client, strategy("fallback", asks("error-400"), asks("text"), on_status_codes=[400]))
    assert reply.text == ECHO


async def test_only_listed_status_codes_lead_on(own: Running, client: AsyncTrunkline) -> None:
    config = strategy("fallback", asks("error-429-bare"), asks("error-503"), asks("text"), on_status_codes=[429])
    with pytest.raises(UpstreamOverloadedError):
        await chat(client, config)
    assert models(own) == ["error-429-bare", "error-503"]


async def test_status_codes_hold_for_their_own_fallback(own: Running, client: AsyncTrunkline) -> None:
    inner = strategy("fallback", asks("error-503"), asks("text"))
    reply = await chat(client, strategy("fallback", inner, asks("long"), on_status_codes=[429]))
    assert reply.text == ECHO
    assert models(own) == ["error-503", "text"]


async def test_retries_come_before_the_next_target(own: Running, client: AsyncTrunkline) -> None:
    config = strategy("fallback", asks("error-503", retry={"attempts": 1}), asks("text"))
    assert (await chat(client, config)).text == ECHO
    assert models(own) == ["error-503", "error-503", "text"]


async def test_only_listed_status_codes_are_asked_again(own: Running, client: AsyncTrunkline) -> None:
    with pytest.raises(UpstreamOverloadedError):
        await chat(client, asks("error-503", retry={"attempts": 2, "on_status_codes": [429]}))
    assert models(own) == ["error-503"]
    reply = await chat(client, asks("flaky-1-text-s500", retry={"attempts": 1, "on_status_codes": [500]}))
    assert reply.text == ECHO


async def test_nothing_is_asked_again_by_itself(own: Running, client: AsyncTrunkline) -> None:
    for config in (asks("error-500"), asks("error-500", retry={"attempts": 0})):
        with pytest.raises(UpstreamUnavailableError):
            await chat(client, config)
    assert models(own) == ["error-500"] * 2


async def test_a_timeout_leads_on(own: Running, client: AsyncTrunkline) -> None:
    config = strategy("fallback", asks("slow-t20000", request_timeout=200), asks("text"))
    reply = await chat(client, config)
    assert reply.text == ECHO
    first, _ = reply.proto.completion.route_report.attempts
    assert first.outcome == AttemptOutcome.ATTEMPT_OUTCOME_FAILED
    assert first.reason == ErrorReason.ERROR_REASON_UPSTREAM_TIMEOUT


async def test_params_reach_the_provider(own: Running, client: AsyncTrunkline) -> None:
    """Those of the target, those of what is above it, and the caller's own where neither says anything."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    function = {"name": "weather", "description": "The weather", "parameters": parameters}
    params = {"temperature": 0.2, "stop": "END", "tools": [{"type": "function", "function": function}], "user": "u-1"}
    config = strategy("fallback", asks("error-529", params={"max_tokens": 5}), asks("text", params=params))
    config["override_params"] = {"max_tokens": 77, "top_k": 3}
    await chat(client, config, max_output_tokens=1000, temperature=0.9, system="Be brief.")
    first, second = posts(own.simulator)
    assert (first.json["max_tokens"], first.json["temperature"], first.json["top_k"]) == (5, 0.9, 3)
    assert "tools" not in first.json
    body = second.json
    assert (body["max_tokens"], body["temperature"], body["top_k"]) == (77, 0.2, 3)
    assert body["stop_sequences"] == ["END"]
    assert body["tools"] == [{"name": "weather", "description": "The weather", "input_schema": parameters}]
    assert body["metadata"] == {"user_id": "u-1"}
    assert body["system"] == [{"type": "text", "text": "Be brief."}]


async def test_headers_of_anthropic(own: Running, client: AsyncTrunkline) -> None:
    await chat(client, asks("text", anthropic_version="2023-06-01", anthropic_beta="prompt-caching-2024-07-31"))
    (call,) = posts(own.simulator)
    assert call.headers["anthropic-version"] == "2023-06-01"
    assert call.headers["anthropic-beta"] == "prompt-caching-2024-07-31"


async def test_what_has_no_field_reaches_the_provider(own: Running, client: AsyncTrunkline) -> None:
    await chat(client, asks("text", params={"inference_geo": "us"}))
    (call,) = posts(own.simulator)
    assert call.json["inference_geo"] == "us"


CONDITIONS = strategy(
    "conditional",
    asks("text-n1", name="paid"),
    asks("text-n2", name="long"),
    asks("text-n3", name="other"),
    conditions=[
        {
            "query": {"$or": [{"metadata.plan": {"$in": ["paid", "trial"]}}, {"metadata.seats": {"$gte": 10}}]},
            "then": "paid",
        },
        {"query": {"params.max_tokens": {"$gt": 1000}, "params.stream": {"$ne": True}}, "then": "long"},
        {
            "query": {"params.model": {"$regex": "^gpt-"}, "metadata.x": {"$ne": '"] || true || metadata["'}},
            "then": "long",
        },
    ],
    default="other",
)


@pytest.mark.parametrize(
    ("options", "model"),
    [
        ({"route_metadata": {"plan": "trial"}}, "text-n1"),
        ({"route_metadata": {"plan": "free", "seats": "25"}}, "text-n1"),
        ({"route_metadata": {"plan": "free", "seats": "9"}}, "text-n3"),
        ({"route_metadata": {"plan": '" || true || "'}}, "text-n3"),
        ({"max_output_tokens": 1001}, "text-n2"),
        ({"max_output_tokens": 1000}, "text-n3"),
        ({"model": "gpt-4o"}, "text-n2"),
        ({"model": "gpt-4o", "route_metadata": {"x": '"] || true || metadata["'}}, "text-n3"),
        ({}, "text-n3"),
    ],
)
async def test_conditions(own: Running, client: AsyncTrunkline, options: dict[str, Any], model: str) -> None:
    await chat(client, CONDITIONS, **options)
    assert models(own) == [model]


async def test_no_condition_holds(own: Running, client: AsyncTrunkline) -> None:
    config = strategy("conditional", asks("text", name="a"), conditions=[{"query": {"metadata.a": "b"}, "then": "a"}])
    with pytest.raises(NotFoundError) as caught:
        await chat(client, config)
    assert caught.value.reason == "ERROR_REASON_ROUTE_NOT_FOUND"
    assert not posts(own.simulator)


async def test_nested(own: Running, client: AsyncTrunkline) -> None:
    """A load balancer of which one is a fallback, below a condition."""
    balanced = strategy(
        "loadbalance",
        strategy("fallback", asks("error-529-n1"), asks("text-n1")) | {"weight": 3},
        asks("text-n2", weight=1),
        asks("text-n3", weight=0),
    )
    config = strategy("conditional", balanced | {"name": "a"}, conditions=[], default="a")
    for _ in range(24):
        await chat(client, config)
    asked = Counter(models(own))
    assert asked["text-n1"] + asked["text-n2"] == 24
    assert asked["text-n1"] >= 8
    assert "text-n3" not in asked


async def test_a_target_without_weight_stands_in(own: Running, client: AsyncTrunkline) -> None:
    config = strategy("loadbalance", asks("error-503", weight=1), asks("text", weight=0))
    assert (await chat(client, config)).text == ECHO
    assert models(own) == ["error-503", "text"]


async def test_keys_go_with_the_request(own: Running, client: AsyncTrunkline) -> None:
    await chat(client, asks("text", api_key="sk-ant-of-the-config"))
    (call,) = posts(own.simulator)
    assert call.headers["x-api-key"] == "***nfig"


# Without a number of tokens, the provider is first asked how many there may be.
@pytest.mark.parametrize("options", [{"max_output_tokens": 10}, {}])
async def test_a_rejected_key_of_the_configs_own_leads_on_if_the_config_says_so(
    client: AsyncTrunkline, options: dict[str, Any]
) -> None:
    targets = [asks("text-n1", api_key="bad-key-of-the-config"), asks("text-n2")]
    with pytest.raises(AuthenticationError):
        await chat(client, strategy("fallback", *targets), **options)
    reply = await chat(client, strategy("fallback", *targets, on_status_codes=[401, 429]), **options)
    assert reply.message.origin.model == "text-n2"
