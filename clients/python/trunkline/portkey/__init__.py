"""Portkey's configs as routes: what a config says is converted, and what has no counterpart is named.

    from trunkline import Trunkline, portkey

    with Trunkline("gateway:50051") as client:
        print(client.chat("Hello", route=portkey.route(config)).text)

A config is the JSON that Portkey takes, as text or as a dict. `docs/portkey.md` has what becomes of what.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any, NamedTuple

from trunkline.portkey.destinations import Destinations, InRequests
from trunkline.portkey.notes import Note, NoteKind, PortkeyError, PortkeyWarning
from trunkline.portkey.providers import InConfiguration, Provider
from trunkline.portkey.reading import read
from trunkline.portkey.tree import Above, Builder
from trunkline.v1.route_pb2 import Route

__all__ = [
    "Conversion",
    "Note",
    "NoteKind",
    "PortkeyError",
    "PortkeyWarning",
    "Provider",
    "configuration",
    "convert",
    "route",
]


class Conversion(NamedTuple):
    """What has become of a config."""

    route: Route
    """The route."""
    notes: tuple[Note, ...]
    """What has no counterpart, what works in another way, and what is left to do, in the order of the config."""
    providers: tuple[Provider, ...] = ()
    """What the route needs in the gateway's configuration. Empty for a route that goes with a request."""


def route(config: str | Mapping[str, Any], *, providers: Mapping[str, str] | None = None) -> Route:
    """Return the route that a config stands for, to go with a request. Keys of the config go along.

    Warns of everything that has no counterpart: PortkeyWarning.

    Args:
        config: JSON, as text or as a dict.
        providers: The names of the gateway's providers by Portkey's, where they are not the same:
            {"anthropic": "claude-eu"}. Virtual keys, too.

    Raises:
        PortkeyError: The config cannot become a route; `path` says where.

    Example:
        client.chat("Hello", route=portkey.route({"provider": "anthropic", "retry": {"attempts": 3}}))
    """
    done = convert(config, providers=providers)
    for note in done.notes:
        if note.kind == NoteKind.DROPPED:
            warnings.warn(str(note), PortkeyWarning, stacklevel=2)
    return done.route


def convert(config: str | Mapping[str, Any], *, providers: Mapping[str, str] | None = None) -> Conversion:
    """Return the same as `route` with all notes, and warn of nothing.

    Example:
        for note in portkey.convert(config).notes:
            print(note)
    """
    return _conversion(config, InRequests(), providers)


def configuration(config: str | Mapping[str, Any], *, providers: Mapping[str, str] | None = None) -> Conversion:
    """Return the route that a config stands for, to stand in the gateway's configuration, and the providers it needs.

    No key is in it: `api_key` names an environment variable.

    Args:
        config: JSON, as text or as a dict.
        providers: What to call the providers, by Portkey's names; a virtual key that is called like a provider of
            Portkey's, or begins with its name, is one: {"vk-1": "openai"}.

    Raises:
        PortkeyError: The config cannot become a route.

    Example:
        portkey.configuration({"provider": "openai", "api_key": "sk-..."}).providers[0].settings["api_key"]
    """
    destinations = InConfiguration()
    return _conversion(config, destinations, providers)._replace(providers=destinations.providers)


def _conversion(
    config: str | Mapping[str, Any], destinations: Destinations, names: Mapping[str, str] | None
) -> Conversion:
    notes: list[Note] = []
    built = Builder(destinations, names or {}).build(read(config, notes), Above())
    # What is inherited is read for each target.
    return Conversion(built.route, tuple(dict.fromkeys(notes)))
