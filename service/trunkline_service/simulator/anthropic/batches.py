"""Message Batches: made with their items, and read as lines of JSON in any order."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from trunkline_service.simulator import prompt_cache
from trunkline_service.simulator.anthropic import checks, reading
from trunkline_service.simulator.anthropic.message_checks import invalid
from trunkline_service.simulator.batching import Batch, Batches, answered
from trunkline_service.simulator.errors import RefusedError, type_of
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Trouble, Wire

_PATH = "/v1/messages/batches"
_MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class _Item:
    custom_id: str
    model: str
    params: Json
    version: str
    beta: bool


class MessageBatches:
    """The batches of one wire, and the routes to them."""

    def __init__(self, stage: Stage, wire: Wire) -> None:
        """Play items on a stage, in the form of a wire."""
        self._stage = stage
        self._wire = wire
        self._batches: Batches[_Item] = Batches("msgbatch")
        stage.forgets(self._batches.clear)

    def routes(self) -> Sequence[Route]:
        """Give the routes."""
        return (
            Route("POST", _PATH, self._create),
            Route("GET", _PATH, self._list),
            Route("GET", f"{_PATH}/{{id}}", self._get),
            Route("DELETE", f"{_PATH}/{{id}}", self._delete),
            Route("POST", f"{_PATH}/{{id}}/cancel", self._cancel),
            Route("GET", f"{_PATH}/{{id}}/results", self._results),
        )

    async def _create(self, x: Exchange) -> None:
        version, beta = checks.check_headers(x.headers), "anthropic-beta" in x.headers
        body = x.json()
        requests = body.get("requests") if isinstance(body, dict) else None
        if not isinstance(requests, list) or not requests:
            invalid("requests: Field required")
        if len(requests) > _MOST_ITEMS:
            invalid(f"requests: at most {_MOST_ITEMS} items")
        items = [_item(request, f"requests.{place}", version, beta=beta) for place, request in enumerate(requests)]
        if len({item.custom_id for item in items}) < len(items):
            invalid("requests: custom_id values must be unique")
        await x.reply(_shown(self._batches.add(items), ended=False))

    async def _list(self, x: Exchange) -> None:
        checks.check_headers(x.headers)
        limit = x.query.get("limit", "20")
        if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= 1000:
            invalid("limit: Input should be between 1 and 1000")
        batches, more = self._batches.page(int(limit), x.query.get("after_id"))
        data = [_shown(batch, ended=batch.has_ended) for batch in batches]
        first, last = (data[0]["id"], data[-1]["id"]) if data else (None, None)
        await x.reply({"data": data, "has_more": more, "first_id": first, "last_id": last})

    async def _get(self, x: Exchange) -> None:
        batch = self._found(x)
        await x.reply(_shown(batch, ended=batch.has_ended))

    async def _delete(self, x: Exchange) -> None:
        batch = self._found(x)
        if not batch.has_ended:
            invalid("Only batches that have ended can be deleted.")
        self._batches.remove(batch.id)
        await x.reply({"id": batch.id, "type": "message_batch_deleted"})

    async def _cancel(self, x: Exchange) -> None:
        batch = self._found(x)
        if batch.has_ended:
            await x.reply(_shown(batch, ended=True))
            return
        batch.cancel()
        await x.reply({**_shown(batch, ended=False), "processing_status": "canceling"})

    async def _results(self, x: Exchange) -> None:
        batch = self._found(x)
        if not batch.has_ended:
            raise RefusedError(404, f"Batch {batch.id} has no available results")
        await x.start("application/x-jsonl")
        for item in batch.shuffled():
            await x.write(encode({"custom_id": item.custom_id, "result": await self._result(batch, item)}) + b"\n")

    async def _result(self, batch: Batch[_Item], item: _Item) -> Json:
        outcome = batch.outcome(item)
        if outcome in ("canceled", "expired"):
            return {"type": outcome}
        try:
            body = checks.check_message(item.params, item.version, beta=item.beta)
            prompt = reading.prompt(body, PromptTokens(prompt_cache.count(body)), stream=False)
            status, said = await answered(self._stage, self._wire, prompt)
        except RefusedError as refused:
            trouble = Trouble(status=refused.status, kind=type_of(refused.status), message=refused.message)
            status, (_, said) = refused.status, self._wire.failure(trouble)
        if status == 200:
            return {"type": "succeeded", "message": msgspec.Raw(said)}
        return {"type": "errored", "error": msgspec.Raw(said)}

    def _found(self, x: Exchange) -> Batch[_Item]:
        checks.check_headers(x.headers)
        batch = self._batches.get(x.path["id"])
        if batch is None:
            raise RefusedError(404, f"Batch {x.path['id']} not found")
        return batch


def _item(request: object, path: str, version: str, *, beta: bool) -> _Item:
    match request:
        case {"custom_id": str(custom_id), "params": {"model": str(model)} as params}:
            if "stream" in params:
                invalid(f"{path}.params.stream: Extra inputs are not permitted")
            return _Item(custom_id, model, params, version, beta)
    raise RefusedError(400, f"{path}: custom_id and params are required")


def _shown(batch: Batch[_Item], *, ended: bool) -> Json:
    created = datetime.fromtimestamp(batch.created, UTC)
    cancelled = batch.cancelled and datetime.fromtimestamp(batch.cancelled, UTC).isoformat()
    counts = {outcome: count if ended else 0 for outcome, count in batch.counts().items()}
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if ended else "in_progress",
        "request_counts": {"processing": 0 if ended else len(batch.items), **counts},
        "created_at": created.isoformat(),
        "expires_at": (created + timedelta(days=1)).isoformat(),
        "ended_at": datetime.fromtimestamp(batch.ends, UTC).isoformat() if ended else None,
        "cancel_initiated_at": cancelled,
        "archived_at": None,
        "results_url": f"https://api.anthropic.com{_PATH}/{batch.id}/results" if ended else None,
    }
