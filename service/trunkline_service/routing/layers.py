"""One message laid over another: how routes inherit policies and override requests. `route.proto` has the rule."""

from __future__ import annotations

from typing import Any, TypeVar

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)


def lay_over(base: M, patch: M) -> None:
    """Puts what `patch` sets into `base`.

    A field that is set replaces the one in `base`; messages are merged member by member, but for those of protobuf
    itself, which are single values (a duration); maps are merged key by key; a list replaces the whole list.
    """
    for field, value in patch.ListFields():
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            _put(getattr(base, field.name), value)
        elif field.is_repeated:
            base.ClearField(field.name)
            getattr(base, field.name).extend(value)
        elif field.message_type is None:
            setattr(base, field.name, value)
        elif field.message_type.file.package.startswith("google.protobuf"):
            getattr(base, field.name).CopyFrom(value)
        else:
            inner = getattr(base, field.name)
            # It may have nothing set, and be there all the same: the choice of a oneof.
            inner.SetInParent()
            lay_over(inner, value)


def inherited(upper: M, lower: M) -> M:
    """What holds below `upper` where `lower` says some of it otherwise."""
    merged = type(upper)()
    merged.CopyFrom(upper)
    lay_over(merged, lower)
    return merged


def _put(base: Any, patch: Any) -> None:
    for key, value in patch.items():
        if isinstance(value, Message):
            base[key].CopyFrom(value)
        else:
            base[key] = value
