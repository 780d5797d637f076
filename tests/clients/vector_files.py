"""The vectors: what a server does, and what a client of any language makes of it. vectors/README.md explains them."""

import base64
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import grpc
from google.protobuf import json_format

from trunkline.v1 import StreamChatResponse

DIRECTORY = Path(__file__).parent / "vectors"
Json = dict[str, Any]


@dataclass(frozen=True)
class Status:
    """A status that is not OK, with its trailing metadata."""

    code: grpc.StatusCode
    message: str
    trailers: tuple[tuple[str, str | bytes], ...]


@dataclass(frozen=True)
class Vector:
    """What a server sends, and in `data` what is to come of it."""

    data: Json
    messages: tuple[StreamChatResponse, ...]
    status: Status | None


@cache
def streams() -> dict[str, Vector]:
    """Those of streamed calls, by name."""
    return _read("streams")


@cache
def errors() -> dict[str, Vector]:
    """Those of calls that fail before anything came, by name."""
    return _read("errors")


def _read(kind: str) -> dict[str, Vector]:
    return {path.stem: _vector(json.loads(path.read_text())) for path in sorted((DIRECTORY / kind).glob("*.json"))}


def _vector(data: Json) -> Vector:
    messages = [json_format.ParseDict(message, StreamChatResponse()) for message in data.get("messages", ())]
    messages += [StreamChatResponse.FromString(base64.b64decode(raw)) for raw in data.get("messages_base64", ())]
    return Vector(data, tuple(messages), _status(data["status"]) if data["status"] else None)


def _status(data: Json) -> Status:
    trailers = tuple(
        (key, base64.b64decode(value) if key.endswith("-bin") else value) for key, value in data["trailers"].items()
    )
    return Status(grpc.StatusCode[data["code"]], data["message"], trailers)
