"""One exchange with a caller: everything a behaviour can do to the connection."""

import asyncio
import socket
import struct
from collections.abc import Iterable, Mapping
from typing import Any, Never

import msgspec
from aiohttp import web
from multidict import MultiMapping

from trunkline_service.simulator import errors
from trunkline_service.simulator.answers import Answer, Asked
from trunkline_service.simulator.calls import CREDENTIALS, ReceivedCall
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.sse import encode
from trunkline_service.simulator.wire import Script, Trouble, Wire

_JSON = "application/json"
# Between so many events the loop gets a turn, so that a flat-out stream does not hold up the others.
_TURN = 32
_RESET = struct.pack("ii", 1, 0)


class Exchange:
    """A request and the means to answer it, well or badly, in the form of the wire it came in by.

    `call` is the record to keep of it. `asked` is set when a behaviour is about to be played, and only then read.
    Every method ends early by cancellation when the caller hangs up.
    """

    asked: Asked

    def __init__(self, request: web.Request, call: ReceivedCall, wire: Wire) -> None:
        """Take a request whose body has been read into its record."""
        self.call = call
        self.wire = wire
        self._request = request
        self._response: web.StreamResponse | None = None

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers of the request, by names in any case."""
        return self._request.headers

    @property
    def query(self) -> MultiMapping[str]:
        """The query of the URL."""
        return self._request.query

    @property
    def account(self) -> str:
        """Whose request it is: the credentials, but for what differs between requests with the same ones."""
        found = (self.headers[name] for name in CREDENTIALS if name in self.headers)
        return next(found, "").partition(",")[0]

    @property
    def path(self) -> Mapping[str, str]:
        """The parts of the path that the route names."""
        return self._request.match_info

    @property
    def body(self) -> bytes:
        """The body of the request."""
        return self.call.body

    def json(self) -> Any:
        """Read the body as JSON, and keep that in the record; raises RefusedError."""
        try:
            body = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise RefusedError(400, f"The request body is not valid JSON: {error}") from error
        if isinstance(body, dict) and isinstance(body.get("model"), str):
            self.call.model = body["model"]
        return body

    async def reply(self, body: Any, status: int = 200) -> None:
        """Answer at once with JSON and upstream's headers."""
        await self.respond(status, encode(body))

    async def respond(self, status: int, body: bytes, content_type: str = _JSON) -> None:
        """Answer at once and whole, with upstream's headers."""
        await self.respond_bare(status, body, content_type, self.wire.headers())

    async def respond_bare(
        self, status: int, body: bytes, content_type: str, extra: Mapping[str, str] | None = None
    ) -> None:
        """Answer at once and whole, with only the given headers, as something in front of upstream would."""
        response = web.Response(status=status, body=body, headers={**(extra or {}), "content-type": content_type})
        self._response = response
        self.call.status = status
        self.call.sent()
        await response.prepare(self._request)
        await response.write_eof()

    async def fail(
        self,
        status: int,
        message: str | None = None,
        *,
        code: str | None = None,
        param: str | None = None,
        extra: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with an error in upstream's form; see Trouble."""
        trouble = Trouble(status=status, kind=errors.type_of(status), message=message, code=code, param=param)
        found, body = self.wire.failure(trouble)
        await self.respond_bare(status, body, _JSON, {**found, **(extra or {})})

    async def answer(self, answer: Answer) -> None:
        """Send an answer in the way the request asks for."""
        asked = self.asked
        if asked.stream:
            await self.play(self.script(answer).frames)
            return
        # A whole answer takes as long as its tokens.
        if asked.gap:
            await asyncio.sleep(asked.gap * max(0, answer.delta_count - 1))
        await self.respond(200, self.whole(answer))

    def whole(self, answer: Answer) -> bytes:
        """Give the JSON body of an answer."""
        return self.wire.whole(answer, self.asked)

    def script(self, answer: Answer) -> Script:
        """Give the frames of an answer."""
        return self.wire.script(answer, self.asked)

    async def start(self, content_type: str = "", status: int = 200) -> None:
        """Send status and headers of a body that is written in pieces; of a stream, unless `content_type` differs."""
        kind = content_type or self.wire.events_type
        extra = {**self.wire.headers(), "content-type": kind, "cache-control": "no-cache"}
        response = web.StreamResponse(status=status, headers=extra)
        response.enable_chunked_encoding()
        self._response = response
        self.call.status = status
        self.call.sent()
        await response.prepare(self._request)

    async def write(self, data: bytes) -> None:
        """Write one event, or part of a body, as one chunk of its own; starts the response if need be."""
        if self._response is None:
            await self.start()
        if self._response is not None:
            await self._response.write(data)
            self.call.frames_sent += 1

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
            if self.wire.is_delta(data):
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
        if self.call.outcome == "running":
            await response.write_eof()
            self.call.answered()
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
        self.call.answered()
        transport.abort()

    async def hang(self) -> None:
        """Do nothing for ever."""
        await asyncio.Event().wait()

    async def repeat(self, data: bytes, seconds: float) -> Never:
        """Write the same for ever."""
        while True:
            await asyncio.sleep(seconds)
            await self.write(data)
