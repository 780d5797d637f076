"""What a provider's wire format is to the simulator. `server.py` says how to add one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from trunkline_service.simulator.answers import Answer, Asked

if TYPE_CHECKING:
    from trunkline_service.simulator.exchange import Exchange


@dataclass(frozen=True, slots=True)
class Route:
    """A path, as aiohttp's router takes it, and what answers there; the first of several that fit is taken.

    `answer` raises `RefusedError` for what upstream would not take. Several routes may share a path if their methods
    differ; the method "*" takes all of them.
    """

    method: str
    path: str
    answer: Callable[[Exchange], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """An error to be told in a wire's own form.

    `kind` is one of `errors.TYPES`. Without a `message` the wire has its own words. `code` says more where there is
    more to say: `errors.SPEND_LIMIT`, `errors.CONTEXT_LENGTH`, or a word of a check of the wire's own; `param` is the
    member of the request that is to blame.
    """

    status: int
    kind: str
    message: str | None = None
    code: str | None = None
    param: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The frames of a streamed answer, in the parts at which it can break.

    `content` is everything up to the last delta, `closing` what ends the last block, `reason` says why the answer is
    over, and `mark` is the end mark. A wire that lacks a part leaves it empty.
    """

    content: Sequence[bytes]
    closing: Sequence[bytes] = ()
    reason: Sequence[bytes] = ()
    mark: Sequence[bytes] = ()

    @property
    def frames(self) -> list[bytes]:
        """All frames, in order."""
        return [*self.content, *self.closing, *self.reason, *self.mark]


class Wire(Protocol):
    """A wire format: routes that read requests, and the form of everything that is answered there.

    `events_type` is the media type of streams; `ping` is a frame that means nothing, and `broken` one that cannot be
    read.
    """

    events_type: str
    ping: bytes
    broken: bytes

    def routes(self) -> Sequence[Route]:
        """The paths that this wire answers at."""

    def headers(self) -> dict[str, str]:
        """The headers that upstream sets on every success."""

    def failure(self, trouble: Trouble) -> tuple[dict[str, str], bytes]:
        """The headers and the JSON body of an error response."""

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """The JSON body of an answer that is not streamed."""

    def script(self, answer: Answer, asked: Asked) -> Script:
        """The frames of a streamed answer."""

    def is_delta(self, frame: bytes) -> bool:
        """Whether a frame is one of those that are paced."""

    def error_frame(self, trouble: Trouble) -> bytes:
        """The error that ends a stream after its status has gone out."""
