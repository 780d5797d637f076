"""Calls whose fragments do not say clearly whose they are, and what comes between them."""

from __future__ import annotations

import re
import time

import pytest

from wire_openai.decoding import FIRST, Json, Played, answer, calls, chunk, grammar, piece, play, sse, text, whole

TWO = [("x", '{"a":1}'), ("y", '{"b":2}')]
SAME = [("x", '{"a":1}'), ("x", '{"a":2}')]


def said(played: Played) -> list[tuple[str, str]]:
    """The blocks of an answer: the name of a call, or what kind of block it is, and its text."""
    assert played.succeeded, played.failure
    grammar(played.kinds)
    result = []
    for block in played.response.message.content:
        use = block.tool_use
        kind = block.WhichOneof("kind") or ""
        words = use.input_text if use.HasField("input_text") else use.input_json
        result.append((use.name, words) if use.name else (kind, getattr(block, kind).text))
    return result


UNCLEAR: dict[str, tuple[list[Json], list[tuple[str, str]]]] = {
    "no index and no id, in one chunk": ([calls(*(piece(None, each, name=name) for name, each in TWO))], TWO),
    "no index and no id, in two chunks": ([calls(piece(None, each, name=name)) for name, each in TWO], TWO),
    "no index and no id, in fragments": (
        [
            calls(piece(None, "", name="x")), calls(piece(None, '{"a"')), calls(piece(None, ":1}")),
            calls(piece(None, "", name="y")), calls(piece(None, '{"b"')), calls(piece(None, ":2}")),
        ],
        TWO,
    ),
    "no index and no id, the same name": ([calls(piece(None, each, name=name)) for name, each in SAME], SAME),
    "index 0 and no ids": ([calls(piece(0, each, name=name)) for name, each in TWO], TWO),
    "index 0 and no ids, the same name": ([calls(piece(0, each, name=name)) for name, each in SAME], SAME),
    "index 0 and an id for the first": (
        [calls(piece(0, '{"a":1}', name="x", id="c")), calls(piece(0, '{"b":2}', name="y"))], TWO
    ),
    "index 0 and an id for the first, the same name": (
        [calls(piece(0, '{"a":1}', name="x", id="c")), calls(piece(0, '{"a":2}', name="x"))], SAME
    ),
    "index 0 and another name without arguments before": (
        [calls(piece(0, "", name="x")), calls(piece(0, '{"b":2}', name="y"))], [("x", ""), TWO[1]]
    ),
    "a name with every fragment": (
        [calls(piece(None, each, name="x")) for each in ('{"a"', ":", "1}")], TWO[:1]
    ),
    "a name and an id with every fragment": (
        [calls(piece(0, each, name="x", id="c")) for each in ('{"a"', ":1}", "", " ")], [("x", '{"a":1} ')]
    ),
    "a name with the last fragment, which says nothing": (
        [calls(piece(0, '{"a":1}', name="x", id="c")), calls(piece(0, "", name="x"))], TWO[:1]
    ),
}  # fmt: skip


@pytest.mark.parametrize(("chunks", "expected"), UNCLEAR.values(), ids=UNCLEAR)
def test_two_calls_are_two_and_one_is_one(chunks: list[Json], expected: list[tuple[str, str]]) -> None:
    played = play(answer(*chunks, finish_reason="tool_calls"))
    assert said(played) == expected
    ids = [block.tool_use.id for block in played.response.message.content]
    assert len(set(ids)) == len(ids)


