"""Strategies as routes: the reference page's two examples, and all that its documentation has beside them."""

from __future__ import annotations

import json
import warnings
from typing import Any

import pytest

from portkey.converting import MODEL, converted, expected, noted, refused, strategy, target
from trunkline import portkey
from trunkline.portkey import NoteKind

FALLBACK = {
    "strategy": {"mode": "fallback"},
    "targets": [
        {"provider": "anthropic", "api_key": "sk-ant-***", "override_params": {"model": MODEL}},
        {"provider": "openai", "api_key": "sk-***", "override_params": {"model": "gpt-4o"}},
    ],
}
LOAD_BALANCE = {
    "strategy": {"mode": "loadbalance"},
    "targets": [
        {"provider": "anthropic", "api_key": "k", "override_params": {"model": MODEL}, "weight": 0.7},
        {
            "provider": "anthropic",
            "api_key": "k",
            "override_params": {"model": "claude-3-5-haiku-20241022"},
            "weight": 0.3,
        },
    ],
}


def test_fallback() -> None:
    done = converted(FALLBACK)
    assert done.route == expected(
        f"""
        fallback {{
          routes {{ target {{ provider: "anthropic" model: "{MODEL}" api_key: "sk-ant-***" }} }}
          routes {{ target {{ provider: "openai" model: "gpt-4o" api_key: "sk-***" }} }}
        }}
        """
    )
    assert [(note.kind, note.path) for note in done.notes] == [("differs", "config.targets")]
    assert "by its class" in done.notes[0].text


def test_load_balancing() -> None:
    done = converted(LOAD_BALANCE)
    assert done.route == expected(
        f"""
        load_balance {{
          routes {{ weight: 0.7 route {{ target {{ provider: "anthropic" model: "{MODEL}" api_key: "k" }} }} }}
          routes {{ weight: 0.3 route {{
            target {{ provider: "anthropic" model: "claude-3-5-haiku-20241022" api_key: "k" }} }} }}
        }}
        """
    )
    assert [(note.kind, note.path) for note in done.notes] == [("differs", "config.targets")]


@pytest.mark.parametrize("config", [FALLBACK, LOAD_BALANCE])
def test_text_is_the_same_as_a_dict(config: Any) -> None:
    assert portkey.convert(json.dumps(config)) == portkey.convert(config)


def test_names_in_camel_case() -> None:
    config = strategy("fallback", {"provider": "anthropic", "apiKey": "k", "requestTimeout": 500}, onStatusCodes=[429])
    same = strategy(
        "fallback", {"provider": "anthropic", "api_key": "k", "request_timeout": 500}, on_status_codes=[429]
    )
    assert converted(config).route == converted(same).route
    both = {"provider": "anthropic", "api_key": "a", "apiKey": "b"}
    assert refused(both) == ("config.apiKey", "is there twice: config.api_key is the same")


def test_a_target_alone() -> None:
    done = converted({"provider": "anthropic", "api_key": "k"})
    assert done.route == expected('target { provider: "anthropic" api_key: "k" }')
    assert not done.notes


def test_single() -> None:
    done = converted(strategy("single", target(), target("openai", "gpt-4o")))
    assert done.route == expected(f'target {{ provider: "anthropic" model: "{MODEL}" }}')
    assert noted(done, NoteKind.DROPPED) == ["config.targets[1]"]


def test_single_keeps_what_holds_for_all() -> None:
    config = strategy("single", target(retry={"attempts": 1})) | {"request_timeout": 250}
    route = converted(config).route
    assert route.timeouts.first_event.ToMilliseconds() == 250
    (inner,) = route.fallback.routes
    assert inner.retry.max_attempts == 2
    assert not inner.HasField("timeouts")


def test_nested() -> None:
    """A load balancer with its own fallback, as in Portkey's cookbook."""
    inner = strategy("fallback", target(), target("bedrock", "anthropic.claude-3-5-sonnet-20241022-v2:0"))
    done = converted(strategy("loadbalance", inner | {"weight": 2}, target("openai", "gpt-4o")))
    heavy, light = done.route.load_balance.routes
    assert heavy.weight == 2
    assert [each.target.provider for each in heavy.route.fallback.routes] == ["anthropic", "bedrock"]
    assert not light.HasField("weight")
    assert light.route.target.provider == "openai"


