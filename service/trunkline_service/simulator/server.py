"""The HTTP server: routes, the record of calls, and the life of it all.

A provider's wire format is an object as `wire.Wire` describes it, in a module or folder of its own, made with the
`Stage` on which all of them play; one line in `_WIRES` adds it. Its `routes()` are the paths of its API, each with a
function that takes an `Exchange`. Such a function checks the request (`x.headers`, `x.path`, `x.query`, `x.json()`) in
upstream's own words and raises `RefusedError` for what upstream would not take; then it answers with `x.reply(…)`, or,
where a model answers, with `await stage.perform(x, Prompt(…))`. From there the model's name takes over: behaviours and
faults speak through the wire's other methods (`whole`, `script`, `failure`, `error_frame` …), so that all of
them work in every format, and none has to know of them. `anthropic/wire.py` is the shortest complete example, and a
base class for the other homes of Claude: override `routes`, `headers`, `failure` or `script`.
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable, Sequence
from types import TracebackType
from typing import Self

from aiohttp import web

from trunkline_service.simulator import bedrock, errors, gemini, openai, vertex
from trunkline_service.simulator.anthropic import AnthropicWire
from trunkline_service.simulator.calls import CallLog, ReceivedCall
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.sse import encode
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Wire

_MOST_BODY = 32 * 1024 * 1024

_WIRES: Sequence[Callable[[Stage], Wire]] = (*openai.WIRES, *gemini.WIRES, *bedrock.WIRES, *vertex.WIRES)
"""The wires beside Anthropic's, which also answers at paths that nobody has."""


class Simulator:
    """An HTTP server that speaks the wire formats of providers, on loopback.

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
        self._stage = Stage()
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
        self._stage.clear()

    async def start(self) -> None:
        """Listen; raises OSError if the port is taken."""
        app = web.Application(client_max_size=_MOST_BODY)
        anthropic = AnthropicWire(self._stage)
        for wire in (anthropic, *(make(self._stage) for make in _WIRES)):
            for route in wire.routes():
                app.router.add_route(route.method, route.path, self._recorded(wire, route))
        app.router.add_get("/_simulator/calls", self._show_calls)
        app.router.add_delete("/_simulator/calls", self._forget_calls)
        elsewhere = Route("*", "/{path:.*}", anthropic.no_such_path)
        app.router.add_route(elsewhere.method, elsewhere.path, self._recorded(anthropic, elsewhere))
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

    def _recorded(self, wire: Wire, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = self._log.open(request.method, request.path_qs, request.headers)
            self._open[call.number] = request
            try:
                response = await self._answered(Exchange(request, call, wire), route, request)
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

    async def _answered(self, x: Exchange, route: Route, request: web.Request) -> web.StreamResponse:
        try:
            self._log.read(x.call, await request.read())
            await route.answer(x)
        except web.HTTPRequestEntityTooLarge:
            page = errors.HTML.format(status=413, title="Request Entity Too Large")
            await x.respond_bare(413, page.encode(), "text/html; charset=utf-8")
        except RefusedError as refused:
            await x.fail(refused.status, refused.message, code=refused.code, param=refused.param)
        return await x.finish()

    async def _show_calls(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not after.isascii() or not after.isdigit():
            raise web.HTTPBadRequest(text="after: a call's number is wanted")
        shown = encode({"calls": [call.to_json() for call in self._log.after(int(after))]})
        return web.Response(body=shown, content_type="application/json")

    async def _forget_calls(self, request: web.Request) -> web.Response:
        self.clear()
        return web.Response(status=204)
