"""HTTP requests to one provider: a pool of connections, and answers in pieces.

The pool is aiohttp's connector, which makes connections (names, TLS, proxies) and bounds and keeps them; what goes over
them is in `connection.py`. Time is not kept here but by `routing/watch.py`, but for connecting.
"""

from __future__ import annotations

import asyncio
import errno
import functools
import math
import os
import ssl
from collections.abc import Callable, Mapping
from importlib import metadata
from pathlib import Path
from types import TracebackType
from typing import NamedTuple

import aiohttp
import certifi
from aiohttp.connector import Connection as Lease
from yarl import URL

from trunkline.v1 import error_reason_pb2
from trunkline_service.config import ProviderSettings
from trunkline_service.errors import GatewayError, StartupError
from trunkline_service.upstream.answer import Answer, Lost, NotHttp
from trunkline_service.upstream.connection import Connection
from trunkline_service.upstream.credentials import Credentials
from trunkline_service.upstream.request import UpstreamRequest

# How long a body may stay open after a complete answer.
REST_SECONDS = 1.0


class ConnectionFailed(GatewayError):
    """The connection broke while the answer was being read: UPSTREAM_UNREACHABLE or UPSTREAM_PROTOCOL_ERROR."""


class HttpUpstream:
    """The connections to one provider, and what lets requests in there, if that is more than a key.

    To be made in the loop that uses it; `close` it in the end.
    """

    def __init__(self, settings: ProviderSettings, credentials: Credentials | None = None) -> None:
        self._credentials = credentials
        self._loop = loop = asyncio.get_running_loop()
        tls = _tls_context(settings.tls_roots) if settings.base_url.startswith("https:") else False
        self._max_connections = settings.max_connections
        self._connector = aiohttp.TCPConnector(limit=settings.max_connections, ssl=tls, keepalive_timeout=60)
        self._connector._factory = functools.partial(Connection, loop=loop)  # type: ignore[assignment]
        self._timeout = _connecting_within(settings.timeouts.connect)
        self._proxy = URL(settings.proxy) if settings.proxy else None
        self._place = functools.lru_cache(maxsize=256)(self._place_of)

    @property
    def has_credentials(self) -> bool:
        """Whether requests get in without a key of their own."""
        return self._credentials is not None

    async def check_credentials(self, url: str) -> None:
        """Makes sure that there are credentials for an address, where it takes more than a key. Raises as they do."""
        if self._credentials is not None:
            await self._credentials.headers(UpstreamRequest(method="GET", url=url, headers={}, body=b""))

    def send(self, request: UpstreamRequest, connect: float | None = None) -> Exchange:
        """An exchange to enter: `async with upstream.send(request) as exchange`. `connect` is how many seconds a new
        connection may take, if that is not what the settings say.
        """
        return Exchange(self, request, connect)

    async def open(self, request: UpstreamRequest, connect: float | None) -> tuple[Lease, Connection, Answer]:
        """Sends a request and waits for the headers of the answer. Raises as `Exchange.__aenter__` does."""
        place = self._place(request.url)
        headers = {"host": place.host, "user-agent": _AGENT, "accept": "*/*"}
        _add(headers, request.headers)
        if self._credentials is not None:
            _add(headers, await self._credentials.headers(request))
        limits = self._timeout if connect is None else _connecting_within(connect)
        while True:
            lease = await self._connect(place, limits)
            connection = lease.protocol
            assert isinstance(connection, Connection)  # noqa: S101 - the connector was told to make these
            if (key := place.origin.headers.get("proxy-authorization")) is not None:
                headers["proxy-authorization"] = key
            answer = None
            try:
                answer = connection.send(request, place.target, headers)
                while not answer.status:
                    answer.check()
                    await answer.more()
            except Lost as error:
                _leave(lease, connection)
                # One that served before may have been closed just then, and asking again does no harm if nothing was
                # sent or nothing comes of being asked twice.
                if connection.served > 1 and (answer is None or request.method in _IDEMPOTENT):
                    continue
                raise _hung_up() from error
            except NotHttp as error:
                _leave(lease, connection)
                raise GatewayError(error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, _NOT_HTTP) from error
            except BaseException:
                _leave(lease, connection)
                raise
            return lease, connection, answer

    async def _connect(self, place: _Place, limits: aiohttp.ClientTimeout) -> Lease:
        try:
            return await self._connector.connect(place.origin, [], limits)
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

    def _place_of(self, url: str) -> _Place:
        """Where an address is. There are few, and parsing one costs more than the rest of a request."""
        parsed = URL(url, encoded=True)
        through = self._proxy is not None and parsed.scheme == "http"
        return _Place(
            origin=aiohttp.ClientRequest("GET", parsed, loop=self._loop, proxy=self._proxy),
            host=parsed.host_port_subcomponent or "",
            target=str(parsed) if through else parsed.raw_path_qs,
        )

    async def close(self) -> None:
        """Closes every connection."""
        await self._connector.close()
        if self._credentials is not None:
            await self._credentials.close()


