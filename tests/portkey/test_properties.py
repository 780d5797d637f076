"""Of any JSON, the converter makes a route or an error with its path; and it drops nothing without a note."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

from google.protobuf import json_format
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from portkey.strategies import anything, configs
from trunkline import portkey
from trunkline.portkey.reading import Place
from trunkline.v1 import Route
from wire.bounded import bounded

thorough = settings(bounded(50), suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def tried(config: Any) -> portkey.Conversion | portkey.PortkeyError:
    try:
        return portkey.convert(config)
    except portkey.PortkeyError as error:
        return error


def paths(place: Place) -> Iterator[tuple[Place, tuple[str | int, ...]]]:
    """Every value that has none below it, with the keys that lead to it."""
    below = (
        place.value.items()
        if isinstance(place.value, dict)
        else enumerate(place.value if isinstance(place.value, list) else ())
    )
    found = False
    for key, value in below:
        found = True
        for inner, keys in paths(place.below(key, value)):
            yield inner, (key, *keys)
    if not found:
        yield place, ()


@thorough
@given(anything | configs() | configs(faulty=True))
def test_a_route_or_an_error_with_its_path(config: Any) -> None:
    done = tried(config)
    if isinstance(done, portkey.PortkeyError):
        assert done.path.startswith("config")
        assert done.text
        assert "SECRET" not in str(done)
    else:
        assert Route.FromString(done.route.SerializeToString()) == done.route
        assert done.route.WhichOneof("strategy")
        assert "SECRET" not in "".join(map(str, done.notes))


@thorough
@given(configs())
def test_text_is_the_same_as_a_dict(config: Any) -> None:
    done, of_text = tried(config), tried(json.dumps(config))
    if isinstance(done, portkey.PortkeyError):
        assert isinstance(of_text, portkey.PortkeyError)
    else:
        assert of_text == done


OTHERS: dict[type, list[Any]] = {
    str: ["other", "gpt-4o", "a", "b", "anthropic", "auto"],
    bool: [True, False],
    int: [7, 1, 0, 429],
    float: [0.25, 1.0, 0.0],
    type(None): ["other", 1],
    dict: [{"other": 1}, {"type": "function"}],
    list: [["other"], [429]],
}


@thorough
@given(configs(), st.data())
def test_nothing_is_dropped_without_a_note(config: Any, data: st.DataObject) -> None:
    """Whatever is changed in a config changes the route, is an error, or stands where a note is."""
    done = tried(config)
    assume(not isinstance(done, portkey.PortkeyError))
    assert isinstance(done, portkey.Conversion)
    place, keys = data.draw(st.sampled_from(list(paths(Place(config, "config", [])))))
    assume(keys and not _is_replaced(config, keys))
    noted = [note.path for note in done.notes]
    if any(place.path == path or place.path.startswith((f"{path}.", f"{path}[")) for path in noted):
        return
    for other in OTHERS[type(place.value)]:
        if other == place.value and type(other) is type(place.value):
            continue
        changed = copy.deepcopy(config)
        at = changed
        for key in keys[:-1]:
            at = at[key]
        at[keys[-1]] = other
        again = tried(changed)
        if isinstance(again, portkey.PortkeyError) or again != done:
            return
    raise AssertionError(f"{place.path} changes nothing in {json_format.MessageToDict(done.route)}")


def _is_replaced(config: Any, keys: tuple[str | int, ...]) -> bool:
    """Whether it is a parameter that the targets below have of their own: there it is replaced, as Portkey does."""
    if "override_params" not in keys:
        return False
    at = keys.index("override_params")
    for key in keys[:at]:
        config = config[key]
    name = keys[at + 1] if len(keys) > at + 1 else None
    targets = config.get("targets", [])
    return bool(targets) and any(name in json.dumps(each) or name is None for each in targets if isinstance(name, str))