OPEN = calls(piece(0, '{"a"', name="x", id="c"))
REST = calls(piece(0, ":1}"))
CUSTOM = [
    calls({"index": 0, "id": "c", "type": "custom", "custom": {"name": "sql", "input": "select "}}),
    calls({"index": 0, "custom": {"input": "1;"}}),
]
BETWEEN: dict[str, tuple[list[Json], list[tuple[str, str]]]] = {
    "text": ([OPEN, *text("T", "t"), REST], [TWO[0], ("text", "Tt")]),
    "text, and more behind": ([OPEN, *text("T"), REST, *text("t")], [TWO[0], ("text", "Tt")]),
    "reasoning and text": (
        [OPEN, chunk({"reasoning": "Hm"}), *text("T"), REST], [TWO[0], ("thinking", "Hm"), ("text", "T")]
    ),
    "text after a call without arguments": (
        [calls(piece(0, "", name="x", id="c")), *text("T")], [("x", ""), ("text", "T")]
    ),
    "text before late arguments": (
        [calls(piece(0, "", name="x", id="c")), *text("T"), calls(piece(0, '{"a":1}'))], [TWO[0], ("text", "T")]
    ),
    "text within a custom call": (
        [CUSTOM[0], *text("T"), CUSTOM[1]], [("sql", "select 1;"), ("text", "T")]
    ),
    "text and another call": (
        [OPEN, *text("T"), calls(piece(1, '{"b":2}', name="y", id="d")), REST],
        [TWO[0], ("text", "T"), TWO[1]],
    ),
    "text within two custom calls": (
        [*CUSTOM, *text("T"), calls(piece(1, '{"b":2}', name="y", id="d"))],
        [("sql", "select 1;"), ("text", "T"), TWO[1]],
    ),
    "text within arguments that never end": ([OPEN, *text("T")], [("x", '{"a"'), ("text", "T")]),
}  # fmt: skip


@pytest.mark.parametrize(("chunks", "expected"), BETWEEN.values(), ids=BETWEEN)
def test_what_comes_within_a_call_waits_for_its_end(chunks: list[Json], expected: list[tuple[str, str]]) -> None:
    body = answer(*chunks, finish_reason="tool_calls")
    assert said(play(body)) == expected
    assert play(*(body[at : at + 7] for at in range(0, len(body), 7))).response == play(body).response


def test_citations_within_a_call_wait_too() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "https://e.org", "title": "E"}}
    played = play(answer(OPEN, *text("T"), chunk({"annotations": [cited]}), REST, *text("t")))
    assert said(played) == [TWO[0], ("text", "Tt")]
    assert played.response.message.content[1].text.citations[0].web_location.url == "https://e.org"


def test_text_behind_a_whole_call_does_not_wait() -> None:
    played = play(sse(FIRST, OPEN, REST, *text("T")))
    assert played.events[-1].block_delta.text == "T"


def ids(chunks: list[Json], **members: object) -> list[str]:
    told = [each | members for each in chunks]
    return [
        block.tool_use.id for block in play(sse(FIRST | members, *told, chunk({}, "stop"))).response.message.content
    ]


def test_ids_that_the_gateway_makes_up_differ_in_every_answer() -> None:
    chunks = [calls(piece(0, "{}", name="a"), piece(1, "{}", name="b"), piece(2, "{}", name="b"))]
    found = ids(chunks)
    assert all(re.fullmatch(r"call_[0-9a-f]{16}_[0-9]", each) for each in found)
    others = [ids(chunks, id="chatcmpl-2"), ids(chunks, id="", created=1), ids(chunks, id="", created=2)]
    assert len({each for group in (found, *others) for each in group}) == 12


def test_ids_that_the_gateway_makes_up_stay_the_same_however_the_answer_comes() -> None:
    told = [{"type": "function", "function": {"name": name, "arguments": "{}"}} for name in "ab"]
    at_once = [block.tool_use.id for block in whole({"content": None, "tool_calls": told}).message.content]
    slow = [calls(piece(0, "", name="a")), calls(piece(0, "{")), calls(piece(0, "}")), calls(piece(1, "{}", name="b"))]
    assert ids(slow) == at_once == ids([calls(*({"index": at} | each for at, each in enumerate(told)))])


def test_thousands_of_calls_take_no_time() -> None:
    """In proportion to their number, that is: by its square, it would be ten seconds."""
    body = sse(FIRST, calls(*(piece(number, "{}", name="x") for number in range(15_000))))
    began = time.process_time()
    play(body)
    assert time.process_time() - began < 4
