"""HTTP requests to one provider: a pool of connections, and answers in pieces.

aiohttp, as it takes the least CPU: the stock transport of httpx costs ten times as much and loses a connection whenever
a call is cancelled twice, and httpx's interface over aiohttp adds an eighth to what a call costs. Time is not kept here
but by `routing/watch.py`, but for connecting.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import functools
import os
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Mapping
from importlib import metadata
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
from trunkline_service.errors import GatewayError, StartupError
from trunkline_service.upstream.credentials import Credentials
from trunkline_service.upstream.request import UpstreamRequest

# How long a body may stay open after a complete answer.
REST_SECONDS = 1.0
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
            headers={"user-agent": f"trunkline/{metadata.version('trunkline')}"},
            auto_decompress=False,
            # As large as any server sends them: an answer that is not understood loses its status, and with it why.
            max_line_size=_MAX_HEADER,
            max_field_size=_MAX_HEADER,
            max_headers=_MAX_HEADERS,
            # `sock_connect` is one socket, `connect` everything until there is a connection: names, waiting for a
            # place, TLS.
            timeout=aiohttp.ClientTimeout(
                total=None, connect=settings.timeouts.connect, sock_connect=settings.timeouts.connect
            ),
            proxy=settings.proxy or None,
        )
        self._max_connections = settings.max_connections
        self._connector = connector

    @property
    def has_credentials(self) -> bool:
        """Whether requests get in without a key of their own."""
        return self._credentials is not None

    def send(self, request: UpstreamRequest) -> Exchange:
        """An exchange to enter: `async with upstream.send(request) as exchange`."""
        return Exchange(self, request)

    async def open(self, request: UpstreamRequest) -> _AbortingResponse:
        """Sends a request and waits for the headers of the answer. Raises as `Exchange.__aenter__` does."""
        headers = request.headers
        if self._credentials is not None:
            headers = {**headers, **await self._credentials.headers(request)}
        data: bytes | AsyncIterator[bytes] | None = request.chunks or request.body or None
        if len(request.body) > PIECE_BYTES:
            headers = {**headers, "content-length": str(len(request.body))}
            data = _in_pieces(request.body)
        try:
            response = await self._session.request(
                request.method, _url(request.url), headers=headers, data=data, allow_redirects=False
            )
        except TimeoutError as error:
            if len(self._connector._acquired) >= self._max_connections:
                msg = f"all of the gateway's {self._max_connections} connections to the provider are in use"
                raise GatewayError(error_reason_pb2.ERROR_REASON_GATEWAY_OVERLOADED, msg) from error
            reason = error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT
            raise GatewayError(reason, "connecting to the provider took too long", metadata=_CONNECT) from error
        except aiohttp.ClientResponseError as error:
            raise GatewayError(error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, _NOT_HTTP) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _unreachable(error) from error
        assert isinstance(response, _AbortingResponse)  # noqa: S101 - the session was told to make these
        return response

    async def close(self) -> None:
        """Closes every connection."""
        await self._session.close()
        if self._credentials is not None:
            await self._credentials.close()


class Exchange:
    """One request and its answer. Leaving it closes the connection at once, unless the answer was `complete`d."""

    status: int
    headers: Mapping[str, str]

    def __init__(self, upstream: HttpUpstream, request: UpstreamRequest) -> None:
        self._upstream = upstream
        self._request = request
        self._complete = False

    async def __aenter__(self) -> Exchange:
        """Sends the request and waits for the headers of the answer.

        Raises:
            GatewayError: UPSTREAM_UNREACHABLE, UPSTREAM_TIMEOUT, UPSTREAM_PROTOCOL_ERROR or GATEWAY_OVERLOADED, or what
                the credentials raise.
        """
        self._response = await self._upstream.open(self._request)
        self.status = self._response.status
        self.headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in self._response.raw_headers
        }
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        response, body = self._response, self._response.content
        if not self._complete or error is not None:
            response.close()
        elif body.is_eof():
            response.ended()
        else:
            # The end of the body, which follows a complete answer, lets the connection serve again. It is not waited
            # for, and has not long to come.
            late = asyncio.get_running_loop().call_later(REST_SECONDS, response.close)
            body.on_eof(late.cancel)
            body.on_eof(response.ended)

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
    _socket: socket.socket

    async def start(self, connection: Connection) -> aiohttp.ClientResponse:
        transport, protocol = connection.transport, connection.protocol
        if transport is None or protocol is None or protocol.should_close:
            # Something came before this request was sent. It is not the answer to it, but would be taken for that.
            raise aiohttp.ServerDisconnectedError
        # Kept here, as the library forgets the connection before the last of the request has left.
        self._transport = transport
        self._socket = transport.get_extra_info("socket")
        return await super().start(connection)

    def ended(self) -> None:
        """The body is over. The library closes a connection whose request was not sent to its end, but waits for the
        provider to read what has left.
        """
        self._abort()

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


_MAX_HEADER = 64 * 1024
_MAX_HEADERS = 1000
_NOT_HTTP = "the provider answered with something that is not HTTP"
_CONNECT = {"stage": "connect"}
# A socket that is closed with this does not wait for what it has sent to be read.
_RESET = struct.pack("ii", 1, 0)


def _unreachable(error: Exception) -> GatewayError:
    connecting = isinstance(error, aiohttp.ClientConnectorError)
    text = (
        f"the provider could not be reached: {_why(error)}" if connecting else "the provider hung up before it answered"
    )
    return GatewayError(
        error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE,
        text,
        metadata=_CONNECT if connecting else {"stage": "headers"},
    )


def _why(error: Exception) -> str:
    match error:
        case aiohttp.ClientConnectorDNSError():
            return "its name is not known"
        case aiohttp.ClientConnectorCertificateError():
            return "its certificate is not to be trusted"
        case aiohttp.ClientConnectorSSLError():
            return "it does not speak TLS as it should"
        case OSError(errno=errno.EMFILE | errno.ENFILE):
            return "the gateway has too many files open"
        case OSError(errno=errno.ECONNREFUSED):
            return "it refused the connection"
        case OSError(errno=number) if number:
            return os.strerror(number)
    return "the connection failed"


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
    named = [name for name in ("SSL_CERT_FILE", "SSL_CERT_DIR") if os.environ.get(name)]
    for name in named:
        if not Path(os.environ[name]).exists():
            raise StartupError(f"{name} names what is not there: {os.environ[name]}")
    context = ssl.create_default_context()
    if not named:
        context.load_verify_locations(certifi.where())
    return context


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), PIECE_BYTES):
        yield body[start : start + PIECE_BYTES]