class _Place(NamedTuple):
    """What an address says: `origin` as aiohttp knows it, and the host and target of a request."""

    origin: aiohttp.ClientRequest
    host: str
    target: str


class Exchange:
    """One request and its answer. Leaving it closes the connection at once, unless the answer was `complete`d."""

    status: int
    headers: Mapping[str, str]

    def __init__(self, upstream: HttpUpstream, request: UpstreamRequest, connect: float | None) -> None:
        self._upstream = upstream
        self._request = request
        self._connect = connect
        self._complete = False

    async def __aenter__(self) -> Exchange:
        """Sends the request and waits for the headers of the answer.

        Raises:
            GatewayError: UPSTREAM_UNREACHABLE, UPSTREAM_TIMEOUT, UPSTREAM_PROTOCOL_ERROR or GATEWAY_OVERLOADED, or what
                the credentials raise.
        """
        self._lease, self._connection, self._answer = await self._upstream.open(self._request, self._connect)
        self.status, self.headers = self._answer.status, self._answer.headers
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        answer, leave = self._answer, functools.partial(_leave, self._lease, self._connection)
        if self._complete and error is None and answer.can_go_on:
            # The end of the body, which follows a complete answer, lets the connection serve again. It is not waited
            # for, and has not long to come.
            late = asyncio.get_running_loop().call_later(REST_SECONDS, leave)
            answer.over = functools.partial(_in_time, late, leave)
        else:
            leave()

    async def read(self, patience: float = 0.0, latest: float = math.inf) -> bytes:
        """What has come since the last time, or what the next network read brings, with all that follows in `patience`
        seconds if that is before `latest`, a time of the loop's clock; empty at the end of the body.

        Raises:
            ConnectionFailed: the connection broke.
        """
        answer = self._answer
        try:
            while (data := answer.take()) is None:
                await answer.more(patience, latest)
        except NotHttp as error:
            raise ConnectionFailed(error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, _NOT_HTTP) from error
        except Lost as error:
            msg = "the provider closed the connection in the middle of its answer"
            raise ConnectionFailed(error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE, msg) from error
        return data

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


def _add(headers: dict[str, str], more: Mapping[str, str]) -> None:
    for name, value in more.items():
        headers[name.lower()] = value


def _leave(lease: Lease, connection: Connection) -> None:
    """Gives a connection back, or closes it if it cannot serve again."""
    if connection.end():
        lease.release()
    else:
        lease.close()


def _in_time(late: asyncio.TimerHandle, leave: Callable[[], None]) -> None:
    late.cancel()
    leave()


# Read once: looking it up takes milliseconds.
_AGENT = f"trunkline/{metadata.version('trunkline')}"
# By the standard, RFC 9110.
_IDEMPOTENT = frozenset({"GET", "HEAD", "PUT", "DELETE", "OPTIONS", "TRACE"})
_NOT_HTTP = "the provider answered with something that is not HTTP"
_CONNECT = {"stage": "connect"}


def _connecting_within(seconds: float) -> aiohttp.ClientTimeout:
    # `sock_connect` is one socket, `connect` everything until there is a connection: names, waiting for a place, TLS.
    return aiohttp.ClientTimeout(total=None, connect=seconds, sock_connect=seconds)


def _unreachable(error: Exception) -> GatewayError:
    text = f"the provider could not be reached: {_why(error)}"
    return GatewayError(error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE, text, metadata=_CONNECT)


def _hung_up() -> GatewayError:
    text = "the provider hung up before it answered"
    return GatewayError(error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE, text, metadata={"stage": "headers"})


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
