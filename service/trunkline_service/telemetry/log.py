"""Logs: JSON, one line a call. Never a prompt, a key, or text that somebody else wrote."""

from __future__ import annotations

import logging
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

service = logging.getLogger("trunkline.service")


class CallLog:
    """The lines of calls that have ended. There are many, so they go past `logging`, which takes longer than the rest.

    `write` gets each line, as JSON with its end; None if nobody wants them.
    """

    def __init__(self) -> None:
        self.write: Callable[[bytes], object] | None = None

    def add(self, facts: Mapping[str, object]) -> None:
        """A call has ended."""
        if self.write is not None:
            self.write(msgspec.json.encode(_line(datetime.now(UTC), "info", "trunkline.call", "call", facts)) + b"\n")


calls = CallLog()


class JsonFormatter(logging.Formatter):
    """A record as one line of JSON. Facts beside the message come in `extra={"facts": {...}}`.

    Of an exception it writes type and places, not the text: that may hold what a caller sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        created = datetime.fromtimestamp(record.created, UTC)
        facts = getattr(record, "facts", {})
        line = _line(created, record.levelname.lower(), record.name, record.getMessage(), facts)
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__qualname__
            frames = traceback.extract_tb(record.exc_info[2])
            line["trace"] = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
        return msgspec.json.encode(line).decode()


def _line(created: datetime, level: str, logger: str, message: str, facts: Mapping[str, object]) -> dict[str, Any]:
    now = created.isoformat(timespec="milliseconds")
    return {"time": now, "level": level, "logger": logger, "message": message, **facts}


def configure() -> None:
    """Sends the service's logs to standard error, and nobody else's below a warning."""
    # Nobody is told from where in the code a line was written, nor by which thread: neither is looked up.
    logging._srcfile = None
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    # It is None where the process was started without one.
    calls.write = None if sys.stderr is None else _to_standard_error
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("trunkline").setLevel(logging.INFO)


def _to_standard_error(line: bytes) -> None:
    output = sys.stderr.buffer
    try:
        output.write(line)
        output.flush()
    except (OSError, ValueError):
        # A log that cannot be written must not be the end of a call.
        pass
