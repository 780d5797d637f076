"""An HTTP upstream made by hand, byte by byte: it does what no HTTP library would let it do."""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from typing import Self

import msgspec

Script = Callable[["Connection"], Awaitable[None]]

UPSTREAM_TASK = "hand-made upstream"
_RESET = struct.pack("ii", 1, 0)
_TICK = 0.001


class Connection:
    """The upstream's end of a connection. What it does not read stays where it is, as with a provider that hangs."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self._loop = asyncio.get_running_loop()
        self._buffer = b""
        self.opened_at = time.monotonic()
        self.requests = 0
        self.received = 0
        self.sent = 0

    async def head(self) -> str:
        """The next request's head, and next to nothing of its body. Raises ConnectionError if there is none."""
        while b"\r\n\r\n" not in self._buffer:
            await self._receive(1024)
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        self.requests += 1
        return head.decode()

    async def request(self) -> bytes:
        """The body of the next request."""
        head = await self.head()
        length = next(
            (int(line.split(":")[1]) for line in head.split("\r\n") if line.lower().startswith("content-length:")), 0
        )
        while len(self._buffer) < length:
            await self._receive(65536)
        body, self._buffer = self._buffer[:length], self._buffer[length:]
        return body

    async def _receive(self, size: int) -> None:
        data = await self._loop.sock_recv(self._socket, size)
        if not data:
            raise ConnectionResetError("the caller hung up")
        self.received += len(data)
        self._buffer += data

    async def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            await self._loop.sock_sendall(self._socket, piece)
            self.sent += len(piece)

    async def hang(self) -> None:
        await asyncio.Event().wait()

    def close(self) -> None:
        """Ends the connection in order: FIN."""
        self._socket.close()

    def end(self) -> None:
        """Ends this side only; what the caller still sends is taken."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self) -> None:
        """Ends the connection with a RST."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._socket.close()

    @property
    def is_gone(self) -> bool:
        """Whether this side can see that the caller has hung up, without reading what is still there to read."""
        if self._socket.fileno() < 0:
            return True
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        seen = sum(event for _, event in poll.poll(0))
        if seen & (select.POLLERR | select.POLLHUP):
            return True
        return bool(seen & select.POLLIN) and self._socket.recv(1, socket.MSG_PEEK) == b""

    async def gone(self, seconds: float = 2.0) -> float:
        """Waits until the caller has hung up; the time when that showed, of `time.monotonic()`."""
        end = time.monotonic() + seconds
        while not self.is_gone:
            assert time.monotonic() < end, f"the connection is still open after {seconds} s"
            await asyncio.sleep(_TICK)
        return time.monotonic()

    async def stuck(self) -> None:
        """Waits until what this side sends, or reads, has not moved for a while."""
        moved = (-1, -1)
        while moved != (self.sent, self.received):
            moved = (self.sent, self.received)
            await asyncio.sleep(0.2)


class Upstream:
    """Plays `script` on every connection: `async with Upstream(script) as upstream`.

    A connection ends with its script; a script that loops serves several requests.
    """

    def __init__(self, script: Script, *, receive_buffer: int | None = None) -> None:
        self.script = script
        self.connections: list[Connection] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=512)
        if receive_buffer is not None:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.setblocking(False)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._accepting = asyncio.create_task(self._accept(), name=UPSTREAM_TASK)
        return self

    async def __aexit__(self, *_: object) -> None:
        tasks = {self._accepting, *self._tasks}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        self._socket.close()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            sock, _ = await loop.sock_accept(self._socket)
            sock.setblocking(False)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection = Connection(sock)
            self.connections.append(connection)
            task = asyncio.create_task(self._play(connection), name=UPSTREAM_TASK)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _play(self, connection: Connection) -> None:
        try:
            await self.script(connection)
        except ConnectionError:
            pass
        finally:
            connection.close()

    async def connection(self, number: int = 0) -> Connection:
        """The connection of that number, once it is there and its request has begun to come."""
        async with asyncio.timeout(5):
            while len(self.connections) <= number or not self.connections[number].requests:  # noqa: ASYNC110
                await asyncio.sleep(_TICK)
        return self.connections[number]


def head(status: int = 200, **headers: str) -> bytes:
    """A response head; `content_type="x"` becomes `content-type: x`. Events in chunks, unless it says otherwise."""
    if "content_length" not in headers and "connection" not in headers:
        headers.setdefault("transfer_encoding", "chunked")
    headers.setdefault("content_type", "text/event-stream")
    lines = [f"HTTP/1.1 {status} Whatever", *(f"{name.replace('_', '-')}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


def event(kind: str, **members: object) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), msgspec.json.encode({"type": kind, **members}))


START = event(
    "message_start",
    message={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "usage": {"input_tokens": 3, "output_tokens": 1},
    },
)
BLOCK_START = event("content_block_start", index=0, content_block={"type": "text", "text": ""})
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
END = (
    event("content_block_stop", index=0)
    + event(
        "message_delta",
        delta={"stop_reason": "end_turn", "stop_sequence": None},
        usage={"input_tokens": 3, "output_tokens": 2},
    )
    + event("message_stop")
)


def delta(text: str) -> bytes:
    return event("content_block_delta", index=0, delta={"type": "text_delta", "text": text})


BEGINNING = START + BLOCK_START + delta("Hello")
ANSWER = BEGINNING + END
MESSAGE = msgspec.json.encode(
    {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [{"type": "text", "text": "Hello"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
)


async def answer(connection: Connection) -> None:
    """A script: answers every request well."""
    while True:
        await connection.request()
        await connection.send(head(), chunk(ANSWER), LAST_CHUNK)