def test_conditional() -> None:
    config = strategy(
        "conditional",
        target(name="smart"),
        target("openai", "gpt-4o-mini", name="cheap"),
        conditions=[
            {"query": {"metadata.plan": "paid"}, "then": "smart"},
            {"query": {"params.model": "smartest"}, "then": "smart"},
        ],
        default="cheap",
    )
    done = converted(config)
    first, second = done.route.conditional.branches
    assert first.condition == '"plan" in metadata && metadata["plan"] == "paid"'
    assert first.route == second.route
    assert done.route.conditional.default_route.target.provider == "openai"
    assert not done.notes


def test_conditional_without_conditions_is_its_default() -> None:
    done = converted(strategy("conditional", target(name="a"), target(name="b"), default="a"))
    assert done.route.WhichOneof("strategy") == "target"
    assert noted(done, NoteKind.DROPPED) == ["config.targets[1]"]


def test_targets_that_no_condition_leads_to() -> None:
    targets = [target(name="a"), target(name="a"), target(), target(name="b")]
    done = converted(strategy("conditional", *targets, conditions=[{"query": {"params.stream": True}, "then": "a"}]))
    assert noted(done, NoteKind.DROPPED) == [f"config.targets[{number}]" for number in (1, 2, 3)]


def test_params_go_down_key_by_key() -> None:
    config = strategy("fallback", target(params={"temperature": 0.5}), {"provider": "openai"})
    config["override_params"] = {"model": "upper", "temperature": 0.1, "max_tokens": 7}
    lower, upper = converted(config).route.fallback.routes
    assert lower.target.model == MODEL
    assert (lower.overrides.generation.temperature, lower.overrides.generation.max_output_tokens) == (0.5, 7)
    assert upper.target.model == "upper"
    assert (upper.overrides.generation.temperature, upper.overrides.generation.max_output_tokens) == (0.1, 7)


def test_providers_do_not_go_down() -> None:
    config = strategy("fallback", target()) | {"provider": "openai", "api_key": "k", "whatever": 1}
    assert noted(converted(config), NoteKind.DROPPED) == ["config.provider", "config.api_key", "config.whatever"]


@pytest.mark.parametrize(
    ("part", "provider", "model"),
    [
        ({"provider": "@anthropic-prod"}, "anthropic-prod", ""),
        ({"virtual_key": "openai-key-1"}, "openai-key-1", ""),
        ({"override_params": {"model": "@openai-prod/gpt-4o"}}, "openai-prod", "gpt-4o"),
        ({"provider": "vertex-ai", "override_params": {"model": "anthropic.claude-x@1"}}, "vertex-ai", "claude-x@1"),
        ({"provider": "openrouter", "override_params": {"model": "a/b"}}, "openrouter", "a/b"),
        ({"provider": "azure-openai", "azure_deployment_id": "mine"}, "azure-openai", "mine"),
    ],
)
def test_what_names_the_provider_and_the_model(part: dict[str, Any], provider: str, model: str) -> None:
    found = converted(part).route.target
    assert (found.provider, found.model) == (provider, model)


def test_other_names_of_providers() -> None:
    config = strategy("fallback", target(), {"virtual_key": "vk-1"})
    done = portkey.convert(config, providers={"anthropic": "claude-eu", "vk-1": "gpt"})
    assert [each.target.provider for each in done.route.fallback.routes] == ["claude-eu", "gpt"]


def test_route_warns_of_what_is_dropped() -> None:
    config = target(cache={"mode": "simple"})
    with pytest.warns(portkey.PortkeyWarning, match=r"no counterpart: config\.cache") as caught:
        found = portkey.route(config)
    assert caught[0].filename == __file__
    assert found == converted(config).route
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        portkey.route(FALLBACK)


