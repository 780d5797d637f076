"""Anthropic's Message Batches."""

from __future__ import annotations

import dataclasses
import urllib.parse
from collections.abc import AsyncIterator, Sequence

from trunkline.v1 import batch_service_pb2, chat_input_pb2
from trunkline_service import json_text
from trunkline_service.errors import Unsupported, Violation
from trunkline_service.providers.anthropic import envelope, requests
from trunkline_service.providers.anthropic.failures import decode_stream_error
from trunkline_service.providers.anthropic.platform import ANTHROPIC, LEGACY_VERSION
from trunkline_service.providers.anthropic.whole import message_events
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.batches import EncodedItem, ItemResult, Outcome, Undone, item_result
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.times import timestamp
from trunkline_service.upstream.request import UpstreamRequest

_STATES = {
    "in_progress": batch_service_pb2.BATCH_STATE_IN_PROGRESS,
    "canceling": batch_service_pb2.BATCH_STATE_CANCELLING,
    "ended": batch_service_pb2.BATCH_STATE_ENDED,
}
_COUNTS = {"processing": "processing", "succeeded": "succeeded", "errored": "failed", "canceled": "cancelled"}
_TIMES = {"created_at": "create_time", "expires_at": "expire_time", "ended_at": "end_time"}


class AnthropicBatches:
    """A `Batcher`. One header stands for all items: what they say about versions and betas must be the target's."""

    has_batches = True
    max_items = 100_000

    def batch_item(self, custom_id: str, chat_input: chat_input_pb2.ChatInput, target: Target) -> EncodedItem:
        """An entry of `requests`: the body of a message, but for `stream`."""
        if own := [name for name in ("version", "betas", "workspace_id", "user_profile_id") if _has(chat_input, name)]:
            raise Unsupported(
                [Violation(f"input.anthropic.{name}", "is one for the whole batch: configure it") for name in own],
                capability=own[0],
            )
        request = requests.encode_chat(chat_input, dataclasses.replace(target, version=_version(target)), ANTHROPIC)
        params = json_text.parse_object(request.body)
        del params["stream"]
        data = json_text.dump({"custom_id": custom_id, "params": params}).encode()
        return EncodedItem(data=data, warnings=request.warnings)

    def batch_upload(self, items: AsyncIterator[bytes], target: Target) -> UpstreamRequest:
        """All of it: Anthropic takes the items with the request that makes the batch."""
        return dataclasses.replace(_request("POST", "", target), chunks=_listed(items))

    def batch_create(self, uploaded: bytes, target: Target) -> None:
        """Nothing: the batch is made."""

    def batch_abandon(self, uploaded: bytes, target: Target) -> None:
        """Nothing: what was uploaded is the batch."""

    def batch_get(self, batch_id: str, target: Target) -> UpstreamRequest:
        """The request for one batch."""
        return _request("GET", _path(batch_id), target)

    def batch_list(self, size: int, after: str, target: Target) -> UpstreamRequest:
        """The request for so many batches."""
        query = {"limit": str(size), **({"after_id": after} if after else {})}
        return _request("GET", f"?{urllib.parse.urlencode(query)}", target)

    def batch_cancel(self, batch_id: str, target: Target) -> UpstreamRequest:
        """The request that cancels a batch."""
        return _request("POST", f"{_path(batch_id)}/cancel", target)

    def batch_delete(self, batch: batch_service_pb2.Batch, target: Target) -> Sequence[UpstreamRequest]:
        """The request that deletes a batch."""
        return (_request("DELETE", _path(batch.id), target),)

    def batch_results(self, batch: batch_service_pb2.Batch, target: Target) -> Sequence[UpstreamRequest]:
        """The request for the results: by its path here, not by `results_url`, so that no key goes anywhere else."""
        return (_request("GET", f"{_path(batch.id)}/results", target),)

    def expected_results(self, batch: batch_service_pb2.Batch) -> int:
        """One for each item, whatever became of it."""
        return batch.counts.total

    def decode_batch(self, body: bytes, target: Target) -> batch_service_pb2.Batch:
        """A batch. All counts but `processing` stay 0 until it has ended."""
        try:
            return _batch(body)
        except ValueError as error:
            msg = "the batch is not what the API's format says"
            raise ProtocolViolation(msg) from error

    def decode_batches(self, body: bytes, target: Target) -> tuple[list[batch_service_pb2.Batch], str]:
        """A page, and the id after which the next one begins."""
        try:
            fields = Fields(body)
            batches = [_batch(bytes(each)) for each in fields.items("data") or ()]
            return batches, (fields.text("last_id") or "") if fields.boolean("has_more") else ""
        except ValueError as error:
            msg = "the list of batches is not what the API's format says"
            raise ProtocolViolation(msg) from error

    def decode_result(self, line: bytes, target: Target) -> ItemResult:
        """`{custom_id, result}`."""
        return item_result(line, target, lambda fields: _outcome(fields, target))


def _outcome(fields: Fields, target: Target) -> Outcome:
    """Of an item's `result`. An error is in the same envelope as that of a call."""
    result = fields.object("result")
    if result is None:
        raise ProtocolViolation(_NO_RESULT)
    inner = Fields(result)
    match inner.text("type"):
        case "succeeded" if (message := inner.object("message")) is not None:
            return message_events(bytes(message), target)
        case "errored" if (error := inner.object("error")) is not None:
            return decode_stream_error(bytes(error), target)
        case "canceled":
            return Undone.CANCELLED
        case "expired":
            return Undone.EXPIRED
    raise ProtocolViolation(_NO_RESULT)


_NO_RESULT = "there is neither an answer nor an error"


def _has(chat_input: chat_input_pb2.ChatInput, name: str) -> bool:
    return bool(getattr(chat_input.anthropic, name))


def _version(target: Target) -> str:
    """The version for all items, which are not known when it is sent: the one that takes the most."""
    return target.version or LEGACY_VERSION


def _path(batch_id: str) -> str:
    return f"/{urllib.parse.quote(batch_id, safe='')}"


def _request(method: str, path: str, target: Target) -> UpstreamRequest:
    return UpstreamRequest(
        method=method,
        url=f"{target.base_url}/v1/messages/batches{path}",
        headers=envelope.headers(target, _version(target), (), accept="application/json"),
        body=b"",
    )


async def _listed(items: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    before = b'{"requests":['
    async for item in items:
        yield before + item
        before = b","
    yield b"]}" if before == b"," else before + b"]}"


def _batch(body: bytes) -> batch_service_pb2.Batch:
    fields = Fields(body)
    state = fields.text("processing_status") or ""
    batch = batch_service_pb2.Batch(
        id=fields.text("id") or "",
        state=_STATES.get(state, batch_service_pb2.BATCH_STATE_UNSPECIFIED),
        provider_state=state,
        provider_batch_json=body.decode(),
    )
    if not batch.id:
        msg = "a batch without an id"
        raise ValueError(msg)
    for name, field in _TIMES.items():
        if (stamp := timestamp(fields.text(name))) is not None:
            getattr(batch, field).CopyFrom(stamp)
    if (data := fields.object("request_counts")) is not None:
        counts = Fields(data)
        for name, field in (*_COUNTS.items(), ("expired", "expired")):
            if (count := counts.integer(name)) is not None:
                setattr(batch.counts, field, count)
        batch.counts.total = sum(value for _, value in batch.counts.ListFields())
    return batch
