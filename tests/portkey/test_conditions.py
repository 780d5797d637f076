"""Queries as conditions: what they say in CEL, and that they hold when they should, as a CEL evaluator finds."""

from __future__ import annotations

from typing import Any

import cel
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portkey.converting import condition, converted, holds, noted, refused, strategy, target
from trunkline.portkey import NoteKind
from trunkline.portkey.cel import literal
from trunkline.v1 import ChatInput, Message

PATH = "config.strategy.conditions[0].query"
QUERY = "config.strategy.conditions[0].query"


def chat(**generation: Any) -> ChatInput:
    return ChatInput(model="gpt-4o", generation=generation)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, "true"),
        ({"metadata.plan": "paid"}, '"plan" in metadata && metadata["plan"] == "paid"'),
        ({"metadata.plan": {"$ne": "paid"}}, '!("plan" in metadata && metadata["plan"] == "paid")'),
        ({"metadata.plan": {"$in": ["a", "b"]}}, '"plan" in metadata && metadata["plan"] in ["a", "b"]'),
        ({"metadata.plan": {"$nin": ["a"]}}, '!("plan" in metadata && metadata["plan"] == "a")'),
        ({"metadata.a": {"$regex": "^b\\d"}}, '"a" in metadata && metadata["a"].matches("^b\\\\d")'),
        ({"params.stream": True}, "stream"),
        ({"params.stream": False}, "!stream"),
        ({"params.model": "gpt-4o"}, 'model != "" && model == "gpt-4o"'),
        (
            {"params.max_tokens": {"$gt": 1000, "$lte": 4000}},
            "has(input.generation) && has(input.generation.max_output_tokens)"
            " && input.generation.max_output_tokens > 1000.0 && input.generation.max_output_tokens <= 4000.0",
        ),
        (
            {"$or": [{"metadata.a": "b"}, {"params.stream": True}]},
            '"a" in metadata && metadata["a"] == "b" || stream',
        ),
        (
            {"$and": [{"$or": [{"params.stream": True}, {"metadata.a": "b"}]}, {"metadata.c": "d"}]},
            '(stream || "a" in metadata && metadata["a"] == "b") && "c" in metadata && metadata["c"] == "d"',
        ),
        ({"url.pathname": "/v1/chat/completions"}, '"/v1/chat/completions" == "/v1/chat/completions"'),
    ],
)
def test_what_queries_say(query: Any, text: str) -> None:
    assert condition(query) == text


