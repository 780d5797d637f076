"""The record of everything the simulator received."""

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

import msgspec

from trunkline_service.simulator.sse import Json

_MOST_CALLS = 10_000
# Bodies of tens of megabytes are legal; a load run with them must not eat the machine's memory.
MOST_BYTES = 64 * 1024 * 1024

CREDENTIALS = ("authorization", "x-api-key", "api-key", "x-goog-api-key", "x-amz-security-token")


@dataclass(slots=True)
class ReceivedCall:
    """One received request and what became of it.

    `started`, `first_byte`, `finished` and `hung_up_at` are `time.monotonic()` readings, comparable between
    processes of one host; `started_unix` is the wall clock. `outcome` stays "running" if the simulator is
    stopped first. "answered" covers whatever the simulator meant to do, cutting the connection included;
    "hung_up" means that the caller closed the connection before that.
    """

    number: int
    method: str
    path: str
    headers: dict[str, str]
    auth_scheme: str | None
    started: float
    started_unix: float
    body: bytes = b""
    model: str | None = None
    status: int | None = None
    first_byte: float | None = None
    finished: float | None = None
    outcome: Literal["running", "answered", "hung_up"] = "running"
    hung_up_at: float | None = None
    hung_up_after: float | None = None
    frames_sent: int = 0

    @property
    def json(self) -> Any:
        """The body, if it is JSON; None if not. Taken apart each time: it would take many times the room."""
        try:
            return msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None

    def sent(self) -> None:
        """Note that something was written; the first time is the time of the first byte."""
        if self.first_byte is None:
            self.first_byte = time.monotonic()

    def answered(self) -> None:
        """Note that the simulator did all it meant to do; what follows on the connection is of no account."""
        if self.outcome == "running":
            self.outcome = "answered"
            self.finished = time.monotonic()

    def hung_up(self) -> None:
        """Note that the caller closed the connection."""
        if self.outcome == "running":
            self.outcome = "hung_up"
            self.finished = self.hung_up_at = time.monotonic()
            self.hung_up_after = self.hung_up_at - self.started

    def to_json(self) -> Json:
        """Give the call as `GET /_simulator/calls` shows it; the body only where it is not JSON."""
        shown = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "body"}
        shown["body_bytes"] = len(self.body)
        shown["json"] = self.json
        shown["body"] = self.body.decode(errors="replace") if shown["json"] is None else None
        return shown


@dataclass(slots=True)
class CallLog:
    """The last calls, oldest first, bounded in number and in bytes."""

    calls: list[ReceivedCall] = field(default_factory=list)
    _last_number: int = 0
    _bytes: int = 0

    def open(self, method: str, path: str, headers: Mapping[str, str]) -> ReceivedCall:
        """Record a request whose headers have arrived."""
        self._last_number += 1
        shown, scheme = _redacted(headers)
        number, now, unix = self._last_number, time.monotonic(), time.time()
        call = ReceivedCall(number, method, path, shown, scheme, now, unix)
        self.calls.append(call)
        self._trim()
        return call

    def read(self, call: ReceivedCall, body: bytes) -> None:
        """Add a call's body, once it has arrived."""
        call.body = body
        self._bytes += len(body)
        self._trim()

    def after(self, number: int) -> Iterator[ReceivedCall]:
        """Give the calls that came after the one with that number."""
        return (call for call in self.calls if call.number > number)

    def clear(self) -> None:
        """Forget all calls; numbers go on."""
        self.calls.clear()
        self._bytes = 0

    def _trim(self) -> None:
        while len(self.calls) > _MOST_CALLS or (self._bytes > MOST_BYTES and len(self.calls) > 1):
            self._bytes -= len(self.calls.pop(0).body)


def _redacted(headers: Mapping[str, str]) -> tuple[dict[str, str], str | None]:
    shown = {name.lower(): value for name, value in headers.items()}
    schemes = []
    for name in CREDENTIALS:
        if name in shown:
            scheme, _, secret = shown[name].rpartition(" ")
            schemes.append(scheme.lower() or name)
            # The end of a key tells keys apart; of a short one it would be most of it.
            tail = secret[-4:] if len(secret) > 8 else ""
            shown[name] = f"{scheme} ***{tail}".lstrip()
    return shown, "+".join(schemes) or None
