"""JSON with something else in one of its places."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

json_values: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
    | st.sampled_from(["\ud800", "text", "tool_use", "text_delta", "fallback", "message_stop", "error", ""]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def mutated(draw: st.DrawFn, value: Any) -> Any:
    """The value with any other in one of its places, or without it, or with one place more."""
    holder: list[Any] = [json.loads(json.dumps(value))]
    inside: Any = holder
    key: Any = 0
    while isinstance(inside[key], dict | list) and inside[key] and draw(st.integers(0, 5)):
        inside = inside[key]
        key = draw(st.sampled_from(sorted(inside) if isinstance(inside, dict) else range(len(inside))))
    match draw(st.sampled_from(["change", "change", "drop", "add"])):
        case "drop" if inside is not holder:
            del inside[key]
        case "add" if isinstance(inside[key], dict):
            inside[key][draw(st.sampled_from(["x", "type", "index", "text", "\ud83d", "usage"]))] = draw(json_values)
        case _:
            inside[key] = draw(json_values)
    return holder[0]
