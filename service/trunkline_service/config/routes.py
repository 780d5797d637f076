"""Routes in their JSON form, checked field by field so that every mistake has its own line."""

from collections.abc import Collection
from functools import partial
from typing import Any

from google.protobuf import json_format, message_factory
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from yaml.nodes import MappingNode, Node, ScalarNode

from trunkline.v1.route_pb2 import Route, Target
from trunkline_service.config.problems import unknown
from trunkline_service.config.tree import Entry, Tree


class Routes:
    """Reads routes whose targets may be any of `providers`."""

    def __init__(self, tree: Tree, providers: Collection[str]) -> None:
        """Use the tree's readers, and report to it."""
        self.tree = tree
        self.providers = providers

    def read(self, node: Node, path: str) -> Route | None:
        """Return the route, or None if there is something wrong with it."""
        before = len(self.tree.problems)
        self._message(Route.DESCRIPTOR, node, path)
        route = Route()
        if len(self.tree.problems) == before:
            self._parse(self.tree.plain(node, path), route, node, path)
        return route if len(self.tree.problems) == before else None

    def _message(self, kind: Descriptor, node: Node, path: str) -> None:
        if isinstance(node, MappingNode):
            self.tree.guarded(node, path, partial(self._members, kind, node, path))
        else:
            self.tree.expected("a mapping", node, path)

    def _members(self, kind: Descriptor, node: Node, path: str) -> None:
        fields = {name: field for field in kind.fields for name in (field.json_name, field.name)}
        present = {}
        for entry in self.tree.entries(node, path):
            field = fields.get(entry.name)
            if field is None:
                names = [field.name for field in kind.fields]
                self.tree.report(entry.key, entry.path, unknown("key", entry.name, names))
            else:
                present[field.name] = entry
                self._field(kind, field, entry)
        for oneof in kind.oneofs:
            given = [field.name for field in oneof.fields if field.name in present]
            if len(given) > 1:
                self.tree.report(node, path, f"has {' and '.join(given)}: choose one")
            elif not given and kind is Route.DESCRIPTOR:
                names = [repr(field.name) for field in oneof.fields]
                self.tree.report(node, path, f"needs {' or '.join(names)}")
        if kind is Target.DESCRIPTOR:
            self._target(present.get("provider"), node, path)

    def _field(self, kind: Descriptor, field: FieldDescriptor, entry: Entry) -> None:
        node, path = entry.value, entry.path
        if field.GetOptions().debug_redact:
            problem = "a key does not belong in this file: give the provider an api_key"
            self.tree.report(entry.key, path, problem)
            return
        message = message_factory.GetMessageClass(kind)()
        if field.message_type is None or field.message_type.file.package.startswith("google."):
            self._parse({entry.name: self.tree.plain(node, path)}, message, node, path)
        elif isinstance(getattr(message, field.name), Message):
            self._message(field.message_type, node, path)
        else:
            for item, place in self.tree.items(node, path):
                self._message(field.message_type, item, place)

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
