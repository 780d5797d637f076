"""Many conversations at once: how they are put together, and what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Iterable, Iterator, Sequence
from typing import Final, Literal, Unpack

import grpc

from trunkline import statuses
from trunkline.errors import APIError
from trunkline.replies import Reply, word
from trunkline.requests import CallOptions, InputOptions, Prompt, chat_input, unsupported_fields
from trunkline.v1.batch_service_pb2 import Batch as BatchMessage
from trunkline.v1.batch_service_pb2 import (
    BatchCounts,
    BatchEnd,
    BatchHeader,
    BatchItem,
    BatchItems,
    BatchState,
    CreateBatchRequest,
)
from trunkline.v1.batch_service_pb2 import BatchResult as ResultMessage
from trunkline.v1.warning_pb2 import Warning as WarningMessage

MESSAGE_BYTES: Final = 256 * 1024
"""About so much goes into one message: far below what a gateway takes."""

_OVER: Final = (BatchState.BATCH_STATE_ENDED, BatchState.BATCH_STATE_FAILED)
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}


class BatchOptions(CallOptions, total=False):
    """The arguments of all methods for batches, all by keyword and all optional."""

    api_key: str | None
    """The caller's own key for the provider, in the place of the gateway's."""


class CreateBatchOptions(BatchOptions, total=False):
    """The arguments of `create`, all by keyword and all optional."""

    unsupported_fields: Literal["reject", "drop"] | None
    """What to do with fields that the provider cannot honour: fail, which is the default, or drop with a warning."""


def batch_item(custom_id: str, prompt: Prompt | None = None, /, **options: Unpack[InputOptions]) -> BatchItem:
    """Make one conversation of a batch.

    Args:
        custom_id: Its own id, by which its result will be known: up to 64 letters, digits, "_" and "-".
        prompt: What to say: a string, a message, a block, or several of them.
        **options: What to ask, as for `chat`: see InputOptions. The model is the provider's own name for it, or
            "provider/model".

    Example:
        batch_item("q-1", "What is the capital of France?", model="claude-haiku-5-5", max_output_tokens=100)
    """
    return BatchItem(custom_id=custom_id, input=chat_input(prompt, options))


class Batch:
    """A batch at a provider.

    Example:
        batch = client.batches.get(batch.id)
        print(batch.state, batch.counts.succeeded, "of", batch.counts.total)
    """

    __slots__ = ("proto", "request_id", "warnings")

    def __init__(self, proto: BatchMessage, request_id: str = "", warnings: Sequence[WarningMessage] = ()) -> None:
        self.proto: Final = proto
        """The contract's own message."""
        self.request_id: Final = request_id
        """The call's id, to look it up in the gateway's log."""
        self.warnings: Final = warnings
        """What the gateway wants the caller to know about the items of a new batch."""

    def __repr__(self) -> str:
        return f"<Batch {self.id} {self.state}>"

    @property
    def id(self) -> str:
        """Its id, which says where it is, too.

        Example:
            batch = client.batches.get(batch.id)
        """
        return self.proto.id

    @property
    def state(self) -> str:
        """How far it is: "validating", "in_progress", "cancelling", "ended", "failed" or "other", if it is newer.

        Example:
            print(batch.state)
        """
        return word(BatchState.DESCRIPTOR, self.proto.state, "BATCH_STATE_")

    @property
    def ended(self) -> bool:
        """Whether nothing more will become of it. If it has not "failed", there are results.

        Example:
            while not batch.ended:
                time.sleep(60)
                batch = client.batches.get(batch.id)
        """
        return self.proto.state in _OVER

    @property
    def counts(self) -> BatchCounts:
        """What became of its items, as far as the provider tells.

        Example:
            print(batch.counts.succeeded, "of", batch.counts.total)
        """
        return self.proto.counts


class BatchResult:
    """What became of one item: a `reply` or an `error`, whose other is None.

    Example:
        for result in client.batches.results(batch.id):
            print(result.custom_id, result.reply.text if result.reply else result.error)
    """

    __slots__ = ("error", "proto", "reply")

    def __init__(self, proto: ResultMessage, request_id: str = "") -> None:
        self.proto: Final = proto
        """The contract's own message."""
        self.reply: Final = Reply(proto.response, request_id) if proto.HasField("response") else None
        """The answer. Its cost is that of a batch."""
        self.error: Final = None if self.reply is not None else _error(proto, request_id)
        """Why there is none: the same exceptions as calls raise. It was cancelled, or not begun in time, if it is a
        CallCancelledError or a DeadlineExceededError."""

    def __repr__(self) -> str:
        return f"<BatchResult {self.custom_id} {self.reply or self.error!r}>"

    @property
    def custom_id(self) -> str:
        """The item's id.

        Example:
            answers[result.custom_id] = result.reply
        """
        return self.proto.custom_id


def _error(result: ResultMessage, request_id: str) -> APIError:
    code = _CODES.get(result.error.code, grpc.StatusCode.UNKNOWN)
    trailers = ((statuses.DETAILS_KEY, result.error.SerializeToString()),)
    return statuses.error(code, result.error.message, trailers, request_id)


def check(options: BatchOptions, known: frozenset[str] = BatchOptions.__optional_keys__) -> str:
    """Return the key. Raises TypeError for an argument that is not known."""
    if unknown := options.keys() - known:
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
    return options.get("api_key") or ""


class NewBatch:
    """The messages that create a batch. What goes wrong while they are made, in the caller's own code, is in `failure`:
    without its end, nothing comes of the stream.
    """

    def __init__(self, provider: str, options: CreateBatchOptions) -> None:
        """Raises TypeError or ValueError for an argument that cannot be."""
        self._header = BatchHeader(provider=provider, api_key=check(options, CreateBatchOptions.__optional_keys__))
        if policy := options.get("unsupported_fields"):
            self._header.unsupported_fields = unsupported_fields(policy)
        self._held = BatchItems()
        self._size = 0
        self.failure: Exception | None = None

    def messages(self, items: Iterable[BatchItem]) -> Iterator[CreateBatchRequest]:
        """Yield them."""
        yield CreateBatchRequest(header=self._header)
        iterator = iter(items)
        while True:
            try:
                item = next(iterator, None)
            except Exception as failure:
                self.failure = failure
                return
            if item is None:
                break
            yield from self._add(item)
        yield from self._end()

    async def messages_async(
        self, items: Iterable[BatchItem] | AsyncIterable[BatchItem]
    ) -> AsyncIterator[CreateBatchRequest]:
        """Yield them."""
        if not isinstance(items, AsyncIterable):
            for message in self.messages(items):
                yield message
            return
        yield CreateBatchRequest(header=self._header)
        iterator = aiter(items)
        while True:
            try:
                item = await anext(iterator, None)
            except Exception as failure:
                self.failure = failure
                return
            if item is None:
                break
            for message in self._add(item):
                yield message
        for message in self._end():
            yield message

    def _add(self, item: BatchItem) -> Iterator[CreateBatchRequest]:
        size = item.ByteSize()
        if self._held.items and self._size + size > MESSAGE_BYTES:
            yield CreateBatchRequest(items=self._held)
            self._held, self._size = BatchItems(), 0
        self._held.items.append(item)
        self._size += size

    def _end(self) -> Iterator[CreateBatchRequest]:
        if self._held.items:
            yield CreateBatchRequest(items=self._held)
        yield CreateBatchRequest(end=BatchEnd())
