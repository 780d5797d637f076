"""JSON that stays text: what is taken, what is refused and where it says so, and that both take time in proportion."""

from __future__ import annotations

import json
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trunkline_service.json_text import (
    MAX_DEPTH,
    PIECE_BYTES,
    JsonTextError,
    check,
    dump,
    merge,
    outnumber,
    parse_list,
    parse_object,
)
from wire.bounded import bounded

TOKENS = [
    "{", "}", "[", "]", ",", ":", '"', '"a"', '"\\ud83d"', '"\\ude00"', '"\\ud83d\\ude00"', "\\", "\\u00", "e9", "1",
    "-0", "1.0", "01", "1e400", ".5", "+1", "NaN", "Infinity", "null", "true", "nul", " ", "\n", "\t", "\x0b", "\u2028",
    "\ufeff", "é", "\x00",
]  # fmt: skip


def reference(text: str) -> Any:
    """What the standard library makes of it, with the JSON that is none refused. Raises ValueError."""

    def refuse(value: str) -> None:
        raise ValueError(value)

    def names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        for name, _ in pairs:
            name.encode()
        return dict(pairs)

    return json.loads(text, parse_constant=refuse, object_pairs_hook=names)


def is_taken(text: str, *, must_be_object: bool) -> bool:
    try:
        data = check(text, must_be_object=must_be_object)
    except JsonTextError:
        return False
    assert data == text.encode().strip(b" \t\r\n")
    return True


@bounded(400)
@given(st.lists(st.sampled_from(TOKENS), max_size=12).map("".join))
def test_what_is_json_is_taken_and_nothing_else(text: str) -> None:
    try:
        value = reference(text)
    except ValueError:
        assert not is_taken(text, must_be_object=False)
        return
    assert is_taken(text, must_be_object=False)
    assert is_taken(text, must_be_object=True) == isinstance(value, dict)


REFUSED = {
    "": "is empty",
    " \n": "is empty",
    "{": "line 1 column 2 (char 1)",
    '{\n  "a": 1,\n  "b": }': "line 3 column 8 (char 19)",
    '{"a": "\\x"}': "char 7",
    '{"a": 1} x': "Extra data",
    '{"a": NaN}': "NaN is not a JSON value",
    '{"a": -Infinity}': "-Infinity is not a JSON value",
    "[1]": "must be a JSON object",
    '"a"': "must be a JSON object",
    '{"a": {"\\ud83d": 1}}': "half of a surrogate pair",
    "[" * (MAX_DEPTH + 1): "deeper than 128",
    '{"a":' * MAX_DEPTH + "[1]" + "}" * MAX_DEPTH: "deeper than 128",
    "[" * 200_000: "deeper than 128",
    "[" * 10_000_000: "more than 200000",
    "[" + "[]," * 200_000: "more than 200000",
}  # fmt: skip


@pytest.mark.parametrize(("text", "reason"), REFUSED.items(), ids=[repr(text[:20]) for text in REFUSED])
def test_what_is_refused_says_where(text: str, reason: str) -> None:
    with pytest.raises(JsonTextError) as caught:
        check(text)
    assert reason in str(caught.value)


TAKEN = [
    '{"a":' * (MAX_DEPTH - 1) + "{}" + "}" * (MAX_DEPTH - 1),
    '{"a":"' + "[" * 1000 + '"}',
    '{"a":"' + '\\"[' * 1000 + '"}',
    '{"' + "{" * 1000 + '":[' + "[]," * 1000 + "0]}",
    '{"half":"\\ud83d","n":' + "1" * 5000 + "}",
]


@pytest.mark.parametrize("text", TAKEN, ids=[text[:30] for text in TAKEN])
def test_what_is_taken(text: str) -> None:
    assert check(f" {text}\n") == text.encode()


# Texts that grow, and would take time by the square of their length, or room by many times it, if read carelessly.
SHAPES = {
    "a string of escaped quotes that never ends": ("[" * 129 + '"', '\\"', ""),
    "a long string beside many brackets": ('{"a":[' + "[]," * 200 + '"', "x", '"]}'),
    "brackets": ('{"a":[', "[],", "0]}"),
    "numbers": ('{"a":[' + "[]," * 200, "1,", "0]}"),
    "quotes": ("[" * 129, '"",', ""),
    "half pairs": ('{"a":"', "\\ud83d", '"}'),
    "backslashes": ("[" * 129 + '"', "\\\\", ""),
}


