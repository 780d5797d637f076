"""Routes in their JSON form, checked field by field so that every mistake has its own line.

YAML may say some things shorter than JSON does: a duration as everywhere in the file (`250ms`, `5m`), and the value of
an enum without its prefix, in small letters (`cache_affinity`).
"""

from collections.abc import Collection, Mapping
from functools import partial
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from trunkline.v1.route_pb2 import Route, Target
from trunkline_service.config.kinds import KINDS
from trunkline_service.config.problems import unknown
from trunkline_service.config.tree import Entry, Tree
from trunkline_service.config.units import Duration
from trunkline_service.rules.routes import RouteRules

_DURATION = "google.protobuf.Duration"
_ZERO = Duration(zero=True)


class Routes:
    """Reads routes whose targets may be any of `providers`."""

    def __init__(self, tree: Tree, providers: Collection[str]) -> None:
        """Use the tree's readers, and report to it."""
        self.tree = tree
        self.providers = providers
        # Where each part of a route stands, by its path in proto names.
        self._places: dict[str, tuple[Node, str]] = {}

    def read(self, entries: Collection[Entry]) -> dict[str, Route]:
        """Return those that have nothing wrong with them."""
        routes = {}
        for entry in entries:
            before = len(self.tree.problems)
            plain = self._message(Route.DESCRIPTOR, entry.value, entry.path, entry.path)
            route = Route()
            if len(self.tree.problems) == before:
                self._parse(plain, route, entry.value, entry.path)
            if len(self.tree.problems) == before:
                routes[entry.name] = route
        return self._sound(routes, {entry.name: entry for entry in entries})

    def _sound(self, routes: Mapping[str, Route], entries: Mapping[str, Entry]) -> dict[str, Route]:
        """Report what is wrong with routes whose parts are right by themselves."""
        # A name that stands for a route with mistakes is known all the same.
        known = {name: routes.get(name, Route()) for name in entries}
        rules = RouteRules(known, lambda name: name in self.providers or name in KINDS, own=True)
        sound = {}
        for name, route in routes.items():
            before = len(self.tree.problems)
            for violation in rules.violations(route, entries[name].path, name):
                node, path = self._place(violation.field, entries[name])
                self.tree.report(node, path, violation.description)
            if len(self.tree.problems) == before:
                sound[name] = route
        return sound

    def _place(self, path: str, entry: Entry) -> tuple[Node, str]:
        """Where the field at `path` stands, or what is above it if it is not there."""
        while path not in self._places and path != entry.path:
            path = path[: max(path.rfind("."), path.rfind("["))]
        return self._places.get(path, (entry.value, entry.path))

    def _message(self, kind: Descriptor, node: Node, path: str, place: str) -> Any:
        """Return the message in its JSON form. `place` is its path in proto names."""
        self._places[place] = node, path
        if isinstance(node, MappingNode):
            return self.tree.guarded(node, path, partial(self._members, kind, node, path, place))
        self.tree.expected("a mapping", node, path)
        return None

    def _members(self, kind: Descriptor, node: Node, path: str, place: str) -> dict[str, Any]:
        fields = {name: field for field in kind.fields for name in (field.json_name, field.name)}
        present: dict[str, Entry] = {}
        values = {}
        for entry in self.tree.entries(node, path):
            field = fields.get(entry.name)
            if field is None:
                names = [field.name for field in kind.fields]
                self.tree.report(entry.key, entry.path, unknown("key", entry.name, names))
            else:
                present[field.name] = entry
                values[field.name] = self._field(kind, field, entry, f"{place}.{field.name}")
        for oneof in kind.oneofs:
            given = [field.name for field in oneof.fields if field.name in present]
            if len(given) > 1:
                self.tree.report(node, path, f"has {' and '.join(given)}: choose one")
            elif not given and kind is Route.DESCRIPTOR:
                names = [repr(field.name) for field in oneof.fields]
                self.tree.report(node, path, f"needs {' or '.join(names)}")
        if kind is Target.DESCRIPTOR:
            self._target(present.get("provider"), node, path)
        return values

    def _field(self, kind: Descriptor, field: FieldDescriptor, entry: Entry, place: str) -> Any:
        node, path = entry.value, entry.path
        self._places[place] = node, path
        if field.GetOptions().debug_redact:
            problem = "a key does not belong in this file: give the provider an api_key"
            self.tree.report(entry.key, path, problem)
            return None
        message = field.message_type
        if message is not None and message.full_name == _DURATION:
            seconds = self.tree.quantity(node, path, _ZERO.parse)
            return None if seconds is None else f"{seconds:.9f}s"
        if message is None or message.GetOptions().map_entry or message.file.package.startswith("google."):
            value = self.tree.plain(node, path)
            before = len(self.tree.problems)
            if field.enum_type is not None:
                value = self._full(field.enum_type, value, node, path)
                if len(self.tree.problems) > before:
                    return None
            self._parse({entry.name: value}, message_factory.GetMessageClass(kind)(), node, path)
            self._places_of_items(node, path, place)
            return value if len(self.tree.problems) == before else None
        if not field.is_repeated:
            return self._message(message, node, path, place)
        return [
            self._message(message, item, where, f"{place}[{number}]")
            for number, (item, where) in enumerate(self.tree.items(node, path))
        ]

    def _full(self, kind: EnumDescriptor, value: Any, node: Node, path: str) -> Any:
        """Return the full name of an enum's value that is written without the prefix that all of them have."""
        if isinstance(value, list) and isinstance(node, SequenceNode):
            pairs = enumerate(zip(value, node.value, strict=True))
            return [self._full(kind, each, item, f"{path}[{number}]") for number, (each, item) in pairs]
        prefix = kind.values[0].name.removesuffix("UNSPECIFIED")
        if not isinstance(value, str) or value in kind.values_by_name:
            return value
        if (full := prefix + value.upper()) in kind.values_by_name:
            return full
        names = [each.name.removeprefix(prefix).lower() for each in kind.values[1:]]
        self.tree.report(node, path, unknown("value", value, names))
        return None

    def _places_of_items(self, node: Node, path: str, place: str) -> None:
        for number, item in enumerate(node.value if isinstance(node, SequenceNode) else ()):
            self._places[f"{place}[{number}]"] = item, f"{path}[{number}]"

    def _target(self, provider: Entry | None, node: Node, path: str) -> None:
        if provider is None:
            self.tree.report(node, path, "needs 'provider'")
        elif isinstance(provider.value, ScalarNode) and provider.value.value not in self.providers:
            problem = unknown("provider", provider.value.value, self.providers)
            self.tree.report(provider.value, provider.path, problem)

    def _parse(self, plain: Any, message: Message, node: Node, path: str) -> None:
        try:
            json_format.ParseDict(plain or {}, message)
        except (json_format.ParseError, TypeError, ValueError) as error:
            # Its first line says what was expected; the others repeat the descriptor.
            self.tree.report(node, path, str(error).splitlines()[0])