@pytest.mark.parametrize(
    "name",
    [
        "cache",
        "forward_headers",
        "strict_open_ai_compliance",
        "before_request_hooks",
        "after_request_hooks",
        "input_guardrails",
        "output_guardrails",
        "input_mutators",
        "on_status_codes",
        "id",
        "never_heard_of",
    ],
)
def test_what_has_no_counterpart_is_named_wherever_it_stands(name: str) -> None:
    config = strategy("fallback", target(**{name: [1]})) | {name: [1]}
    assert noted(converted(config), NoteKind.DROPPED) == [f"config.{name}", f"config.targets[0].{name}"]


@pytest.mark.parametrize(
    ("config", "path", "text"),
    [
        ("pc-abc-123", "config", "is the id of a config that Portkey keeps: export the config itself"),
        ("{", "config", "is not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"cache": [{"a": 1, "a": 2}]}', "config.cache[0]", 'has the member "a" twice'),
        ("[" * 100_000, "config", "is nested too deeply"),
        ("[]", "config", "expected an object, found a list"),
        ("null", "config", "expected an object, found nothing"),
        ({}, "config", "names no provider"),
        ({"retry": {"attempts": 1}}, "config", "names no provider"),
        ({"provider": ""}, "config.provider", "is empty"),
        ({"provider": 1}, "config.provider", "expected a text, found a number"),
        ({"provider": "x", "weight": float("nan")}, "config.weight", "is not a number that JSON has, or too large"),
        ({"provider": "\ud800"}, "config.provider", "holds half of a surrogate pair: that is not Unicode"),
        ({"provider": {1}}, "config.provider", "is not JSON: set"),
        ({"strategy": {"mode": "fallback"}}, "config.strategy", "has no targets beside it"),
        ({"targets": [target()]}, "config", "has targets but no strategy"),
        ({"strategy": {}, "targets": [target()]}, "config.strategy", "has no mode"),
        (
            strategy("roundrobin", target()),
            "config.strategy.mode",
            "expected one of single, fallback, loadbalance, conditional",
        ),
        (strategy("fallback"), "config.targets", "is empty: there is nothing to ask"),
        (strategy("fallback", {}), "config.targets[0]", "names no provider"),
        (strategy("fallback", 1), "config.targets[0]", "expected an object, found a number"),
        (
            strategy("fallback", target(), on_status_codes=[True]),
            "config.strategy.on_status_codes[0]",
            "expected a number, found true or false",
        ),
        (
            strategy("loadbalance", target(weight=0), target(weight=0)),
            "config.targets",
            "have all the weight 0: at least one must have more (in Portkey, such a call hangs)",
        ),
        (strategy("loadbalance", target(weight=-1)), "config.targets[0].weight", "expected a number from 0 to 1e+09"),
        (strategy("loadbalance", target(weight="1")), "config.targets[0].weight", "expected a number, found a text"),
        (strategy("conditional", target(name="a")), "config.strategy", "needs conditions"),
        (
            strategy("conditional", target(name="a"), default="b"),
            "config.strategy.default",
            "there is no target with the name 'b'",
        ),
        (
            strategy("conditional", target(name="a"), conditions=[{"then": "a"}]),
            "config.strategy.conditions[0]",
            "needs a query",
        ),
        (target(api_key="sk-\n"), "config.api_key", "has characters that no header may hold"),
        ({"override_params": {"model": "@/x"}}, "config.override_params.model", "expected @PROVIDER/MODEL"),
    ],
)
def test_what_cannot_be_a_route(config: Any, path: str, text: str) -> None:
    assert refused(config) == (path, text)


def test_too_deep() -> None:
    config = target()
    for _ in range(17):
        config = strategy("fallback", config)
    path, text = refused(config)
    assert path == "config" + ".targets[0]" * 17
    assert text == "is nested deeper than 16 levels"


def test_too_many_targets() -> None:
    """What is named twice at each level is there as often as its names multiply: no config may take all the memory."""
    config = target()
    for _ in range(14):
        condition = {"query": {"metadata.a": "b"}, "then": "a"}
        config = strategy("conditional", config | {"name": "a"}, conditions=[condition], default="a")
    _, text = refused(config)
    assert text == "leads to more than 1000 targets"
    assert refused(strategy("fallback", *[target()] * 1001))[1] == "leads to more than 1000 targets"
