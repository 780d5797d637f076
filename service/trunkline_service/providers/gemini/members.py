"""JSON on its way upstream."""

from __future__ import annotations

from typing import TypeAlias

import msgspec

from trunkline_service import json_text

Json: TypeAlias = dict[str, object]
Part: TypeAlias = Json | msgspec.Raw


def raw(text: str) -> msgspec.Raw:
    """JSON text, to be sent byte for byte."""
    return msgspec.Raw(text.encode())


def merge_fields(members: Json, provider_fields_json: str, path: str) -> None:
    """Adds the provider's own members, which the contract has no fields for; `path` is where they are from.

    Raises `InvalidRequest` as `json_text.merge` does.
    """
    if provider_fields_json:
        json_text.merge(members, json_text.parse_object(provider_fields_json.encode()), path)
