"""Conditions against an evaluator of queries that has nothing to do with CEL."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from portkey.converting import holds
from portkey.reference import matches
from trunkline.v1 import ChatInput
from wire.bounded import bounded

WORDS = ["a", "b", "ab", "a b", "", '"', "\\d", "1", "1.5", "-2", "true", "ü", "1e3", "1x"]
PATTERNS = ["a", "^a", "b$", "[0-9]+", "^$", "a|b", "\\d", ".", "a.b", "(a)(b)?", '"']
METADATA = ["plan", "n", "x-y"]
NUMBERS = [0, 1, -2, 1.5, 100, 1000.0]
words = st.sampled_from(WORDS)
numbers = st.sampled_from(NUMBERS)
scalars = words | numbers | st.booleans()
FIELDS = {"max_tokens": "max_output_tokens", "temperature": "temperature", "logprobs": "logprobs"}


def operators(right: st.SearchStrategy[Any], *, patterns: bool) -> st.SearchStrategy[dict[str, Any]]:
    known: dict[str, st.SearchStrategy[Any]] = {
        **dict.fromkeys(("$eq", "$ne"), right | st.none()),
        **dict.fromkeys(("$in", "$nin"), st.lists(right, max_size=3)),
        **dict.fromkeys(("$gt", "$gte", "$lt", "$lte"), numbers),
    }
    if patterns:
        known["$regex"] = st.sampled_from(PATTERNS)
    return st.fixed_dictionaries({}, optional=known).filter(bool)


def members(key: str, right: st.SearchStrategy[Any], *, patterns: bool) -> st.SearchStrategy[dict[str, Any]]:
    return st.builds(lambda value: {key: value}, right | operators(right, patterns=patterns))


comparisons = st.one_of(
    *(members(f"metadata.{name}", scalars, patterns=True) for name in METADATA),
    *(members(f"params.{name}", scalars, patterns=False) for name in (*FIELDS, "stream")),
    members("params.model", scalars, patterns=True),
    members("params.user", scalars, patterns=True),
)


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    both = st.fixed_dictionaries({}, optional={"$or": st.lists(inner, max_size=3), "$and": st.lists(inner, max_size=3)})
    return st.builds(lambda *parts: {key: value for part in parts for key, value in part.items()}, both, inner)


queries = st.recursive(
    st.lists(comparisons, max_size=3).map(lambda parts: {key: value for part in parts for key, value in part.items()}),
    combined,
    max_leaves=8,
)
params = st.fixed_dictionaries(
    {"stream": st.booleans()},
    optional={
        "model": words.filter(bool),
        "user": words.filter(bool),
        "max_tokens": st.sampled_from([0, 1, 100]),
        "temperature": st.sampled_from([0.0, 1.0, 1.5]),
        "logprobs": st.booleans(),
    },
)


@bounded(100)
@given(queries, st.dictionaries(st.sampled_from(METADATA), words), params)
def test_conditions_hold_when_queries_match(query: Any, metadata: dict[str, str], asked: dict[str, Any]) -> None:
    generation = {FIELDS[name]: value for name, value in asked.items() if name in FIELDS}
    chat = ChatInput(model=asked.get("model", ""), end_user_id=asked.get("user", ""))
    if generation:
        for name, value in generation.items():
            setattr(chat.generation, name, value)
    wanted = matches(query, {"metadata": metadata, "params": asked})
    assert holds(query, metadata=metadata, stream=asked["stream"], asked=chat) is wanted
