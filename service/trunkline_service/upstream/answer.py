"""An HTTP answer, while it comes in.

Read by httptools, which is llhttp, Node's parser. aiohttp has the same parser, but keeps books of each chunk of a body,
and what is streamed comes in a chunk for each token.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable

import httptools

# As large as any server sends them: an answer that is not understood loses its status, and with it why.
MAX_HEADER = 64 * 1024
MAX_HEADERS = 1000
MAX_HEAD = 512 * 1024
# So much of a body may wait for its reader before the provider is no longer listened to.
MAX_UNREAD = 512 * 1024

# More than this is not waited for to become more still.
MAX_GATHERED = 64 * 1024


class Lost(Exception):
    """The connection broke before the end of the answer."""


class NotHttp(Exception):
    """What came is not HTTP."""


class Answer:
    """The answer to one request; `feed` it what comes, and tell it when the connection is `lost`.

    `status` is 0 until the headers are there, whose names are in lower case; `pause` is called with whether too much is
    unread. `is_whole` says that the end of the body is here. `over`, if it is set, is called once as soon as nothing
    more can come.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, pause: Callable[[bool], None]) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self.is_whole = False
        self.over: Callable[[], None] | None = None
        self._loop = loop
        self._pause = pause
        self._keep_alive = False
        self._paused = False
        self._pieces: list[bytes] = []
        # Called for each piece of the body, and there is a piece for each token.
        self.on_body = self._pieces.append
        self._parser = parser = httptools.HttpResponseParser(self)
        # What other clients let pass, too.
        parser.set_dangerous_leniencies(
            lenient_headers=True, lenient_optional_cr_before_lf=True, lenient_spaces_after_chunk_size=True
        )
        self._head_size = 0
        self._header_count = 0
        self._unread = 0
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None
        self._patience = 0.0
        self._latest = math.inf
        self._late: asyncio.TimerHandle | None = None

    def take(self) -> bytes | None:
        """What has come of the body since the last time; empty at its end, and None if there is nothing yet.

        Raises `Lost` or `NotHttp`.
        """
        pieces = self._pieces
        if not pieces:
            if self.is_whole:
                return b""
            self.check()
            return None
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._unread = 0
        if self._paused:
            self._paused = False
            self._pause(False)
        return data

    def check(self) -> None:
        """Raises `Lost` or `NotHttp` if nothing more can come."""
        if self._error is not None:
            raise self._error

    def more(self, patience: float = 0.0, latest: float = math.inf) -> asyncio.Future[None]:
        """Done at the next network read, or when there is none any more; with `patience`, so many seconds after the
        read, unless there is much by then, or nothing more to come, or it would be later than `latest`, a time of the
        loop's clock. One can be waited for at a time.
        """
        self._patience = patience
        self._latest = latest
        self._waiter = waiter = self._loop.create_future()
        return waiter

    def feed(self, data: bytes) -> None:
        """Takes what one network read brought."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            # Not asked for, so it is no more than its status says. What follows is in no language that is known here.
            self.is_whole = True
        except httptools.HttpParserError:
            self.fail(NotHttp())
            return
        # Somewhat more than there is of the body, by what is around its pieces and before it.
        self._unread += len(data)
        if not self.status:
            self._head_size += len(data)
            if self._head_size > MAX_HEAD:
                self.fail(NotHttp())
        elif self._unread > MAX_UNREAD and not self._paused and self._pieces:
            self._paused = True
            self._pause(True)
        if not self._patience or self.is_whole or self._unread > MAX_GATHERED:
            self._wake()
        elif self._late is None and self._waiter is not None:
            due = self._loop.time() + self._patience
            if due > self._latest:
                self._wake()
            else:
                self._late = self._loop.call_at(due, self._wake)

    def lost(self) -> None:
        """The connection has ended: so has the answer, or was that its end."""
        if self.status and not self._is_delimited():
            self.is_whole = True
        self.fail(Lost())

    def fail(self, error: Exception) -> None:
        """Nothing more will come. What came of the body can still be read; after that, the reader gets the error."""
        self._keep_alive = False
        if self._error is None:
            self._error = error
        self._wake()

    def _wake(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        waiter, self._waiter = self._waiter, None
        if waiter is not None and not waiter.done():
            waiter.set_result(None)
        if self.over is not None and (self.is_whole or self._error is not None):
            over, self.over = self.over, None
            over()

    @property
    def reusable(self) -> bool:
        """Whether the connection may serve again: it may not if what was sent is not read to its end."""
        return self._keep_alive and not self._paused

    @property
    def can_go_on(self) -> bool:
        """Whether more of it may come."""
        return not self.is_whole and self._error is None

    def _is_delimited(self) -> bool:
        return "content-length" in self.headers or "chunked" in self.headers.get("transfer-encoding", "").lower()

    # What the parser calls.

    def on_message_begin(self) -> None:
        """Another answer, to a request that was not made, ends the use of the connection."""
        if self.is_whole:
            raise NotHttp

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, whole; or a trailer, which nobody asks for."""
        if self.status:
            return
        self._header_count += 1
        if self._header_count > MAX_HEADERS or len(name) + len(value) > MAX_HEADER:
            raise NotHttp
        self.headers[name.decode("latin-1").lower()] = value.decode("latin-1").rstrip(" \t")

    def on_headers_complete(self) -> None:
        """The head is over, unless it was that of an interim answer."""
        status = self._parser.get_status_code()
        if 100 <= status < 200 and status != 101:
            self.headers.clear()
        else:
            self.status = self.status or status

    def on_message_complete(self) -> None:
        """The end of the body, unless that was that of an interim answer."""
        if self.status and not self.is_whole:
            self.is_whole = True
            self._keep_alive = self._parser.should_keep_alive()
