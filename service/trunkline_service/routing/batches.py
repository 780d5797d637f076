"""What is asked of a provider that takes batches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from trunkline.v1 import batch_service_pb2, error_reason_pb2
from trunkline.v1.chat_service_pb2 import ChatEvent
from trunkline_service.errors import GatewayError
from trunkline_service.off_loop import Turns, off_loop
from trunkline_service.providers.base import ProtocolViolation
from trunkline_service.providers.batches import Batcher, ItemResult, Undone
from trunkline_service.routing.attempt import Attempt
from trunkline_service.routing.chores import Chores
from trunkline_service.routing.failing import protocol_error
from trunkline_service.routing.leg import Leg
from trunkline_service.telemetry.cost import cost
from trunkline_service.upstream.request import UpstreamRequest

ResultSink = Callable[[Sequence[ItemResult]], Awaitable[None]]

_OVER = (batch_service_pb2.BATCH_STATE_ENDED, batch_service_pb2.BATCH_STATE_FAILED)


@dataclass(slots=True, kw_only=True)
class BatchCalls:
    """The calls about batches that one RPC makes, one after the other. `attempt` is the latest of them.

    Batches have the provider's own ids here and in what is returned. All methods raise `GatewayError` as `Attempt.chat`
    does; a batch that the provider does not have is BATCH_NOT_FOUND.
    """

    leg: Leg
    batcher: Batcher
    deadline: float
    attempt: Attempt
    chores: Chores

    async def create(self, items: AsyncIterator[bytes]) -> batch_service_pb2.Batch:
        """Makes a batch of the items as they come. What `items` raises ends it, with nothing created.

        What was uploaded is deleted again if no batch comes of it.
        """
        source = _Source(items)
        try:
            uploaded = await self._fetch(self.batcher.batch_upload(source.pieces(), self.leg.target))
        except GatewayError:
            if source.failure is not None:
                raise source.failure from None
            raise
        try:
            return await self._made_of(uploaded)
        except BaseException:
            # Nor may there be one that the caller does not know of: should it have come into being, it fails like this.
            if (delete := self.batcher.batch_abandon(uploaded, self.leg.target)) is not None:
                self.chores.begin(self.leg, delete, "delete what was uploaded for a batch")
            raise

    async def _made_of(self, uploaded: bytes) -> batch_service_pb2.Batch:
        try:
            create = self.batcher.batch_create(uploaded, self.leg.target)
        except ProtocolViolation as violation:
            raise self.attempt.violation(violation) from violation
        return self._batch(uploaded if create is None else await self._fetch(create))

    async def get(self, batch_id: str) -> batch_service_pb2.Batch:
        """One batch."""
        with _missing(batch_id):
            return self._batch(await self._fetch(self.batcher.batch_get(batch_id, self.leg.target)))

    async def page(self, size: int, after: str) -> tuple[list[batch_service_pb2.Batch], str]:
        """So many batches, and where the next ones begin."""
        body = await self._fetch(self.batcher.batch_list(size, after, self.leg.target))
        try:
            return self.batcher.decode_batches(body, self.leg.target)
        except ProtocolViolation as violation:
            raise self.attempt.violation(violation) from violation

    async def cancel(self, batch_id: str) -> batch_service_pb2.Batch:
        """The batch, about to end."""
        with _missing(batch_id):
            return self._batch(await self._fetch(self.batcher.batch_cancel(batch_id, self.leg.target)))

    async def delete(self, batch_id: str) -> None:
        """Deletes a batch that has ended. BATCH_NOT_ENDED if it has not; BATCH_NOT_FOUND if all of it is gone."""
        batch = await self._over(batch_id)
        requests = self.batcher.batch_delete(batch, self.leg.target)
        gone = 0
        for request in requests:
            try:
                await self._fetch(request)
            except GatewayError as error:
                gone += _is_missing(error)
                if not _is_missing(error) or gone == len(requests):
                    with _missing(batch_id):
                        raise

    async def results(self, batch_id: str, sink: ResultSink) -> None:
        """Gives the results to `sink` as they come.

        BATCH_NOT_ENDED if there are none yet, UPSTREAM_REJECTED_REQUEST if there never will be any.
        """
        batch = await self._over(batch_id)
        if batch.state == batch_service_pb2.BATCH_STATE_FAILED:
            raise GatewayError(
                error_reason_pb2.ERROR_REASON_UPSTREAM_REJECTED_REQUEST,
                "the batch failed as a whole: it has no results",
                metadata={"provider": self.leg.target.provider, "upstream_message": batch.error.message},
            )
        given = 0

        async def pass_on(lines: Sequence[bytes]) -> None:
            nonlocal given
            results, violation = await self._results(lines)
            given += len(results)
            self.attempt.events_sent = given
            if results:
                await sink(results)
            if violation is not None:
                raise protocol_error(f"in a way its API does not have: {violation}") from violation

        with _missing(batch_id):
            for request in self.batcher.batch_results(batch, self.leg.target):
                self.attempt = Attempt(self.leg, events_sent=given)
                await self.attempt.lines(request, self.deadline, pass_on)
        # JSON Lines have no end mark: only the count tells that they are all there.
        expected = self.batcher.expected_results(batch)
        if given < expected:
            raise GatewayError(
                error_reason_pb2.ERROR_REASON_STREAM_INTERRUPTED,
                f"the results broke off: {given} of {expected} came",
                metadata={
                    "provider": self.leg.target.provider,
                    "cause": "ERROR_REASON_UPSTREAM_PROTOCOL_ERROR",
                    "events_sent": str(given),
                },
            )

    async def _results(self, lines: Sequence[bytes]) -> tuple[list[ItemResult], ProtocolViolation | None]:
        """What the lines say, as far as they can be read."""
        results: list[ItemResult] = []
        turns = Turns()
        for line in lines:
            try:
                results.append(await off_loop(self._result, line))
            except ProtocolViolation as violation:
                return results, violation
            await turns.next()
        return results, None

    def _result(self, line: bytes) -> ItemResult:
        result = self.batcher.decode_result(line, self.leg.target)
        if not isinstance(result.outcome, GatewayError | Undone):
            self._price(result.outcome)
        return result

    def _price(self, events: Sequence[ChatEvent]) -> None:
        """Says what an answer cost, by the prices of the model that gave it."""
        prices = self.leg.prices(events[0].start.origin.model)
        completion = events[-1].completion
        if prices is not None and not prices.server_tools and any(map(_by_the_provider, events)):
            # The provider has run tools of its own, for money, and its usage need not say so.
            return
        if prices is not None and (known := cost(completion.usage, prices, batch=True)) is not None:
            completion.cost.CopyFrom(known)

    async def _over(self, batch_id: str) -> batch_service_pb2.Batch:
        batch = await self.get(batch_id)
        if batch.state not in _OVER:
            raise GatewayError(
                error_reason_pb2.ERROR_REASON_BATCH_NOT_ENDED,
                "the batch has not ended",
                metadata={"provider": self.leg.target.provider, "state": batch.provider_state},
            )
        return batch

    async def _fetch(self, request: UpstreamRequest) -> bytes:
        self.attempt = Attempt(self.leg)
        return await self.attempt.fetch(request, self.deadline)

    def _batch(self, body: bytes) -> batch_service_pb2.Batch:
        try:
            return self.batcher.decode_batch(body, self.leg.target)
        except ProtocolViolation as violation:
            raise self.attempt.violation(violation) from violation


def _by_the_provider(event: ChatEvent) -> bool:
    block = event.block_start.block
    return (
        block.WhichOneof("kind") in ("opaque", "server_tool_result")
        # Of the pages that it cites, it has searched for some.
        or event.block_delta.citation.HasField("web_location")
        or any(citation.HasField("web_location") for citation in block.text.citations)
    )


class _Source:
    """Remembers what an iterator raised: the HTTP library tells only that the body could not be sent."""

    def __init__(self, items: AsyncIterator[bytes]) -> None:
        self._items = items
        self.failure: Exception | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        try:
            async for item in self._items:
                yield item
        except Exception as failure:
            self.failure = failure
            raise


@contextmanager
def _missing(batch_id: str) -> Iterator[None]:
    """Makes the provider's word that it does not know a batch a BATCH_NOT_FOUND."""
    try:
        yield
    except GatewayError as error:
        if not _is_missing(error):
            raise
        raise GatewayError(
            error_reason_pb2.ERROR_REASON_BATCH_NOT_FOUND,
            "the provider has no such batch, or no longer has its results",
            metadata=error.metadata,
            resource=f"batches/{batch_id}",
        ) from error


def _is_missing(error: GatewayError) -> bool:
    """Whether the provider does not know what was asked for. What breaks off has been there."""
    interrupted = error.reason == error_reason_pb2.ERROR_REASON_STREAM_INTERRUPTED
    return not interrupted and error.metadata.get("upstream_status") == "404"
