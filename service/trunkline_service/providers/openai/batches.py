"""OpenAI's batches: a file of requests goes up, a batch is made of it, and files of results come down."""

from __future__ import annotations

import urllib.parse
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence

import msgspec
from google.rpc import code_pb2, status_pb2

from trunkline.v1 import batch_service_pb2, chat_input_pb2, chat_service_pb2
from trunkline_service import json_text
from trunkline_service.errors import GatewayError, Unsupported, Violation
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.batches import EncodedItem, ItemResult, Outcome, Undone, item_result
from trunkline_service.providers.fields import Fields
from trunkline_service.providers.openai.headers import request_headers
from trunkline_service.providers.openai.platform import OPENAI, Platform
from trunkline_service.providers.times import timestamp
from trunkline_service.upstream.request import UpstreamRequest

# No line of JSON can hold what parts are told apart by: it begins with an end of line.
_BOUNDARY = "trunkline-batch"

_STATES = {
    "validating": batch_service_pb2.BATCH_STATE_VALIDATING,
    "in_progress": batch_service_pb2.BATCH_STATE_IN_PROGRESS,
    "finalizing": batch_service_pb2.BATCH_STATE_IN_PROGRESS,
    "cancelling": batch_service_pb2.BATCH_STATE_CANCELLING,
    "completed": batch_service_pb2.BATCH_STATE_ENDED,
    "expired": batch_service_pb2.BATCH_STATE_ENDED,
    "cancelled": batch_service_pb2.BATCH_STATE_ENDED,
    "failed": batch_service_pb2.BATCH_STATE_FAILED,
}
_UNDONE = {"batch_expired": Undone.EXPIRED, "batch_cancelled": Undone.CANCELLED}
_COUNTS = {"total": "total", "completed": "succeeded", "failed": "failed"}
# What became of items that were not done when the batch ended.
_RESTS = {"cancelled": "cancelled", "expired": "expired"}
_TIMES = {"created_at": "create_time", "expires_at": "expire_time"}
_ENDS = ("completed_at", "failed_at", "expired_at", "cancelled_at")
_RESULTS = ("output_file_id", "error_file_id")


class OpenAiBatches(ABC):
    """A `Batcher`, for providers that have a `platform` and an `endpoint`: the path of their API below the base URL."""

    platform: Platform
    endpoint: str

    @property
    def max_items(self) -> int:
        """OpenAI's own number. Elsewhere it is higher or not known, and the provider may refuse what is too much."""
        return 50_000 if self.platform is OPENAI else 100_000

    @property
    def has_batches(self) -> bool:
        """Of servers that are merely compatible, few have them."""
        return self.platform.strict

    @abstractmethod
    def encode_chat(self, chat_input: chat_input_pb2.ChatInput, target: Target) -> UpstreamRequest:
        """As in `Provider`."""

    @abstractmethod
    def decode_message(self, body: bytes, target: Target) -> list[chat_service_pb2.ChatEvent]:
        """As in `Provider`."""

    @abstractmethod
    def decode_error(
        self, status: int, response_headers: Mapping[str, str], body: bytes, target: Target
    ) -> GatewayError:
        """As in `Provider`."""

    def batch_item(self, custom_id: str, chat_input: chat_input_pb2.ChatInput, target: Target) -> EncodedItem:
        """A line of the file: the body of a request, but for what makes it a stream."""
        request = self.encode_chat(chat_input, target)
        if request.tool_names:
            name = next(iter(request.tool_names.values()))
            description = f"the name {name!r} cannot be changed for the provider and back: nothing is kept of a batch"
            raise Unsupported([Violation("input.tools", description)], capability="tool_names")
        body = json_text.parse_object(request.body)
        for member in ("stream", "stream_options"):
            body.pop(member, None)
        line = {"custom_id": custom_id, "method": "POST", "url": self._endpoint(), "body": body}
        return EncodedItem(data=msgspec.json.encode(line) + b"\n", warnings=request.warnings)

    def batch_upload(self, items: AsyncIterator[bytes], target: Target) -> UpstreamRequest:
        """The file with the requests."""
        headers = request_headers(target, accept="application/json")
        return UpstreamRequest(
            method="POST",
            url=self.platform.url("/files", target),
            headers={**headers, "content-type": f"multipart/form-data; boundary={_BOUNDARY}"},
            body=b"",
            chunks=_form(items),
        )

    def batch_create(self, uploaded: bytes, target: Target) -> UpstreamRequest:
        """The batch, made of the file."""
        file_id = _file_id(uploaded)
        if file_id is None:
            msg = "the file has no id"
            raise ProtocolViolation(msg)
        body = {"input_file_id": file_id, "endpoint": self._endpoint(), "completion_window": "24h"}
        return self._batch_request("POST", "/batches", target, msgspec.json.encode(body))

    def batch_abandon(self, uploaded: bytes, target: Target) -> UpstreamRequest | None:
        """The request that deletes the file."""
        file_id = _file_id(uploaded)
        return None if file_id is None else self._batch_request("DELETE", f"/files/{_quoted(file_id)}", target)

    def batch_get(self, batch_id: str, target: Target) -> UpstreamRequest:
        """The request for one batch."""
        return self._batch_request("GET", f"/batches/{_quoted(batch_id)}", target)

    def batch_list(self, size: int, after: str, target: Target) -> UpstreamRequest:
        """The request for so many batches."""
        query = {"limit": str(size), **({"after": after} if after else {})}
        return self._batch_request("GET", f"/batches?{urllib.parse.urlencode(query)}", target)

    def batch_cancel(self, batch_id: str, target: Target) -> UpstreamRequest:
        """The request that cancels a batch."""
        return self._batch_request("POST", f"/batches/{_quoted(batch_id)}/cancel", target)

    def batch_delete(self, batch: batch_service_pb2.Batch, target: Target) -> Sequence[UpstreamRequest]:
        """The requests that delete all that the batch was made of and has made: OpenAI keeps its name for ever."""
        files = _files(batch, (*_RESULTS, "input_file_id"))
        return [self._batch_request("DELETE", f"/files/{_quoted(each)}", target) for each in files]

    def batch_results(self, batch: batch_service_pb2.Batch, target: Target) -> Sequence[UpstreamRequest]:
        """The requests for the answers and for the errors."""
        files = _files(batch, _RESULTS)
        return [self._batch_request("GET", f"/files/{_quoted(each)}/content", target) for each in files]

    def expected_results(self, batch: batch_service_pb2.Batch) -> int:
        """One for each item that was done: the others need not have a line."""
        counts = batch.counts
        return max(0, counts.total - counts.cancelled - counts.expired)

    def decode_batch(self, body: bytes, target: Target) -> batch_service_pb2.Batch:
        """A batch."""
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
            more = fields.boolean("has_more")
        except ValueError as error:
            msg = "the list of batches is not what the API's format says"
            raise ProtocolViolation(msg) from error
        return batches, batches[-1].id if more and batches else ""

    def decode_result(self, line: bytes, target: Target) -> ItemResult:
        """`{custom_id, response, error}`."""
        return item_result(line, target, lambda fields: self._outcome(fields, target))

    def _outcome(self, fields: Fields, target: Target) -> Outcome:
        """Of an item's `response`, which has a status and a body of its own, or of the `error` in its place."""
        response, error = fields.object("response"), fields.object("error")
        if response is not None:
            inner = Fields(response)
            status, body = inner.integer("status_code"), inner.raw("body")
            if status is None or body is None:
                raise ProtocolViolation(_NO_RESULT)
            if status == 200:
                return self.decode_message(bytes(body), target)
            return self.decode_error(status, {}, bytes(body), target)
        if error is None:
            raise ProtocolViolation(_NO_RESULT)
        undone = _UNDONE.get(Fields(error).text("code") or "")
        return undone or self.decode_error(500, {}, msgspec.json.encode({"error": error}), target)

    def _endpoint(self) -> str:
        # Azure names its APIs without their version.
        return self.endpoint if self.platform.has_deployments else f"/v1{self.endpoint}"

    def _batch_request(self, method: str, path: str, target: Target, body: bytes = b"") -> UpstreamRequest:
        return UpstreamRequest(
            method=method,
            url=self.platform.url(path, target),
            headers=request_headers(target, accept="application/json"),
            body=body,
        )


