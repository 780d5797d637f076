"""Everything that goes wrong with an upstream, each fault as it shows on the wire."""

import math
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Protocol

from trunkline_service.simulator import errors
from trunkline_service.simulator.answers import Answer, PlainText
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.text_answers import plain
from trunkline_service.simulator.tool_answers import one_tool
from trunkline_service.simulator.wire import Trouble

_STATUSES = {kind: status for status, kind in reversed(errors.TYPES.items())}
_RETRY_SECONDS = 7
_PING_SECONDS = 0.1


class Play(Protocol):
    """A behaviour: it does with the exchange what its name says."""

    async def __call__(self, exchange: Exchange, /) -> None:
        """Play the behaviour; the response is ended cleanly afterwards, unless it was reset."""


async def any_error(x: Exchange) -> None:
    """Fail with the status of the `s` parameter, and say what `r` has of when to try again."""
    await _fail(x, x.asked.status)


def error(status: int) -> Play:
    """Fail with a status and upstream's body for it."""

    async def play(x: Exchange) -> None:
        await _fail(x, status)

    return play


async def _fail(x: Exchange, status: int) -> None:
    after = x.asked.retry_after
    told = {} if after is None else {"retry-after": str(math.ceil(after)), "retry-after-ms": str(round(after * 1000))}
    await x.fail(status, extra=told)


async def error_413(x: Exchange) -> None:
    """Refuse the body's size as the edge in front of upstream does: HTML, and none of upstream's headers."""
    page = errors.HTML.format(status=413, title="Request Entity Too Large")
    await x.respond_bare(413, page.encode(), "text/html", {"server": "cloudflare"})


async def rate_limited(x: Exchange) -> None:
    """Limit the rate, with `retry-after` in seconds."""
    await x.fail(429, extra={"retry-after": str(_RETRY_SECONDS)})


async def rate_limited_date(x: Exchange) -> None:
    """Limit the rate, with `retry-after` as a date."""
    until = datetime.now(UTC) + timedelta(seconds=_RETRY_SECONDS)
    await x.fail(429, extra={"retry-after": format_datetime(until, usegmt=True)})


async def rate_limited_ms(x: Exchange) -> None:
    """Limit the rate, with `retry-after-ms`."""
    await x.fail(429, extra={"retry-after-ms": "250"})


async def spend_limit(x: Exchange) -> None:
    """Report a spend limit: a 429 that no retry helps."""
    await x.fail(429, "You have reached your monthly spend limit.", code=errors.SPEND_LIMIT)


async def context_error(x: Exchange) -> None:
    """Refuse a prompt that does not fit the window."""
    await x.fail(400, "prompt is too long: 210000 tokens > 200000 maximum", code=errors.CONTEXT_LENGTH)


async def content_error(x: Exchange) -> None:
    """Refuse the content by upstream's policy."""
    await x.fail(400, "Output blocked by content filtering policy", code=errors.CONTENT_POLICY)


async def no_prefill(x: Exchange) -> None:
    """Refuse to go on with an answer that the request begins; newer models do."""
    if x.asked.prompt.prefilled:
        what = "This model does not support assistant message prefill."
        raise RefusedError(400, f"{what} The conversation must end with a user message.")
    await x.answer(plain(x.asked))


async def html(x: Exchange) -> None:
    """Answer with a web page, as a captive portal or a broken proxy would."""
    page = errors.HTML.format(status=x.asked.status, title="Something is in the way")
    await x.respond_bare(x.asked.status, page.encode(), "text/html", {"server": "cloudflare"})


async def json_always(x: Exchange) -> None:
    """Answer with one JSON message though events were asked for."""
    await x.respond(200, x.whole(_plain(x)))


async def garbage(x: Exchange) -> None:
    """Answer 200 with the right content type and a body that is nothing like it."""
    await x.start() if x.asked.stream else await x.start("application/json")
    await x.write(b"event: message_start\ndata: <<<not json>>>\n\n")
    await x.write(b"\x00\x01\x02 no event at all\n\n")


async def reset(x: Exchange) -> None:
    """Reset the connection before any answer."""
    await x.reset()


async def silence(x: Exchange) -> None:
    """Take the request and never answer."""
    await x.hang()


async def silence_headers(x: Exchange) -> None:
    """Send status and headers, and then nothing."""
    await x.start()
    await x.hang()


async def stall(x: Exchange) -> None:
    """Begin, then fall silent with the connection open."""
    await _begin(x)
    await x.hang()


async def stall_pings(x: Exchange) -> None:
    """Begin, then send pings and nothing else."""
    await _begin(x)
    await x.repeat(x.wire.ping if x.asked.stream else b" ", x.asked.gap or _PING_SECONDS)


async def only_pings(x: Exchange) -> None:
    """Send pings and nothing else."""
    await x.start() if x.asked.stream else await x.start("application/json")
    await x.repeat(x.wire.ping if x.asked.stream else b" ", x.asked.gap or _PING_SECONDS)


async def cut(x: Exchange) -> None:
    """Begin, then reset the connection."""
    await _begin(x)
    await x.reset()


async def cut_clean(x: Exchange) -> None:
    """Begin, then end the body as if it were complete."""
    await _begin(x)


async def cut_tool(x: Exchange) -> None:
    """Reset the connection inside a tool's arguments."""
    answer = one_tool(x.asked)
    if not x.asked.stream:
        await _begin_whole(x, answer)
    else:
        # Without the last piece of the arguments.
        await x.play(x.script(answer).content[:-1])
    await x.reset()


async def malformed(x: Exchange) -> None:
    """Break one event's JSON; the rest of the stream is in order."""
    answer = _plain(x)
    if not x.asked.stream:
        await _begin_whole(x, answer)
        return
    script = x.script(answer)
    await x.play([*script.content, x.wire.broken, *script.closing, *script.reason, *script.mark])


def error_event(kind: str) -> Play:
    """Fail in mid-stream, on status 200; n0 makes the error the first event. Unary: a plain error."""

    async def play(x: Exchange) -> None:
        if not x.asked.stream:
            await x.fail(_STATUSES[kind])
            return
        if x.asked.n:
            await _begin(x)
        await x.write(x.wire.error_frame(Trouble(status=_STATUSES[kind], kind=kind)))

    return play


async def no_stop(x: Exchange) -> None:
    """Send everything but the end mark."""
    answer = _plain(x)
    if x.asked.stream:
        script = x.script(answer)
        await x.play([*script.content, *script.closing, *script.reason])
    else:
        await x.answer(answer)


async def no_delta(x: Exchange) -> None:
    """Leave out what says why the answer is over: a stream that stops without a reason."""
    answer = Answer([PlainText(x.asked.n or 0)], stop_reason=None)
    if x.asked.stream:
        script = x.script(answer)
        await x.play([*script.content, *script.closing, *script.mark])
    else:
        await x.answer(answer)


async def no_reason(x: Exchange) -> None:
    """Say at the end that there is no stop reason."""
    await x.answer(Answer([PlainText(x.asked.n or 0)], stop_reason=None))


async def _begin(x: Exchange) -> None:
    """Write a stream up to its n-th delta; the first half of a unary answer."""
    answer = _plain(x)
    if x.asked.stream:
        await x.play(x.script(answer).content)
    else:
        await _begin_whole(x, answer)


async def _begin_whole(x: Exchange, answer: Answer) -> None:
    body = x.whole(answer)
    await x.start("application/json")
    await x.write(body[: len(body) // 2])


def _plain(x: Exchange) -> Answer:
    return Answer([PlainText(x.asked.n or 0)])
