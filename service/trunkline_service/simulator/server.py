"""The HTTP server: routes, the record of calls, and the life of it all."""

import asyncio
import ipaddress
from collections import Counter
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self

import msgspec
from aiohttp import web

from trunkline_service.simulator import behaviours, checks, errors, models, names, prompt_cache
from trunkline_service.simulator.answers import Asked
from trunkline_service.simulator.calls import CallLog, ReceivedCall
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.exchange import Exchange, headers
from trunkline_service.simulator.prompt_cache import PromptCache, PromptTokens
from trunkline_service.simulator.sse import Json, encode

_MOST_BODY = 32 * 1024 * 1024
_OVERLOADED = 529

_Answer = Callable[[web.Request, ReceivedCall], Awaitable[web.StreamResponse]]


class Simulator:
    """An HTTP server that speaks the Messages API's wire format, on loopback.

    Use it as an async context manager, or call `start` and `stop`; it runs in the loop that starts it. What a
    call gets is up to the model it names: see `describe`.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        """Take a loopback address, anything else raises ValueError; and a port, 0 for any that is free."""
        if host != "localhost" and not ipaddress.ip_address(host).is_loopback:
            raise ValueError(f"the simulator listens on loopback only, not on {host}")
        self._host = host
        self._port = port
        self._log = CallLog()
        self._cache = PromptCache()
        self._failures: Counter[str] = Counter()
        self._open: dict[int, web.Request] = {}
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """The base URL, without a slash at its end; known once started."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}"

    @property
    def calls(self) -> list[ReceivedCall]:
        """The last 10,000 calls to the API, oldest first, those still running included."""
        return self._log.calls

    def clear(self) -> None:
        """Forget all calls, the prompt cache, and how often flaky models have failed."""
        self._log.clear()
        self._failures.clear()
        self._cache = PromptCache()

    async def start(self) -> None:
        """Listen; raises OSError if the port is taken."""
        app = web.Application(client_max_size=_MOST_BODY)
        app.router.add_post("/v1/messages", self._recorded(self._create))
        app.router.add_post("/v1/messages/count_tokens", self._recorded(self._count))
        app.router.add_get("/v1/models", self._recorded(self._list_models))
        app.router.add_get("/v1/models/{id}", self._recorded(self._get_model))
        app.router.add_get("/_simulator/calls", self._show_calls)
        app.router.add_delete("/_simulator/calls", self._forget_calls)
        app.router.add_route("*", "/{path:.*}", self._recorded(self._no_such_path))
        # Cancelled handlers are how a hang-up is noticed, at once and wherever a behaviour happens to wait.
        self._runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, self._host, self._port, backlog=1024).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Stop at once: whatever still runs is aborted, and its calls stay "running" in the record."""
        runner, self._runner = self._runner, None
        if runner is None:
            return
        aborted, self._open = self._open, {}
        for request in aborted.values():
            if request.transport is not None:
                request.transport.abort()
        await runner.cleanup()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        await self.stop()

    def _recorded(self, answer: _Answer) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = self._log.open(request.method, request.path_qs, request.headers)
            self._open[call.number] = request
            try:
                response = await self._answered(answer, request, call)
            except asyncio.CancelledError:
                if call.number in self._open:
                    call.hung_up()
                raise
            except ConnectionError:
                call.hung_up()
                # Nobody is there to read it, but the HTTP library wants a response.
                return web.Response()
            finally:
                self._open.pop(call.number, None)
            return response

        return handle

    async def _answered(self, answer: _Answer, request: web.Request, call: ReceivedCall) -> web.StreamResponse:
        try:
            self._log.read(call, await request.read())
            return await answer(request, call)
        except web.HTTPRequestEntityTooLarge:
            page = errors.HTML.format(status=413, title="Request Entity Too Large")
            response = web.Response(status=413, text=page, content_type="text/html")
        except RefusedError as refused:
            found = headers(refused.status)
            body = errors.body(errors.type_of(refused.status), refused.message)
            response = _json({**body, "request_id": found["request-id"]}, refused.status, found)
        return await _finish(request, call, response)

    async def _create(self, request: web.Request, call: ReceivedCall) -> web.StreamResponse:
        version, beta = checks.check_headers(request.headers), "anthropic-beta" in request.headers
        body = checks.check_message(_parse(call), version, beta=beta)
        name = names.parse(body["model"])
        behaviour = behaviours.find(name.behaviour)
        asked = Asked(
            model=body["model"],
            body=body,
            tokens=self._prompt_tokens(call.body, body),
            n=behaviour.n if name.n is None else name.n,
            gap=(behaviour.g if name.g is None else name.g) / 1000,
            status=behaviour.s if name.s is None else name.s,
        )
        exchange = Exchange(request, call, asked)
        if wait := behaviour.t if name.t is None else name.t:
            await asyncio.sleep(wait / 1000)
        if self._failures[asked.model] < name.failures:
            self._failures[asked.model] += 1
            await exchange.fail(name.s or _OVERLOADED)
        else:
            await behaviour.play(exchange)
        return await exchange.finish()

    async def _count(self, request: web.Request, call: ReceivedCall) -> web.StreamResponse:
        version, beta = checks.check_headers(request.headers), "anthropic-beta" in request.headers
        body = checks.check_count(_parse(call), version, beta=beta)
        return await _finish(request, call, _json({"input_tokens": prompt_cache.count(body)}))

    async def _list_models(self, request: web.Request, call: ReceivedCall) -> web.StreamResponse:
        checks.check_headers(request.headers)
        page = models.page(request.query, request.query.getall("lifecycle[]", []))
        return await _finish(request, call, _json(page))

    async def _get_model(self, request: web.Request, call: ReceivedCall) -> web.StreamResponse:
        checks.check_headers(request.headers)
        call.model = request.match_info["id"]
        return await _finish(request, call, _json(models.one(call.model)))

    async def _no_such_path(self, request: web.Request, call: ReceivedCall) -> web.StreamResponse:
        raise RefusedError(404, "Not found")

    def _prompt_tokens(self, data: bytes, body: Json) -> PromptTokens:
        # Most requests mark nothing, and are spared the hashing.
        if b'"cache_control"' in data:
            return self._cache.use(body)
        return PromptTokens(prompt_cache.count(body))

    async def _show_calls(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not after.isascii() or not after.isdigit():
            raise web.HTTPBadRequest(text="after: a call's number is wanted")
        return _json({"calls": [call.to_json() for call in self._log.after(int(after))]}, extra={})

    async def _forget_calls(self, request: web.Request) -> web.Response:
        self.clear()
        return web.Response(status=204)


def _parse(call: ReceivedCall) -> object:
    try:
        call.json = msgspec.json.decode(call.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise RefusedError(400, f"The request body is not valid JSON: {error}") from error
    if isinstance(call.json, dict) and isinstance(call.json.get("model"), str):
        call.model = call.json["model"]
    return call.json


def _json(body: Json, status: int = 200, extra: dict[str, str] | None = None) -> web.Response:
    found = headers(status) if extra is None else extra
    return web.Response(status=status, body=encode(body), headers={**found, "content-type": "application/json"})


async def _finish(request: web.Request, call: ReceivedCall, response: web.Response) -> web.Response:
    call.status = response.status
    call.sent()
    await response.prepare(request)
    await response.write_eof()
    call.answered()
    return response
