"""`python -m bench.least URL`: the least that passes tokens on with grpc.aio. It reads none, and all answers are alike.

What it costs, no gateway in Python can go below that serves gRPC with grpcio: the row to hold the others against.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from typing import TypeAlias, cast

import grpc
import uvloop

from trunkline.v1 import chat_service_pb2

SERVICE = "trunkline.v1.ChatService"
MODEL = re.compile(rb"anthropic/([\w.-]+)")
END = b"0\r\n\r\n"
HEAD = "POST /v1/messages HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n"
DELTA = chat_service_pb2.ChatEvent(block_delta=chat_service_pb2.BlockDelta(text=" word1"))
COMPLETION = chat_service_pb2.ChatEvent(completion=chat_service_pb2.Completion(provider_finish_reason="end_turn"))

# As text: the class takes no parameters at run time.
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


class Connection(asyncio.Protocol):
    """One exchange at a time, whose answer is read in pieces up to its end."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's is one in all but name.
        self.transport = cast(asyncio.Transport, transport)
        self._data = b""
        self._waiter: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        self._data += data
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self) -> bytes:
        if not self._data:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        data, self._data = self._data, b""
        return data


class Least:
    """The two methods, from bytes to bytes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._idle: list[Connection] = []

    async def chat(self, request: bytes, context: Context) -> bytes:
        connection = await self._ask(request)
        while not (await connection.read()).endswith(END):
            pass
        self._idle.append(connection)
        return chat_service_pb2.ChatResponse(id="msg_1").SerializeToString()

    async def stream(self, request: bytes, context: Context) -> None:
        connection = await self._ask(request)
        ended = False
        while not ended:
            data = await connection.read()
            ended = data.endswith(END)
            # message_delta and message_stop are one event here.
            count = data.count(b"\ndata: ") - data.count(b"event: message_delta") - data.count(b"event: message_stop")
            told = [*[DELTA] * count, *[COMPLETION] * ended]
            if told:
                await context.write(chat_service_pb2.StreamChatResponse(events=told).SerializeToString())
        self._idle.append(connection)

    async def _ask(self, request: bytes) -> Connection:
        found = MODEL.search(request)
        body = json.dumps({"model": found[1].decode() if found else "", "stream": True})
        if self._idle:
            connection = self._idle.pop()
        else:
            loop = asyncio.get_running_loop()
            _, connection = await loop.create_connection(Connection, "127.0.0.1", self._port)
        connection.transport.write((HEAD.format(len(body)) + body).encode())
        return connection


async def main(url: str) -> None:
    """Serves until it is killed."""
    least = Least(int(url.rpartition(":")[2]))
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), ("grpc.http2.bdp_probe", 0)])
    methods = {
        "Chat": grpc.unary_unary_rpc_method_handler(least.chat),
        "StreamChat": grpc.unary_stream_rpc_method_handler(least.stream),
    }
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, methods),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    print(json.dumps({"address": f"127.0.0.1:{port}"}), flush=True)
    await server.wait_for_termination()


if __name__ == "__main__":
    uvloop.run(main(sys.argv[1]))
