"""HTTP requests to one provider: a pool of connections, and answers in pieces.

aiohttp, as it takes the least CPU: the stock transport of httpx costs ten times as much and loses a connection whenever
a call is cancelled twice, and httpx's interface over aiohttp adds an eighth to what a call costs. Time is not kept here
but by `routing/watch.py`, but for connecting.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any

import aiohttp
import certifi
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from aiohttp.http_exceptions import HttpProcessingError
from yarl import URL

from trunkline.v1 import error_reason_pb2
from trunkline_service.config import ProviderSettings
from trunkline_service.errors import GatewayError
from trunkline_service.upstream.credentials import Credentials
from trunkline_service.upstream.request import UpstreamRequest

DRAIN_SECONDS = 1.0
# A larger request goes out in pieces of this size: it is not copied as a whole, and other calls have their turn.
PIECE_BYTES = 256 * 1024


class ConnectionFailed(GatewayError):
    """The connection broke while the answer was being read: UPSTREAM_UNREACHABLE or UPSTREAM_PROTOCOL_ERROR."""


class HttpUpstream:
    """The connections to one provider, and what lets requests in there, if that is more than a key.

    To be made in the loop that uses it; `close` it in the end.
    """

    def __init__(self, settings: ProviderSettings, credentials: Credentials | None = None) -> None:
        self._credentials = credentials
        tls = _tls_context(settings.tls_roots) if settings.base_url.startswith("https:") else False
        connector = aiohttp.TCPConnector(limit=settings.max_connections, ssl=tls, keepalive_timeout=60)
        connector._factory = functools.partial(_Protocol, loop=asyncio.get_running_loop())  # type: ignore[assignment]
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            response_class=_AbortingResponse,
            auto_decompress=False,
            # `sock_connect` is one socket, `connect` everything until there is a connection: names, waiting for a
            # place, TLS.
            timeout=aiohttp.ClientTimeout(
                total=None, connect=settings.timeouts.connect, sock_connect=settings.timeouts.connect
            ),
            proxy=settings.proxy or None,
        )

    @property
    def has_credentials(self) -> bool:
        """Whether requests get in without a key of their own."""
        return self._credentials is not None

    def send(self, request: UpstreamRequest) -> Exchange:
        """An exchange to enter: `async with upstream.send(request) as exchange`."""
        return Exchange(self._session, self._credentials, request)

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()
        if self._credentials is not None:
            await self._credentials.close()


class Exchange:
    """One request and its answer. Leaving it closes the connection at once, unless the answer was `complete`d."""

    status: int
    headers: Mapping[str, str]

    def __init__(
        self, session: aiohttp.ClientSession, credentials: Credentials | None, request: UpstreamRequest
    ) -> None:
        self._session = session
        self._credentials = credentials
        self._request = request
        self._complete = False

    async def __aenter__(self) -> Exchange:
        """Sends the request and waits for the headers of the answer.

        Raises:
            GatewayError: UPSTREAM_UNREACHABLE, UPSTREAM_TIMEOUT or UPSTREAM_PROTOCOL_ERROR, or what the credentials
                raise.
        """
        request = self._request
        headers = request.headers
        if self._credentials is not None:
            headers = {**headers, **await self._credentials.headers(request)}
        data: bytes | AsyncIterator[bytes] | None = request.chunks or request.body or None
        if len(request.body) > PIECE_BYTES:
            headers = {**headers, "content-length": str(len(request.body))}
            data = _in_pieces(request.body)
        try:
            self._response = await self._session.request(
                request.method, _url(request.url), headers=headers, data=data, allow_redirects=False
            )
        except TimeoutError as error:
            reason = error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT
            raise GatewayError(reason, "connecting to the provider took too long", metadata=_CONNECT) from error
        except aiohttp.ClientResponseError as error:
            raise GatewayError(error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, _NOT_HTTP) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(error) from error
        self.status = self._response.status
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._response.raw_headers
        }
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        body = self._response.content
        if not self._complete or error is not None:
            self._response.close()
        elif not body.is_eof():
            # The end of the body, which follows a complete answer, lets the connection serve again. It is not waited
            # for, and has not long to come.
            late = asyncio.get_running_loop().call_later(DRAIN_SECONDS, self._response.close)
            body.on_eof(late.cancel)

    async def read(self) -> bytes:
        """What has come since the last time, or what the next network read brings; empty at the end of the body.

        Raises:
            ConnectionFailed: the connection broke.
        """
        try:
            return await self._response.content.readany()
        except _NotHttp as error:
            raise ConnectionFailed(error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, _NOT_HTTP) from error
        except (aiohttp.ClientError, OSError) as error:
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
    connecting = isinstance(error, aiohttp.ClientConnectorError)
    text = "the provider could not be reached" if connecting else "the provider hung up before it answered"
    return GatewayError(
        error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE,
        text,
        metadata=_CONNECT if connecting else {"stage": "headers"},
    )


@functools.lru_cache(maxsize=256)
def _url(url: str) -> URL:
    """A parsed address, as it is written: there are few, and parsing one costs more than the rest of a request."""
    return URL(url, encoded=True)


def _tls_context(roots: Path | None) -> ssl.SSLContext:
    """Trusts `roots`, or what OpenSSL's variables name, or else the machine's roots and Mozilla's: small images have
    none.
    """
    if roots is not None:
        return ssl.create_default_context(cafile=roots)
    context = ssl.create_default_context()
    if not (os.environ.get("SSL_CERT_FILE") or os.environ.get("SSL_CERT_DIR")):
        context.load_verify_locations(certifi.where())
    return context


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]
