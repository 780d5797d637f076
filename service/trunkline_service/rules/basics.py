"""The rules that requests of all services share. Each yields the violations it finds, under the path it is given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sized
from itertools import islice

from trunkline.v1 import route_pb2
from trunkline_service import json_text
from trunkline_service.errors import InvalidRequest, Violation

# In any list that has no limit of its own: tools, citations, stop sequences …
MAX_ITEMS = 10_000
# Of JSON that is merged member by member into what goes upstream.
MAX_MERGED_BYTES = 1024 * 1024
# Of such an object and of all those below it.
MAX_MEMBERS = 100_000
MAX_NAME = 1000
MAX_METADATA = 100
# More are not looked for: an answer has room for a few dozen.
MAX_VIOLATIONS = 1000

_POLICIES = frozenset(route_pb2.UnsupportedFieldPolicy.values())

KnowsProvider = Callable[[str], bool]
"""Whether a word is a provider of the configuration or a type of provider."""


def refuse(violations: Iterator[Violation]) -> None:
    """Raises `InvalidRequest` with the violations, or the first `MAX_VIOLATIONS`; does nothing if there is none."""
    found = list(islice(violations, MAX_VIOLATIONS))
    if found:
        raise InvalidRequest(found)


def destination(model: str, path: str, routing: route_pb2.RoutingOptions) -> Iterator[Violation]:
    """The request's model, at `path`, and its routing; `routes.py` has the rules for a route of the caller's own."""
    kind = routing.WhichOneof("destination")
    if not model and kind is None:
        yield Violation(path, "is required")
    if len(model) > MAX_NAME:
        yield Violation(path, f"is longer than {MAX_NAME} characters")
    if len(routing.affinity_key) > MAX_NAME:
        yield Violation("routing.affinity_key", f"is longer than {MAX_NAME} characters")
    if len(routing.coalescing_key) > MAX_NAME:
        yield Violation("routing.coalescing_key", f"is longer than {MAX_NAME} characters")
    if len(routing.metadata) > MAX_METADATA:
        yield Violation("routing.metadata", f"has more than {MAX_METADATA} entries")
    if routing.unsupported_fields not in _POLICIES:
        yield Violation("routing.unsupported_fields", "is not a policy that this gateway knows")


def provider_options(options: Mapping[str, str], path: str, knows_provider: KnowsProvider) -> Iterator[Violation]:
    """A map of JSON objects by provider."""
    yield from not_too_many(options, path)
    for key, text in islice(options.items(), MAX_ITEMS):
        place = f'{path}["{key[:100]}"]'
        if not knows_provider(key):
            yield Violation(place, "is neither a provider of this gateway's nor a kind of API")
        yield from merged_json(text, place)


def not_too_many(items: Sized, path: str) -> Iterator[Violation]:
    """A list or map."""
    if len(items) > MAX_ITEMS:
        yield Violation(path, f"has more than {MAX_ITEMS} entries")


def merged_json(text: str, path: str) -> Iterator[Violation]:
    """A JSON object whose members are merged with others."""
    if len(text) > MAX_MERGED_BYTES:
        yield Violation(path, f"is larger than {MAX_MERGED_BYTES} bytes")
    else:
        yield from valid_json(text, path, merged=True)


def required(value: str, path: str) -> Iterator[Violation]:
    """A text that must be there."""
    if not value:
        yield Violation(path, "is required")


def valid_json(text: str, path: str, *, must_be_object: bool = True, merged: bool = False) -> Iterator[Violation]:
    """JSON, by default an object; with `merged`, one that has no member twice, as merging keeps the last only."""
    try:
        data = json_text.check(text, must_be_object=must_be_object)
        if merged and json_text.outnumber(data, b":", MAX_MEMBERS):
            yield Violation(path, f"has more than {MAX_MEMBERS} members")
        elif merged and (name := json_text.repeated_member(data)) is not None:
            yield Violation(path, f"has the member {name!r} twice")
    except json_text.JsonTextError as error:
        yield Violation(path, str(error))


def is_header_value(value: str) -> bool:
    """Whether an HTTP header may hold the text."""
    return value.isascii() and (value.isprintable() or not value)
