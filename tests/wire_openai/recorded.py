"""Real exchanges with Chat Completions, where they lie beside the repository; tests over them are skipped where not."""

from __future__ import annotations

import base64
import json
from functools import cache

from wire.recordings import FOLDER, Recording

_PREFIX = "openai-chat_completions-"


@cache
def recordings() -> tuple[Recording, ...]:
    found = []
    for file in sorted(FOLDER.glob(f"{_PREFIX}*.json")):
        held = json.loads(file.read_text("utf-8"))
        found.append(
            Recording(
                name=file.stem.removeprefix(_PREFIX),
                request=held["request_json"],
                request_headers=held["request_headers"],
                status=held["status"],
                headers=held["response_headers"],
                body=base64.b64decode(held["response_body_b64"]),
                is_stream=held["is_sse"],
            )
        )
    return tuple(found)


def answers() -> list[Recording]:
    return [recording for recording in recordings() if recording.status == 200]


def streams() -> list[Recording]:
    return [recording for recording in answers() if recording.is_stream]
