"""Configs for property tests: any JSON, and what looks like a config, with or without something wrong in it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

Strategy = st.SearchStrategy[Any]

scalars = (
    st.none()
    | st.booleans()
    | st.integers(-3, 600)
    | st.floats()
    | st.sampled_from([10**400, 2**63])
    | st.text(max_size=6)
    | st.sampled_from(["anthropic", "@openai/gpt-4o", "\ud800"])
)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)
WRONG = [None, True, -1, 0.5, 10**400, "", "odd", "\ud800", [], [1], {}, {"odd": {"a": [None]}}]
PROVIDERS = [
    "anthropic",
    "openai",
    "azure-openai",
    "azure-ai",
    "bedrock",
    "vertex-ai",
    "google",
    "groq",
    "ollama",
    "odd",
]

texts = st.sampled_from(["a", "b", "ü", 'x"y\\', "\n", "null", "1e3", "2020-01-01", "=", "&a *b {c}"])
tokens = st.sampled_from(["gpt-4o", "claude-sonnet-5", "@openai-prod/gpt-4o"])
codes = st.lists(st.sampled_from([200, 246, 400, 401, 408, 429, 446, 500, 503, 529]), max_size=3)
function = st.fixed_dictionaries(
    {"type": st.just("function"), "function": st.fixed_dictionaries({"name": st.sampled_from(["f", "g"])})}
)


def some(known: dict[str, Strategy]) -> Strategy:
    """Some of these members."""
    return st.fixed_dictionaries({}, optional=known)


@st.composite
def _seldom_wrong(draw: st.DrawFn, right: Strategy) -> Any:
    return draw(right if draw(st.integers(0, 20)) else st.sampled_from(WRONG))


def configs(*, faulty: bool = False) -> Strategy:
    """Configs as they may be; with `faulty`, about any part of one may be something else."""
    of: Of = _seldom_wrong if faulty else _right
    everywhere = _everywhere(of)
    return st.recursive(_leaves(of, everywhere), lambda inner: _strategies(of, everywhere, inner), max_leaves=5)


def _right(right: Strategy) -> Strategy:
    return right


Of = Callable[[Strategy], Strategy]


def _queries(of: Of) -> Strategy:
    comparison = texts | some(
        {
            "$eq": texts,
            "$ne": texts,
            "$in": st.lists(texts, max_size=2),
            "$gt": st.integers(0, 9),
            "$regex": st.just("^a"),
        }
    )
    paths = ["metadata.plan", "metadata.n", "params.model", "params.max_tokens", "url.pathname", "params.odd"]
    return st.dictionaries(st.sampled_from(paths), of(comparison), min_size=1, max_size=2)


def _params(of: Of) -> Strategy:
    return some(
        {
            "model": of(tokens),
            "max_tokens": of(st.integers(0, 9)),
            "temperature": of(st.sampled_from([0, 0.5, 1])),
            "stop": of(texts | st.lists(texts, max_size=2)),
            "user": of(texts),
            "tools": of(st.lists(function, max_size=2)),
            "tool_choice": of(st.sampled_from(["auto", "none", "required"])),
            "response_format": of(st.just({"type": "json_schema", "json_schema": {"schema": {"type": "object"}}})),
            "logit_bias": of(st.dictionaries(st.sampled_from(["1", "2"]), st.integers(-9, 9), max_size=2)),
            "metadata": of(st.dictionaries(st.sampled_from(["a", "b"]), texts, max_size=2)),
            "stream": st.booleans(),
            "modalities": texts | st.lists(texts, max_size=2),
        }
    )


def _everywhere(of: Of) -> dict[str, Strategy]:
    retry = {"attempts": of(st.integers(0, 12)), "on_status_codes": codes, "use_retry_after_header": st.booleans()}
    return {
        "override_params": of(_params(of)),
        "retry": of(some(retry)),
        "request_timeout": of(st.sampled_from([0, 1, 1500])),
        "cache": texts,
        "weight": of(st.sampled_from([0, 0.7, 2])),
        "name": of(st.sampled_from("abc")),
        "odd": texts | st.lists(texts, max_size=1),
    }


def _leaves(of: Of, everywhere: dict[str, Strategy]) -> Strategy:
    own: dict[str, Strategy] = {
        "api_key": of(st.sampled_from(["sk-SECRET-1", "sk-SECRET-2"])),
        "custom_host": st.just("https://llm.example.com/v1"),
        "aws_region": of(st.just("eu-west-1")),
        "aws_secret_access_key": st.just("SECRET"),
        "azure_resource_name": of(st.just("mine")),
        "vertex_project_id": of(st.just("p-1")),
        "openai_organization": of(st.just("org")),
        "anthropic_beta": of(st.just("b-1")),
    }
    named = st.fixed_dictionaries({"provider": of(st.sampled_from(PROVIDERS))})
    return st.builds(lambda first, more: first | more, named, some(everywhere | own))


def _strategies(of: Of, everywhere: dict[str, Strategy], inner: Strategy) -> Strategy:
    """Nodes whose targets are `inner`."""
    condition = st.fixed_dictionaries({"query": of(_queries(of)), "then": of(st.sampled_from("ab"))})
    in_order = st.fixed_dictionaries(
        {"mode": of(st.sampled_from(["fallback", "single", "loadbalance"]))}, optional={"on_status_codes": of(codes)}
    )
    conditional = st.fixed_dictionaries(
        {"mode": st.just("conditional"), "conditions": of(st.lists(condition, max_size=2)), "default": of(st.just("a"))}
    )
    named = st.tuples(inner, inner).map(lambda pair: [pair[0] | {"name": "a"}, pair[1] | {"name": "b"}])
    return st.builds(
        lambda strategy, targets, more: more | {"strategy": strategy, "targets": targets},
        in_order | conditional,
        named,
        some(everywhere),
    )
