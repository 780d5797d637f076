"""What a provider does that takes batches.

As with everything a codec does, these are bytes and messages; only `batch_upload` is handed an iterator, of pieces of
a body that may be too large to be held.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias, runtime_checkable

from trunkline.v1 import batch_service_pb2, chat_input_pb2, chat_service_pb2, error_reason_pb2, warning_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.providers.base import ProtocolViolation, Target
from trunkline_service.providers.fields import Fields
from trunkline_service.upstream.request import UpstreamRequest


class Undone(Enum):
    """Why an item has neither an answer nor an error."""

    CANCELLED = "the batch was cancelled before this item was begun"
    EXPIRED = "the provider did not come to this item in time"


Outcome: TypeAlias = Sequence[chat_service_pb2.ChatEvent] | GatewayError | Undone
"""What became of one item: the events of its answer, or why there is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemResult:
    """The outcome of an item, by the caller's id of it."""

    custom_id: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedItem:
    """An item as it goes upstream, and what the caller should know about it."""

    data: bytes
    warnings: Sequence[warning_pb2.Warning]


@runtime_checkable
class Batcher(Protocol):
    """A provider that takes batches. The target's model matters to `batch_item` alone.

    Decoders raise `ProtocolViolation`.
    """

    @property
    def has_batches(self) -> bool:
        """Whether the provider is known to take batches. Of others nobody knows, so that they may be asked."""

    @property
    def max_items(self) -> int:
        """How many items a batch may have."""

    def batch_item(self, custom_id: str, chat_input: chat_input_pb2.ChatInput, target: Target) -> EncodedItem:
        """One conversation of a batch. Raises as `Provider.encode_chat` does."""

    def batch_upload(self, items: AsyncIterator[bytes], target: Target) -> UpstreamRequest:
        """The request that brings the items, one by one, to the provider."""

    def batch_create(self, uploaded: bytes, target: Target) -> UpstreamRequest | None:
        """The request that makes a batch of what was uploaded; `uploaded` is the answer to that. None if that was all,
        and `uploaded` is the batch.
        """

    def batch_abandon(self, uploaded: bytes, target: Target) -> UpstreamRequest | None:
        """The request that deletes what was uploaded, of which no batch was made; None if there is nothing left."""

    def batch_get(self, batch_id: str, target: Target) -> UpstreamRequest:
        """The request for one batch. `batch_id` is the provider's own, here and below."""

    def batch_list(self, size: int, after: str, target: Target) -> UpstreamRequest:
        """The request for so many batches, those after `after` if it is not empty."""

    def batch_cancel(self, batch_id: str, target: Target) -> UpstreamRequest:
        """The request that cancels a batch; it is answered with the batch."""

    def batch_delete(self, batch: batch_service_pb2.Batch, target: Target) -> Sequence[UpstreamRequest]:
        """The requests that delete a batch that has ended, in order."""

    def batch_results(self, batch: batch_service_pb2.Batch, target: Target) -> Sequence[UpstreamRequest]:
        """The requests for the results of a batch that has ended: JSON Lines, each."""

    def expected_results(self, batch: batch_service_pb2.Batch) -> int:
        """How many results an ended batch must have at least; 0 if the provider does not tell."""

    def decode_batch(self, body: bytes, target: Target) -> batch_service_pb2.Batch:
        """A batch."""

    def decode_batches(self, body: bytes, target: Target) -> tuple[list[batch_service_pb2.Batch], str]:
        """Batches, and what to give to `batch_list` for those after them; empty if these are the last."""

    def decode_result(self, line: bytes, target: Target) -> ItemResult:
        """One line of the results, as `item_result` reads it."""


def item_result(line: bytes, target: Target, decode: Callable[[Fields], Outcome]) -> ItemResult:
    """What a line of results says; `decode` reads its members but for `custom_id`.

    What `decode` raises, `GatewayError`, `ProtocolViolation` or `ValueError`, is the outcome of this item alone.

    Raises:
        ProtocolViolation: nobody can tell which item the line is about.
    """
    try:
        fields = Fields(line)
    except ValueError as error:
        msg = "a line of the results is not JSON"
        raise ProtocolViolation(msg) from error
    custom_id = fields.text("custom_id")
    if not custom_id:
        msg = "a line of the results does not say which item it is about"
        raise ProtocolViolation(msg)
    try:
        outcome = decode(fields)
    except GatewayError as error:
        # Kept, and not raised further: its frames would hold it, and all that they know, in a circle.
        outcome = error.with_traceback(None)
    except (ProtocolViolation, ValueError) as error:
        why = str(error) if isinstance(error, ProtocolViolation) else "it is not what the API's format says"
        outcome = GatewayError(
            error_reason_pb2.ERROR_REASON_UPSTREAM_PROTOCOL_ERROR, f"the item's result cannot be read: {why}"
        )
    if isinstance(outcome, GatewayError):
        outcome.metadata.setdefault("provider", target.provider)
    return ItemResult(custom_id=custom_id, outcome=outcome)
