"""Marks of what to cache: OpenAI's newer models take them on what they read; older ones cache by themselves only."""

from __future__ import annotations

import re

from trunkline.v1 import chat_input_pb2, message_pb2
from trunkline_service.providers.report import EncodeReport

MEMBER = "prompt_cache_breakpoint"

_TTLS = ("30m", "12h")
# Of all that a request writes; marks can say otherwise.
_USUAL_TTL = "30m"
# Within a text, its quotes would be escaped.
_LONG = re.compile(rb'"ttl"\s*:\s*"12h"')
_BY_ITSELF = "OpenAI caches by itself: openai.prompt_cache_key brings calls to the same cache"


def mark(part: object, kinds: frozenset[str], block: message_pb2.ContentBlock, path: str, report: EncodeReport) -> None:
    """Marks a part that stands for the end of a block at `path`, if that is marked. `kinds` are those that take marks;
    what cannot be marked is reported.
    """
    if not block.HasField("cache_control"):
        return
    path = f"{path}.cache_control"
    # A hint, which changes no answer.
    if not report.takes_cache_marks:
        report.dropped(path, "this model is not known to take marks of what to cache")
    elif not isinstance(part, dict) or part.get("type") not in kinds:
        report.dropped(path, "OpenAI takes no marks here")
    else:
        part[MEMBER] = {"mode": "explicit", **_ttl(block.cache_control, path, report)}


def whole_prompt(chat_input: chat_input_pb2.ChatInput, body: dict[str, object], report: EncodeReport) -> None:
    """Adds what `input.cache_control` asks for, which OpenAI does by itself; some models can be told to, as well."""
    if not chat_input.HasField("cache_control"):
        return
    if not report.takes_cache_marks:
        report.dropped("input.cache_control", _BY_ITSELF)
        return
    ttl = chat_input.cache_control.ttl
    body["prompt_cache_options"] = {"mode": "implicit", **({"ttl": ttl} if ttl == _USUAL_TTL else {})}
    if ttl not in ("", _USUAL_TTL):
        report.dropped("input.cache_control.ttl", f"{ttl!r} is not {_USUAL_TTL}, which is how long OpenAI keeps it")


def keeps_long(data: bytes) -> bool:
    """Whether a body asks for something to be kept for longer than usual, which costs more, and no usage tells."""
    return MEMBER.encode() in data and _LONG.search(data) is not None


def _ttl(control: message_pb2.CacheControl, path: str, report: EncodeReport) -> dict[str, str]:
    if control.ttl in ("", *_TTLS):
        return {"ttl": control.ttl} if control.ttl else {}
    report.dropped(f"{path}.ttl", f"{control.ttl!r} is none of OpenAI's: {', '.join(_TTLS)}")
    return {}