_NO_RESULT = "there is neither an answer nor an error"


def _quoted(name: str) -> str:
    return urllib.parse.quote(name, safe="")


async def _form(items: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield (
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
        f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="file"; filename="batch.jsonl"\r\n'
        "Content-Type: application/jsonl\r\n\r\n"
    ).encode()
    async for item in items:
        yield item
    yield f"\r\n--{_BOUNDARY}--\r\n".encode()


def _file_id(uploaded: bytes) -> str | None:
    try:
        return Fields(uploaded).text("id") or None
    except ValueError:
        return None


def _files(batch: batch_service_pb2.Batch, members: Sequence[str]) -> list[str]:
    fields = Fields(batch.provider_batch_json.encode())
    return [name for member in members if (name := fields.text(member))]


def _batch(body: bytes) -> batch_service_pb2.Batch:
    fields = Fields(body)
    state = fields.text("status") or ""
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
        if (stamp := timestamp(fields.integer(name))) is not None:
            getattr(batch, field).CopyFrom(stamp)
    for name in _ENDS:
        if (stamp := timestamp(fields.integer(name))) is not None:
            batch.end_time.CopyFrom(stamp)
    if (data := fields.object("request_counts")) is not None:
        _count(Fields(data), batch)
    if batch.state == batch_service_pb2.BATCH_STATE_FAILED and (errors := fields.object("errors")) is not None:
        first = next(iter(Fields(errors).items("data") or ()), None)
        message = Fields(first).text("message") if first is not None else None
        batch.error.CopyFrom(status_pb2.Status(code=code_pb2.INVALID_ARGUMENT, message=message or "the batch failed"))
    return batch


def _count(fields: Fields, batch: batch_service_pb2.Batch) -> None:
    counts = batch.counts
    for name, field in _COUNTS.items():
        if (count := fields.integer(name)) is not None:
            setattr(counts, field, count)
    if not counts.HasField("total"):
        return
    rest = max(0, counts.total - counts.succeeded - counts.failed)
    over = batch.state in (batch_service_pb2.BATCH_STATE_ENDED, batch_service_pb2.BATCH_STATE_FAILED)
    counts.processing = 0 if over else rest
    if batch.provider_state in _RESTS:
        setattr(counts, _RESTS[batch.provider_state], rest)
