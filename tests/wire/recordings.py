"""Real exchanges with providers' APIs, where they lie beside the repository; tests over them are skipped where not."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "recorded"


class Recording(NamedTuple):
    """One exchange."""

    name: str
    request: dict[str, Any]
    request_headers: Mapping[str, str]
    status: int
    headers: Mapping[str, str]
    body: bytes
    is_stream: bool


@cache
def recordings(api: str = "anthropic-messages") -> tuple[Recording, ...]:
    """Those of one API; their names go without it."""
    return tuple(_load(file, api) for file in sorted(FOLDER.glob(f"{api}-*.json")))


def answers() -> list[Recording]:
    return [recording for recording in recordings() if recording.status == 200]


def streams() -> list[Recording]:
    return [recording for recording in answers() if recording.is_stream]


def each(choose: Callable[[], list[Recording] | tuple[Recording, ...]]) -> pytest.MarkDecorator:
    """Runs a test with each of these as `recording`; without any, the test is skipped."""
    params = [pytest.param(recording, id=recording.name) for recording in choose()]
    missing = pytest.param(None, marks=pytest.mark.skip(reason=f"{FOLDER} is not there"))
    return pytest.mark.parametrize("recording", params or [missing])


def _load(file: Path, api: str) -> Recording:
    held = json.loads(file.read_text("utf-8"))
    return Recording(
        name=file.stem.removeprefix(f"{api}-"),
        request=held["request_json"],
        request_headers=held["request_headers"],
        status=held["status"],
        headers=held["response_headers"],
        body=base64.b64decode(held["response_body_b64"]),
        is_stream=held["is_sse"],
    )