def seconds(text: str) -> float:
    best = float("inf")
    for _ in range(2):
        began = time.process_time()
        is_taken(text, must_be_object=True)
        best = min(best, time.process_time() - began)
    return best


@pytest.mark.parametrize(("head", "unit", "tail"), SHAPES.values(), ids=SHAPES)
def test_time_is_linear(head: str, unit: str, tail: str) -> None:
    small = seconds(head + unit * 50_000 + tail)
    large = seconds(head + unit * 200_000 + tail)
    assert large < 8 * small + 0.1


def signs_outside_of_strings(value: Any) -> int:
    """The brackets, commas and colons that the value has as JSON."""
    match value:
        case dict():
            return 2 * len(value) + (not value) + sum(map(signs_outside_of_strings, value.values()))
        case list():
            return len(value) + (not value) + sum(map(signs_outside_of_strings, value))
    return 0


tricky = st.text('"\\{[,:a', max_size=6)


@bounded(300)
@given(
    st.recursive(
        tricky | st.none(),
        lambda each: st.lists(each, max_size=4) | st.dictionaries(tricky, each, max_size=4),
    ),
    st.sampled_from([1, 2, 3, PIECE_BYTES]),
)
def test_signs_within_strings_do_not_count(value: Any, piece: int) -> None:
    count = signs_outside_of_strings(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("trunkline_service.json_text.PIECE_BYTES", piece)
        assert not outnumber(json.dumps(value).encode(), b"{[,:", count)
        assert not count or outnumber(json.dumps(value).encode(), b"{[,:", count - 1)


RAW = [
    '{"a":1.10,"b":[1e400 ,"x"],"c":{"d" : null}}',
    ' {\n"a" : "\\ud83d" , "b":[ 1.10 , {"c":"\\ud83d"}],"d":{}, "e":[]\t} ',
    '{"a":"\\ud83d","a":2,"n":-0}',
    '{"half":"\\ud83d","n":[' + "1" * 5000 + "]}",
    "{}",
]


@pytest.mark.parametrize("text", RAW, ids=[text[:30] for text in RAW])
def test_members_are_as_they_are_written(text: str) -> None:
    members = parse_object(text.encode())
    for name, value in members.items():
        assert f'"{name}"' in text
        assert bytes(value).decode() in text
        assert bytes(value) == bytes(value).strip()
    assert reference(dump(members).replace("1" * 5000, "1")) == reference(text.replace("1" * 5000, "1"))
    listed = parse_list(b"[%b, 1.10]" % text.encode())
    assert [bytes(value) for value in listed] == [text.encode().strip(), b"1.10"]


@pytest.mark.parametrize(
    "text", [b"", b"[1]", b"nul", b'{"a"', b'{"\\ud83d":1}', b'{"a":"\\ud83d",}', b'{"a":NaN}', b"{\xff}"]
)
def test_what_is_no_object_has_no_members(text: bytes) -> None:
    with pytest.raises(JsonTextError):
        parse_object(text)


@pytest.mark.parametrize("text", [b"", b"{}", b"[", b'["\\ud83d",]', b'[{"\\ud83d":1}]', b"[NaN]", b'["\\ud83d\xff"]'])
def test_what_is_no_list_has_no_values(text: bytes) -> None:
    with pytest.raises(JsonTextError):
        parse_list(text)


MERGES = [
    ({"a": 1}, '{"b":2}', {"a": 1, "b": 2}),
    ({"a": {"b": 1, "c": 2}}, '{"a":{"c":3,"d":null}}', {"a": {"b": 1, "c": 3, "d": None}}),
    ({"a": msgspec.Raw(b' {"b":1}')}, '{"a":{"c":3}}', {"a": {"b": 1, "c": 3}}),
    ({"a": {"b": 1}}, '{"a":[1]}', {"a": [1]}),
    ({"a": [1]}, '{"a":{"b":1}}', {"a": {"b": 1}}),
    ({"a": None}, '{"a":{"b":1}}', {"a": {"b": 1}}),
    ({"a": {"b": {"c": {}}}}, '{"a":{"b":{"c":{"d":1}}}}', {"a": {"b": {"c": {"d": 1}}}}),
]


@pytest.mark.parametrize(("below", "above", "expected"), MERGES)
def test_merging(below: dict[str, object], above: str, expected: Any) -> None:
    target = dict(below)
    merge(target, parse_object(above.encode()))
    assert json.loads(dump(target)) == expected
