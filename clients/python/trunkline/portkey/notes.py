"""What a conversion has to say: notes where it goes on, and an error where it cannot."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class NoteKind(StrEnum):
    """What a note is about."""

    DROPPED = "no counterpart"
    """It is in the config, and there is nothing like it here: the route goes without it."""
    DIFFERS = "differs"
    """It is there, and works in another way."""
    TO_DO = "to do"
    """It is there as soon as somebody does what the note says."""


class Note(NamedTuple):
    """One thing that whoever comes from Portkey has to know."""

    kind: NoteKind
    """What it is about."""
    path: str
    """Where it stands in the config: "config.targets[1].cache"."""
    text: str
    """What there is to know. Never holds a key."""

    def __str__(self) -> str:
        return f"{self.kind}: {self.path}: {self.text}"


class PortkeyError(ValueError):
    """A config cannot become a route."""

    def __init__(self, path: str, text: str) -> None:
        """Say where in the config, and why."""
        self.path = path
        """Where: "config.strategy.mode"."""
        self.text = text
        """Why."""
        super().__init__(f"{path}: {text}")


class PortkeyWarning(UserWarning):
    """A route goes without something that the config says."""
