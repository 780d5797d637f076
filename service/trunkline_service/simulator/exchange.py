"""One exchange with a caller: everything a behaviour can do to the connection."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Never

from aiohttp import web

from trunkline_service.simulator import errors
from trunkline_service.simulator.answers import Answer, Asked, new_id
from trunkline_service.simulator.calls import ReceivedCall
from trunkline_service.simulator.sse import Json, encode, is_delta

_JSON = "application/json"
_EVENTS = "text/event-stream; charset=utf-8"
# Between so many events the loop gets a turn, so that a flat-out stream does not hold up the others.
_TURN = 32
_RESET = struct.pack("ii", 1, 0)
_LIMITS = {"requests": 4000, "tokens": 480_000, "input-tokens": 400_000, "output-tokens": 80_000}


def headers(status: int = 200) -> dict[str, str]:
    """Make the headers that upstream sets on every answer of its own."""
    reset = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    found = {"request-id": new_id("req"), "anthropic-organization-id": "5d1f6c0e-8a44-4d6b-9f0a-2b7c61d0e9a3"}
    if status >= 400:
        found["x-should-retry"] = str(status in (408, 409, 429) or status >= 500).lower()
    for name, limit in _LIMITS.items():
        found[f"anthropic-ratelimit-{name}-limit"] = str(limit)
        found[f"anthropic-ratelimit-{name}-remaining"] = str(limit - 1 if name == "requests" else limit)
        found[f"anthropic-ratelimit-{name}-reset"] = reset
    return found


class Exchange:
    """A request and the means to answer it, well or badly.

    Every method ends early by cancellation when the caller hangs up.
    """

    def __init__(self, request: web.Request, call: ReceivedCall, asked: Asked) -> None:
        """Take the request, the record to keep of it, and what it asks for."""
        self.asked = asked
        self._request = request
        self._call = call
        self._response: web.StreamResponse | None = None

    async def respond(
        self, status: int, body: bytes, content_type: str = _JSON, extra: Mapping[str, str] | None = None
    ) -> None:
        """Answer at once and whole, with upstream's headers."""
        await self.respond_bare(status, body, content_type, {**headers(status), **(extra or {})})

    async def respond_bare(
        self, status: int, body: bytes, content_type: str, extra: Mapping[str, str] | None = None
    ) -> None:
        """Answer at once and whole, with only the given headers, as something in front of upstream would."""
        response = web.Response(status=status, body=body, headers={**(extra or {}), "content-type": content_type})
        self._response = response
        self._call.status = status
        self._call.sent()
        await response.prepare(self._request)
        await response.write_eof()

    async def fail(
        self,
        status: int,
        message: str | None = None,
        details: Json | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with an error in upstream's form."""
        found = {**headers(status), **(extra or {})}
        body = {**errors.body(errors.type_of(status), message, details), "request_id": found["request-id"]}
        await self.respond_bare(status, encode(body), _JSON, found)

    async def answer(self, answer: Answer) -> None:
        """Send an answer in the way the request asks for."""
        asked = self.asked
        if asked.stream:
            await self.play(answer.frames(asked))
            return
        # A whole answer takes as long as its tokens.
        if asked.gap:
            await asyncio.sleep(asked.gap * max(0, answer.delta_count - 1))
        await self.respond(200, encode(answer.message(asked)))

    async def start(self, content_type: str = _EVENTS, status: int = 200) -> None:
        """Send status and headers of a body that is written in pieces."""
        extra = {**headers(), "content-type": content_type, "cache-control": "no-cache"}
        response = web.StreamResponse(status=status, headers=extra)
        response.enable_chunked_encoding()
        self._response = response
        self._call.status = status
        self._call.sent()
        await response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        """Write one event, or part of a body, as one chunk of its own; starts the response if need be."""
        if self._response is None:
            await self.start()
        if self._response is not None:
            await self._response.write(data)
            self._call.frames_sent += 1

    async def play(self, frames: Iterable[bytes]) -> None:
        """Write events, with the asked gap before each delta but the first."""
        if self.asked.gap:
            await self._play_paced(frames)
            return
        for position, data in enumerate(frames, 1):
            await self.write(data)
            if position % _TURN == 0:
                await asyncio.sleep(0)

    async def _play_paced(self, frames: Iterable[bytes]) -> None:
        loop = asyncio.get_running_loop()
        due: float | None = None
        for data in frames:
            if is_delta(data):
                # Each delta has its own due time, so that the pace does not drift by what writing takes.
                now = loop.time()
                due = now if due is None else max(due + self.asked.gap, now)
                if due > now:
                    await asyncio.sleep(due - now)
            await self.write(data)

    async def finish(self) -> web.StreamResponse:
        """End the response cleanly, whatever it lacks; what the server returns to the HTTP library."""
        response = self._response or web.Response()
        # After a reset there is nobody to end it for.
        if self._call.outcome == "running":
            await response.write_eof()
            self._call.answered()
        return response

    async def reset(self) -> None:
        """Reset the connection (RST), after what has been written is through."""
        transport = self._request.transport
        if transport is None:
            return
        while transport.get_write_buffer_size():  # noqa: ASYNC110 - nothing tells of an empty buffer
            await asyncio.sleep(0.001)
        # Some systems throw away at the reset what the caller has not read yet.
        await asyncio.sleep(0.005)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._call.answered()
        transport.abort()

    async def hang(self) -> None:
        """Do nothing for ever."""
        await asyncio.Event().wait()

    async def repeat(self, data: bytes, seconds: float) -> Never:
        """Write the same for ever."""
        while True:
            await asyncio.sleep(seconds)
            await self.write(data)