@pytest.mark.parametrize(
    ("query", "metadata", "wanted"),
    [
        ({"metadata.plan": "paid"}, {"plan": "paid"}, True),
        ({"metadata.plan": "paid"}, {"plan": "free"}, False),
        ({"metadata.plan": "paid"}, {}, False),
        ({"metadata.plan": {"$eq": "paid"}}, {"plan": "paid"}, True),
        ({"metadata.plan": {"$ne": "paid"}}, {"plan": "free"}, True),
        ({"metadata.plan": {"$ne": "paid"}}, {}, True),
        ({"metadata.plan": {"$in": ["paid", "trial"]}}, {"plan": "trial"}, True),
        ({"metadata.plan": {"$in": []}}, {"plan": "trial"}, False),
        ({"metadata.plan": {"$nin": ["paid"]}}, {}, True),
        ({"metadata.plan": {"$nin": []}}, {"plan": "a"}, True),
        ({"metadata.age": {"$gte": 18}}, {"age": "18"}, True),
        ({"metadata.age": {"$gt": "17.5"}}, {"age": " 18"}, False),
        ({"metadata.age": {"$lt": 18}}, {"age": "1e1"}, True),
        ({"metadata.age": {"$lt": 18}}, {"age": "young"}, False),
        ({"metadata.age": {"$lt": 18}}, {}, False),
        ({"metadata.age": {"$gt": 1, "$lt": 5}}, {"age": "3"}, True),
        ({"metadata.age": {"$gt": 1, "$lt": 5}}, {"age": "7"}, False),
        ({"metadata.age": 18}, {"age": "18"}, True),
        ({"metadata.on": True}, {"on": "true"}, True),
        ({"metadata.a": None}, {}, False),
        ({"metadata.a": {"$ne": None}}, {"a": "b"}, True),
        ({"metadata.a": {"$regex": "b+c?"}}, {"a": "abbd"}, True),
        ({"metadata.a": {"$regex": "^b"}}, {"a": "ab"}, False),
        ({"metadata.a": {"$regex": "undef"}}, {}, False),
        ({"metadata.a": {"$regex": "\\/x\\-y"}}, {"a": "/x-y"}, True),
        ({"metadata.a": {"$regex": "[\\]x]"}}, {"a": "]"}, True),
        # What Portkey gets wrong: siblings count.
        ({"$or": [{"metadata.a": "1"}], "metadata.b": "2"}, {"a": "1", "b": "3"}, False),
        ({"$or": [{"metadata.a": "1"}], "metadata.b": "2"}, {"a": "1", "b": "2"}, True),
        ({"$and": [{"metadata.a": "1"}], "$or": [{"metadata.b": "2"}]}, {"a": "1", "b": "3"}, False),
        ({"metadata.a": {"$regex": "b", "$ne": "abc"}}, {"a": "abc"}, False),
        ({"metadata.a": {"$regex": "b", "$ne": "abc"}}, {"a": "abd"}, True),
        ({"$or": []}, {}, False),
        ({"$and": []}, {}, True),
        ({"$or": [{"metadata.age": {"$gt": 1}}, {"metadata.a": "b"}]}, {"age": "old", "a": "b"}, True),
        ({"url.pathname": {"$regex": "chat"}}, {}, True),
        ({"url.pathname": "/v1/embeddings"}, {}, False),
        ({"params.never_heard_of": "x"}, {}, False),
        ({"params.never_heard_of": {"$ne": "x"}}, {}, True),
    ],
)
def test_when_queries_hold(query: Any, metadata: dict[str, str], wanted: bool) -> None:
    assert holds(query, metadata=metadata) is wanted


@pytest.mark.parametrize(
    ("query", "asked", "wanted"),
    [
        ({"params.model": "gpt-4o"}, chat(), True),
        ({"params.model": {"$in": ["a", "gpt-4o"]}}, chat(), True),
        ({"params.model": {"$regex": "^gpt-"}}, chat(), True),
        ({"params.model": {"$regex": ".*"}}, ChatInput(), False),
        ({"params.model": {"$ne": "a"}}, ChatInput(), True),
        ({"params.max_tokens": {"$gt": 100}}, chat(max_output_tokens=101), True),
        ({"params.max_tokens": {"$gt": 100}}, chat(max_output_tokens=100), False),
        ({"params.max_tokens": {"$gt": 100}}, ChatInput(), False),
        ({"params.max_tokens": 100}, chat(max_output_tokens=100), True),
        ({"params.max_tokens": {"$ne": 100}}, ChatInput(), True),
        ({"params.max_tokens": "100"}, chat(max_output_tokens=100), False),
        ({"params.temperature": 0}, chat(temperature=0), True),
        ({"params.temperature": 0}, chat(), False),
        ({"params.temperature": {"$in": [0, 0.5, "x"]}}, chat(temperature=0.5), True),
        ({"params.logprobs": True}, chat(logprobs=True), True),
        ({"params.user": "u"}, ChatInput(end_user_id="u"), True),
        ({"params.user": "u"}, ChatInput(), False),
        ({"params.messages": {"$length": {"$gt": 1}}}, ChatInput(messages=[Message(), Message()]), True),
        ({"params.messages": {"$length": 1}}, ChatInput(messages=[Message(), Message()]), False),
        ({"params.tools": {"$length": {"$lt": 5}}}, ChatInput(), False),
    ],
)
def test_when_queries_about_parameters_hold(query: Any, asked: ChatInput, wanted: bool) -> None:
    assert holds(query, asked=asked) is wanted


