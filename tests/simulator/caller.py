"""A caller made for these tests: strict where a real one would be lenient, and able to hang up."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from trunkline_service.simulator import Simulator

Json = dict[str, Any]


def request(model: str, *, stream: bool = False, text: str = "hello there", **more: Any) -> Json:
    body: Json = {"model": model, "max_tokens": 100, "messages": [{"role": "user", "content": text}]}
    return {**body, **({"stream": True} if stream else {}), **more}


def events(body: bytes) -> list[Json]:
    """Read a body as server-sent events, the last one also without its newlines."""
    found = []
    for chunk in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = chunk.split(b"\n")
        names = [line[7:] for line in lines if line.startswith(b"event: ")]
        data = [line[6:] for line in lines if line.startswith(b"data: ")]
        if data:
            event = json.loads(data[0])
            assert names in ([event["type"].encode()], [b"message"])
            found.append(event)
    return found


def fold(stream: list[Json]) -> Json:
    """Make the message of a stream, by upstream's rules; what is unknown is passed over."""
    message: Json = {}
    buffers: dict[int, str] = {}
    for event in stream:
        match event:
            case {"type": "message_start", "message": started}:
                message = started
            case {"type": "content_block_start", "index": index, "content_block": block}:
                assert index == len(message["content"])
                message["content"].append(block)
            case {"type": "content_block_delta", "index": index, "delta": delta}:
                _grow(message["content"][index], delta, buffers, index)
            case {"type": "content_block_stop", "index": index}:
                if buffers.get(index):
                    message["content"][index]["input"] = json.loads(buffers[index])
            case {"type": "message_delta", "delta": delta, "usage": usage}:
                late = {k: v for k, v in event.items() if k not in ("type", "delta", "usage")}
                message.update(delta)
                message.update(late)
                message["usage"].update(usage)
    return message


def _grow(block: Json, delta: Json, buffers: dict[int, str], index: int) -> None:
    match delta:
        case {"type": "text_delta", "text": text}:
            block["text"] += text
        case {"type": "thinking_delta", "thinking": text}:
            block["thinking"] += text
        case {"type": "signature_delta", "signature": signature}:
            block["signature"] = signature
        case {"type": "input_json_delta", "partial_json": piece}:
            buffers[index] = buffers.get(index, "") + piece
        case {"type": "citations_delta", "citation": citation}:
            block["citations"].append(citation)
        case {"type": "compaction_delta"}:
            block.update({k: v for k, v in delta.items() if k != "type"})


class Wire:
    """A bare connection: what was read of a response until it ended, and how it ended."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self.writer = writer
        self.received = b""

    @classmethod
    @asynccontextmanager
    async def post(cls, sim: Simulator, body: Json) -> AsyncIterator["Wire"]:
        address = urlsplit(sim.url)
        reader, writer = await asyncio.open_connection(address.hostname, address.port)
        data = json.dumps(body).encode()
        head = (
            f"POST /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-length: {len(data)}\r\n"
            "x-api-key: sk-ant-test\r\nanthropic-version: 2023-06-01\r\n\r\n"
        )
        writer.write(head.encode() + data)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    async def end(self, seconds: float = 1.0) -> str:
        """Read to the end: "complete", "eof" (without the last chunk), "reset", or "open" when time is up."""
        try:
            async with asyncio.timeout(seconds):
                while data := await self._reader.read(65536):
                    self.received += data
                    if self.received.endswith(b"\r\n0\r\n\r\n"):
                        return "complete"
            return "eof"
        except ConnectionResetError:
            return "reset"
        except TimeoutError:
            return "open"

    async def until(self, wanted: bytes) -> None:
        async with asyncio.timeout(2):
            while wanted not in self.received:
                data = await self._reader.read(65536)
                assert data, self.received
                self.received += data

    def hang_up(self) -> None:
        self.writer.transport.abort()

    @property
    def texts(self) -> int:
        return self.received.count(b'"text_delta"')
