"""Anthropic's own API: messages, their counts, and the models."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from trunkline_service.simulator import prompt_cache
from trunkline_service.simulator.answers import Answer, Asked, new_id
from trunkline_service.simulator.anthropic import checks, errors, events, models, reading, rendering
from trunkline_service.simulator.anthropic.batches import MessageBatches
from trunkline_service.simulator.errors import SPEND_LIMIT, RefusedError
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.sse import encode, named
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Script, Trouble

_LIMITS = {"requests": 4000, "tokens": 480_000, "input-tokens": 400_000, "output-tokens": 80_000}


class AnthropicWire:
    """See Wire. Other homes of Claude have their own routes and headers, and the same answers."""

    events_type = "text/event-stream; charset=utf-8"
    ping = events.PING
    broken = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"del\n\n'

    def __init__(self, stage: Stage) -> None:
        """Play on a stage."""
        self._stage = stage

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        return (
            Route("POST", "/v1/messages", self._create),
            Route("POST", "/v1/messages/count_tokens", self._count),
            Route("GET", "/v1/models", self._list_models),
            Route("GET", "/v1/models/{id}", self._get_model),
            *MessageBatches(self._stage, self).routes(),
        )

    def headers(self) -> dict[str, str]:
        """See Wire."""
        reset = (datetime.now(UTC) + timedelta(seconds=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        found = {"request-id": new_id("req"), "anthropic-organization-id": "5d1f6c0e-8a44-4d6b-9f0a-2b7c61d0e9a3"}
        for name, limit in _LIMITS.items():
            found[f"anthropic-ratelimit-{name}-limit"] = str(limit)
            found[f"anthropic-ratelimit-{name}-remaining"] = str(limit - 1 if name == "requests" else limit)
            found[f"anthropic-ratelimit-{name}-reset"] = reset
        return found

    def failure(self, trouble: Trouble) -> tuple[dict[str, str], bytes]:
        """See Wire."""
        found, status = self.headers(), trouble.status
        again = (status in (408, 409, 429) or status >= 500) and trouble.code != SPEND_LIMIT
        found["x-should-retry"] = str(again).lower()
        return found, encode({**errors.body(trouble), "request_id": found["request-id"]})

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """See Wire."""
        return encode(rendering.message(answer, asked))

    def script(self, answer: Answer, asked: Asked) -> Script:
        """See Wire."""
        return rendering.script(answer, asked)

    def is_delta(self, frame: bytes) -> bool:
        """See Wire."""
        return events.is_delta(frame)

    def error_frame(self, trouble: Trouble) -> bytes:
        """See Wire."""
        return named(errors.body(trouble))

    async def _create(self, x: Exchange) -> None:
        version, beta = checks.check_headers(x.headers), "anthropic-beta" in x.headers
        body = checks.check_message(x.json(), version, beta=beta)
        await self._stage.perform(x, reading.prompt(body, self._stage.tokens(x, body)))

    async def _count(self, x: Exchange) -> None:
        version, beta = checks.check_headers(x.headers), "anthropic-beta" in x.headers
        body = checks.check_count(x.json(), version, beta=beta)
        await x.reply({"input_tokens": prompt_cache.count(body)})

    async def _list_models(self, x: Exchange) -> None:
        checks.check_headers(x.headers)
        await x.reply(models.page(x.query, x.query.getall("lifecycle[]", [])))

    async def _get_model(self, x: Exchange) -> None:
        checks.check_headers(x.headers)
        x.call.model = x.path["id"]
        await x.reply(models.one(x.path["id"]))

    async def no_such_path(self, x: Exchange) -> None:
        """Refuse whatever no wire has a path for."""
        raise RefusedError(404, "Not found")
