"""An HTTP server on loopback that answers what a test tells it to, byte for byte, and keeps what it was asked.

async with ScriptedUpstream() as upstream:
    upstream.answer(Answer(b"event: …", headers={"content-type": "text/event-stream"}))
    …
    assert upstream.received[-1].json["stream"] is True
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Self

STREAM = {"content-type": "text/event-stream; charset=utf-8"}
JSON = {"content-type": "application/json"}


@dataclass(frozen=True)
class Answer:
    """A response. A `body` in pieces is sent piece by piece, `pause` seconds apart; without `ends`, the connection is
    then cut instead of the body being ended.
    """

    body: bytes | Sequence[bytes] = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=lambda: JSON)
    pause: float = 0.0
    ends: bool = True


@dataclass(frozen=True)
class Received:
    """A request as it came in; the names of headers in lower case, in order, those sent twice twice."""

    method: str
    path: str
    raw_headers: Sequence[tuple[str, str]]
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        return dict(self.raw_headers)

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedUpstream:
    """The server. Answers are given in turn; the last one again and again."""

    url: str

    def __init__(self) -> None:
        self.received: list[Received] = []
        self._answers: list[Answer] = []
        self._connections: set[asyncio.Task[None]] = set()

    def answer(self, *answers: Answer) -> None:
        """From now on, gives these, and forgets what was received before."""
        self._answers = list(answers)
        self.received.clear()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=2**20)
        host, port = self._server.sockets[0].getsockname()
        self.url = f"http://{host}:{port}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (received := await _read(reader)) is not None:
                self.received.append(received)
                answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
                await _write(writer, answer)
                if not answer.ends:
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.transport.abort()


async def _read(reader: asyncio.StreamReader) -> Received | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")[:-2]
    method, path, _ = first.split(" ")
    headers = [(name.lower(), value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    body = await reader.readexactly(int(dict(headers).get("content-length", "0")))
    return Received(method, path, headers, body)


async def _write(writer: asyncio.StreamWriter, answer: Answer) -> None:
    head = [f"HTTP/1.1 {answer.status} Scripted", *(f"{name}: {value}" for name, value in answer.headers.items())]
    writer.write("\r\n".join([*head, "transfer-encoding: chunked", "", ""]).encode("latin-1"))
    pieces = [answer.body] if isinstance(answer.body, bytes) else answer.body
    for piece in filter(None, pieces):
        if writer.is_closing():
            raise ConnectionResetError
        writer.write(b"%x\r\n%b\r\n" % (len(piece), piece))
        await writer.drain()
        await asyncio.sleep(answer.pause)
    if answer.ends:
        writer.write(b"0\r\n\r\n")
    await writer.drain()
