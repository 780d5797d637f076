"""A connection to a provider: requests out, answers in.

aiohttp makes and keeps it (names, TLS, proxies, the pool), and takes it for its own kind of connection; what goes over
it is written and read here, as aiohttp's sessions, requests and responses cost a third of a call.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping

from aiohttp.client_proto import ResponseHandler

from trunkline_service.upstream.answer import Answer, Lost
from trunkline_service.upstream.request import UpstreamRequest

# A larger request goes out in pieces of this size: it is not copied as a whole, and other calls have their turn.
PIECE_BYTES = 256 * 1024
# A socket that is closed with this does not wait for what it has sent to be read.
_RESET = struct.pack("ii", 1, 0)


class Connection(ResponseHandler):
    """`send` a request, read its answer, `end`; then another one may follow, if that returned true."""

    _answer: Answer | None = None
    _sending: asyncio.Task[None] | None = None
    _socket: socket.socket
    served = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the socket, as a transport that is closed no longer has it."""
        super().connection_made(transport)
        self._socket = transport.get_extra_info("socket")

    def send(self, request: UpstreamRequest, target: str, headers: Mapping[str, str]) -> Answer:
        """Sends a request and returns what will be its answer. Raises `Lost` if it cannot be one.

        `target` is what the request line asks for, `headers` are in lower case.
        """
        self.served += 1
        transport = self.transport
        if transport is None or transport.is_closing() or self.should_close:
            # Something came before this request was sent. It is not the answer to it, but would be taken for that.
            raise Lost
        self._answer = answer = Answer(self._loop, self._pause)
        headers, body = dict(headers), request.body
        if request.chunks is not None:
            headers["transfer-encoding"] = "chunked"
        elif body or request.method != "GET":
            headers["content-length"] = str(len(body))
        head = _head(request.method, target, headers)
        if request.chunks is None and len(body) <= PIECE_BYTES:
            transport.write(head + body)
            return answer
        transport.write(head)
        pieces = _in_pieces(body) if request.chunks is None else _in_chunks(request.chunks)
        self._sending = self._loop.create_task(self._send_all(pieces))
        return answer

    async def _send_all(self, pieces: AsyncIterator[bytes]) -> None:
        try:
            async for piece in pieces:
                if self.transport is None:
                    return
                self.transport.write(piece)
                await self._drain_helper()
        except Exception:
            # Whatever it was, the request is not whole and gets no answer.
            if self._answer is not None:
                self._answer.fail(Lost())
        else:
            self._sending = None

    def end(self) -> bool:
        """The exchange is over. Returns whether the connection may serve again; if not, it is closed at once: a
        provider that does not read would keep the rest of the request, the caller's prompt, for as long as it likes.
        """
        answer, self._answer = self._answer, None
        if answer is not None and answer.reusable and self._sending is None and not self.should_close:
            return True
        self.force_close()
        if self._sending is not None:
            self._sending.cancel()
        if self.transport is not None:
            # Closed already, the socket cannot be told how to: OSError in asyncio, ValueError in uvloop.
            with contextlib.suppress(OSError, ValueError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            self.transport.abort()
        return False

    def _pause(self, pause: bool) -> None:
        if pause:
            self._pause_transport_reading()
        else:
            self._resume_transport_reading()

    def data_received(self, data: bytes) -> None:
        """Without an answer that waits for it, it is a proxy's, or it is nobody's and ends the connection's use."""
        if self._answer is not None:
            self._answer.feed(data)
        else:
            super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """An answer whose end is that of the connection ends well if that does."""
        super().connection_lost(exc)
        if self._answer is not None:
            if exc is None:
                self._answer.lost()
            else:
                self._answer.fail(Lost())


def _head(method: str, target: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", *[f"{name}: {value}" for name, value in headers.items()], "", ""]
    head = "\r\n".join(lines)
    if not head.count("\n") == head.count("\r") == len(lines) - 1 or "\0" in head:
        msg = "a header holds the end of a line"
        raise ValueError(msg)
    return head.encode()


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]


async def _in_chunks(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    async for piece in pieces:
        if piece:
            yield b"%x\r\n%b\r\n" % (len(piece), piece)
    yield b"0\r\n\r\n"
