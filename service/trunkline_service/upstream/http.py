"""HTTP requests to one provider: a pool of connections, and answers in pieces.

httpx's interface over aiohttp's transport, used at transport level: the stock transport costs ten times the CPU, and
loses a connection whenever a call is cancelled twice. Time is not kept here but by `routing/watch.py`, but for
connecting.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from types import TracebackType
from typing import Any

import aiohttp
import httpx
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from httpx_aiohttp import AiohttpTransport

from trunkline.v1 import error_reason_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import UpstreamRequest

DRAIN_SECONDS = 1.0
# A larger request goes out in pieces of this size: it is not copied as a whole, and other calls have their turn.
PIECE_BYTES = 256 * 1024


class ConnectionFailed(GatewayError):
    """The connection broke while the answer was being read: UPSTREAM_UNREACHABLE or UPSTREAM_PROTOCOL_ERROR."""


class HttpUpstream:
    """The connections to one provider. `close` it in the end."""

    def __init__(self, base_url: str, *, connect_timeout: float, max_connections: int) -> None:
        self._max_connections = max_connections
        # `connect` is one socket, `pool` everything until there is a connection: names, waiting for a place, TLS.
        self._extensions = {"timeout": {"connect": connect_timeout, "pool": connect_timeout}}
        tls = httpx.create_ssl_context() if base_url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self._tls = tls
        self._transport = AiohttpTransport(verify=tls, client=self._session)
        self._draining: set[asyncio.Task[None]] = set()

    def send(self, request: UpstreamRequest) -> Exchange:
        """An exchange to enter: `async with upstream.send(request) as exchange`."""
        headers = dict(request.headers)
        content: bytes | AsyncIterator[bytes] | None = request.body or None
        if len(request.body) > PIECE_BYTES:
            headers["content-length"] = str(len(request.body))
            content = _in_pieces(request.body)
        return Exchange(
            self,
            httpx.Request(
                request.method, _url(request.url), headers=headers, content=content, extensions=self._extensions
            ),
        )

    async def close(self) -> None:
        """Closes every connection."""
        for task in self._draining:
            task.cancel()
        await asyncio.gather(*self._draining, return_exceptions=True)
        await self._transport.aclose()

    async def _request(self, request: httpx.Request) -> httpx.Response:
        try:
            return await self._transport.handle_async_request(request)
        except (httpx.TimeoutException, TimeoutError) as error:
            # httpx-aiohttp reports every lost connection as a timeout of connecting; the cause tells them apart.
            if isinstance(error.__cause__, asyncio.TimeoutError) or isinstance(error, asyncio.TimeoutError):
                reason = error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT
                raise GatewayError(reason, "connecting to the provider took too long", metadata=_CONNECT) from error
            raise _unreachable(error) from error
        except aiohttp.ClientResponseError as error:
            raise GatewayError(error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, _NOT_HTTP) from error
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            raise _unreachable(error) from error

    def _drain(self, response: httpx.Response, rest: AsyncIterator[bytes]) -> None:
        """Reads what follows a complete answer, in the background, so that the connection can serve again."""
        task = asyncio.create_task(_read_out(response, rest))
        self._draining.add(task)
        task.add_done_callback(self._draining.discard)

    def _session(self) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=self._max_connections, ssl=self._tls, keepalive_timeout=60)
        connector._factory = functools.partial(_Protocol, loop=asyncio.get_running_loop())  # type: ignore[assignment]
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_AbortingResponse,
            timeout=aiohttp.ClientTimeout(total=None),
        )


class Exchange:
    """One request and its answer. Leaving it closes the connection at once, unless the answer was `complete`d."""

    status: int
    headers: Mapping[str, str]

    def __init__(self, upstream: HttpUpstream, request: httpx.Request) -> None:
        self._upstream = upstream
        self._request = request
        self._complete = False
        self._at_end = False

    async def __aenter__(self) -> Exchange:
        """Sends the request and waits for the headers of the answer.

        Raises:
            GatewayError: UPSTREAM_UNREACHABLE or UPSTREAM_TIMEOUT.
        """
        self._response = await self._upstream._request(self._request)
        self.status = self._response.status_code
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._response.headers.raw
        }
        stream = self._response.stream
        assert isinstance(stream, httpx.AsyncByteStream)  # noqa: S101 - it came from an async transport
        self._chunks = aiter(stream)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._complete and error is None and not self._at_end:
            self._upstream._drain(self._response, self._chunks)
            return
        await self._response.aclose()

    async def read(self) -> bytes:
        """What the next network read brings; empty at the end of the body.

        Raises:
            ConnectionFailed: the connection broke.
        """
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            self._at_end = True
            return b""
        except _NotHttp as error:
            raise ConnectionFailed(error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, _NOT_HTTP) from error
        except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
            msg = "the provider closed the connection in the middle of its answer"
            raise ConnectionFailed(error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE, msg) from error

    async def body(self, limit: int) -> bytes:
        """The whole body, or its first `limit` bytes and a little more. Raises as `read` does."""
        pieces = []
        size = 0
        while size < limit and (piece := await self.read()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    def complete(self) -> None:
        """The answer is whole: the connection may be used again."""
        self._complete = True


class _AbortingResponse(aiohttp.ClientResponse):
    """Left before its end, it resets its connection, and what is still to be sent of the request is dropped: a provider
    that does not read would keep the connection, and the caller's prompt, for as long as it likes.
    """

    _transport: asyncio.Transport | None = None

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport, protocol = connection.transport, connection.protocol
        if transport is None or protocol is None or protocol.should_close:
            # Something came before this request was sent. It is not the answer to it, but would be taken for that.
            raise aiohttp.ServerDisconnectedError
        # Kept here, as the library forgets the connection before the last of the request has left.
        self._transport = transport
        self._socket = transport.get_extra_info("socket")
        return await super().start(connection)

    def close(self) -> None:
        self._abort()
        super().close()

    def release(self) -> Any:
        self._abort()
        return super().release()

    def _abort(self) -> None:
        transport, self._transport = self._transport, None
        # A connection that can serve again has been given back by now, and may be somebody else's.
        if transport is None or (self.connection is None and not transport.is_closing()):
            return
        # Closed already, the socket cannot be told how to: OSError in asyncio, ValueError in uvloop.
        with contextlib.suppress(OSError, ValueError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()


class _NotHttp(aiohttp.ClientError):
    """What came in the middle of an answer is not HTTP."""


class _Protocol(ResponseHandler):
    """Tells whoever reads a body, too, that what comes is not HTTP. The library tells only who waits for headers."""

    def set_exception(self, exc: BaseException, *cause: BaseException) -> None:
        super().set_exception(exc, *cause)
        if isinstance(exc, HttpProcessingError) and self._payload is not None and not self._payload.is_eof():
            self._payload.set_exception(_NotHttp())


_NOT_HTTP = "the provider answered with something that is not HTTP"
_CONNECT = {"stage": "connect"}
# A socket that is closed with this does not wait for what it has sent to be read.
_RESET = struct.pack("ii", 1, 0)


def _unreachable(error: Exception) -> GatewayError:
    connecting = isinstance(error.__cause__ or error, aiohttp.ClientConnectorError)
    text = "the provider could not be reached" if connecting else "the provider hung up before it answered"
    return GatewayError(
        error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE,
        text,
        metadata=_CONNECT if connecting else {"stage": "headers"},
    )


@functools.lru_cache(maxsize=256)
def _url(url: str) -> httpx.URL:
    """A parsed address: there are few, and parsing one costs more than building the rest of a request."""
    return httpx.URL(url)


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]


async def _read_out(response: httpx.Response, rest: AsyncIterator[bytes]) -> None:
    try:
        async with asyncio.timeout(DRAIN_SECONDS):
            async for _ in rest:
                pass
    except (httpx.HTTPError, aiohttp.ClientError, OSError):
        pass
    finally:
        await response.aclose()