@pytest.mark.parametrize("stream", [True, False])
def test_when_queries_about_streams_hold(stream: bool) -> None:
    assert holds({"params.stream": True}, stream=stream) is stream
    assert holds({"params.stream": {"$ne": True}}, stream=stream) is not stream


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ({"$or": [{"metadata.a": "1"}], "metadata.b": "2"}, f"{QUERY}.$or"),
        ({"metadata.a": {"$regex": "b", "$ne": "abc"}}, f'{QUERY}["metadata.a"].$regex'),
        ({"metadata.a": {"$regex": "b"}}, f'{QUERY}["metadata.a"].$regex'),
        ({"metadata.a": 1}, f'{QUERY}["metadata.a"]'),
        ({"metadata.a": {"$gt": 1}}, f'{QUERY}["metadata.a"].$gt'),
        ({"url.pathname": {"$ne": "/v1/messages"}}, f'{QUERY}["url.pathname"]'),
        ({"params.temperature": "hot"}, f'{QUERY}["params.temperature"]'),
        ({}, QUERY),
    ],
)
def test_what_differs_is_named(query: Any, path: str) -> None:
    config = strategy("conditional", target(name="a"), conditions=[{"query": query, "then": "a"}])
    assert path in noted(converted(config), NoteKind.DIFFERS)


def test_a_parameter_that_no_request_has_is_named() -> None:
    query = {"params.never_heard_of": "x"}
    config = strategy("conditional", target(name="a"), conditions=[{"query": query, "then": "a"}])
    assert noted(converted(config), NoteKind.DROPPED) == [f'{QUERY}["params.never_heard_of"]']


@pytest.mark.parametrize(
    ("query", "path", "text"),
    [
        ([], "", "expected an object, found a list"),
        ({"plan": "a"}, ".plan", "is not a path: expected metadata.NAME, params.NAME or url.pathname"),
        (
            {"metadata.a.b": "c"},
            '["metadata.a.b"]',
            "is not a path: expected metadata.NAME, params.NAME or url.pathname",
        ),
        ({"url.host": "c"}, '["url.host"]', "is not a path: url has only pathname"),
        ({"$nor": []}, ".$nor", "is not an operator between queries: expected $and or $or"),
        ({"$or": {}}, ".$or", "expected a list, found an object"),
        (
            {"metadata.a": {"$like": 1}},
            '["metadata.a"].$like',
            "is not an operator: expected one of $eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $regex, $length",
        ),
        ({"metadata.a": {"$in": "abc"}}, '["metadata.a"].$in', "expected a list, found a text"),
        ({"metadata.a": {"$eq": {}}}, '["metadata.a"].$eq', "expected a text, a number, true or false"),
        ({"metadata.a": {"$gt": "x"}}, '["metadata.a"].$gt', "expected a number, found a text"),
        ({"metadata.a": {"$regex": 1}}, '["metadata.a"].$regex', "expected a text, found a number"),
        (
            {"metadata.a": {"$regex": "^(?!b)"}},
            '["metadata.a"].$regex',
            "looks ahead or behind, which conditions cannot: write it without (?=, (?!, (?<= and (?<!",
        ),
        (
            {"metadata.a": {"$regex": "(a)\\1"}},
            '["metadata.a"].$regex',
            "has \\1, which means nothing in conditions, or something else",
        ),
        (
            {"metadata.a": {"$in": ["x" * 100] * 20 + ["y" * 1000]}},
            "",
            "is longer than 2000 characters as a condition: share it out among several",
        ),
    ],
)
def test_what_cannot_be_a_condition(query: Any, path: str, text: str) -> None:
    config = strategy("conditional", target(name="a"), conditions=[{"query": query, "then": "a"}])
    assert refused(config) == (PATH + path, text)


def test_patterns_may_look_as_if_they_looked_ahead() -> None:
    assert holds({"metadata.a": {"$regex": "[(?=]b\\(?!"}}, metadata={"a": "=b!"})


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.sampled_from(
    ['"', "\\", '\\"', '" || true || "', "\n\r\t\0", "\\u0041", "' or 1", "\x85\u2028\ufeff", "😀", "${a}", "\x7f"]
)


@given(texts)
@example('"]) || true || ("')
def test_no_text_can_end_its_literal(text: str) -> None:
    assert cel.evaluate(f"{literal(text)} == x", {"x": text}) is True
    assert literal(text).isprintable()


@given(texts, texts, texts)
def test_no_text_in_a_query_is_more_than_a_text(key: str, value: str, other: str) -> None:
    key = key.replace(".", "-") or "k"
    query = {f"metadata.{key}": value}
    assert holds(query, metadata={key: value}) is True
    assert holds(query, metadata={key: other}) is (value == other)
    assert holds(query, metadata={}) is False
