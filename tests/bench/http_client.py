"""Calls to the peers over HTTP, as cheap for the caller as ours: nothing is parsed beyond what ends an answer."""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from bench.load import Call
from bench.peers import Peer
from bench.scenarios import Scenario

TIMEOUT = 60.0
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
FRAME = b"data: "
END_MARKS = (b"message_stop", b"[DONE]")
# Enough for the end of any answer.
TAIL = 300


class HttpClient:
    """Calls to one path, over a connection for each worker."""

    def __init__(self, peer: Peer) -> None:
        self._port = peer.port
        lines = {"host": f"127.0.0.1:{peer.port}", "content-type": "application/json", **peer.headers}
        self._head = f"POST {peer.path} HTTP/1.1\r\n"
        self._head += "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        self._connections: dict[int, _Connection] = {}

    async def call(self, worker: int, scenario: Scenario, model: str) -> Call:
        """Makes one call."""
        body = {"model": model, "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello, Claude!"}]}
        if scenario.stream:
            body["stream"] = True
        payload = json.dumps(body).encode()
        asked = f"{self._head}content-length: {len(payload)}\r\n\r\n".encode() + payload
        try:
            async with asyncio.timeout(TIMEOUT):
                call = await (await self._connection(worker)).exchange(asked, scenario)
        except (OSError, TimeoutError) as error:
            call = Call(failure=f"{type(error).__name__}: {error}")
        if call.failure and (connection := self._connections.pop(worker, None)) is not None:
            connection.close()
        return call

    def close(self) -> None:
        """Closes the connections."""
        for connection in self._connections.values():
            connection.close()

    async def _connection(self, worker: int) -> _Connection:
        connection = self._connections.get(worker)
        if connection is None or connection.closed:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(_Connection, "127.0.0.1", self._port)
            self._connections[worker] = connection
        return connection


@asynccontextmanager
async def connected(peer: Peer) -> AsyncIterator[HttpClient]:
    """A client that closes its connections in the end."""
    client = HttpClient(peer)
    try:
        yield client
    finally:
        client.close()


class _Connection(asyncio.Protocol):
    """One exchange at a time."""

    closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one in all but name.
        self._transport = cast(asyncio.Transport, transport)
        self._done: asyncio.Future[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed = True
        self._finish("the connection was closed")

    def close(self) -> None:
        self._transport.abort()

    async def exchange(self, asked: bytes, scenario: Scenario) -> Call:
        self._done = asyncio.get_running_loop().create_future()
        self._call = call = Call()
        self._head = self._tail = b""
        self._missing = 0
        self._chunked = False
        self._stream = scenario.stream
        self._transport.write(asked)
        await self._done
        if not scenario.stream:
            call.frames = 1
        elif not call.failure and not any(mark in self._tail for mark in END_MARKS):
            call.failure = f"no end mark in {self._tail!r}"
        return call

    def data_received(self, data: bytes) -> None:
        if not self._missing and not self._chunked:
            head, end, data = (self._head + data).partition(b"\r\n\r\n")
            if not end:
                self._head = head
                return
            if head.split(b" ", 2)[1] != b"200":
                self._finish(f"{head.splitlines()[0]!r} {data[:200]!r}")
                return
            if length := LENGTH.search(head):
                self._missing = int(length[1])
            else:
                self._chunked = True
        if self._stream and data:
            if not self._call.frames:
                self._call.first = time.perf_counter()
            # A frame's name may be cut in two by a read; what is counted in the tail was counted before.
            seam = self._tail[1 - len(FRAME) :]
            self._call.frames += (seam + data).count(FRAME)
        self._tail = (self._tail + data)[-TAIL:]
        if self._chunked:
            if self._tail.endswith(b"0\r\n\r\n"):
                self._finish("")
        else:
            self._missing -= len(data)
            if self._missing <= 0:
                self._finish("")

    def _finish(self, failure: str) -> None:
        if self._done is not None and not self._done.done():
            self._call.failure = failure
            self._done.set_result(None)
