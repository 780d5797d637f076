"""The methods for batches, of the asyncio client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable
from typing import TYPE_CHECKING, TypeVar, Unpack

import grpc

from trunkline import statuses
from trunkline.batches import Batch, BatchOptions, BatchResult, CreateBatchOptions, NewBatch, check
from trunkline.calls import Call, CallDefaults
from trunkline.v1.batch_service_pb2 import (
    BatchItem,
    CancelBatchRequest,
    DeleteBatchRequest,
    GetBatchRequest,
    ListBatchesRequest,
    StreamBatchResultsRequest,
    StreamBatchResultsResponse,
)

if TYPE_CHECKING:
    from trunkline.v1.batch_service_pb2_grpc import BatchServiceAsyncStub

PAGE_SIZE = 100

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class AsyncBatches:
    """The batches that a provider works at, as `client.batches`.

    Example:
        items = [batch_item(f"q{number}", f"What is {number}?", model="claude-haiku-5-5") for number in range(1000)]
        batch = await client.batches.create("anthropic", items)
    """

    def __init__(self, stub: Callable[[], BatchServiceAsyncStub], defaults: CallDefaults) -> None:
        self._stub = stub
        self._defaults = defaults

    async def create(
        self,
        provider: str,
        items: Iterable[BatchItem] | AsyncIterable[BatchItem],
        /,
        **options: Unpack[CreateBatchOptions],
    ) -> Batch:
        """Create a batch. Items go to the provider as they are made; what making them raises ends it, and nothing is
        created.

        Args:
            provider: The provider's name in the gateway's configuration.
            items: What `batch_item` makes: any number, of which none has to be kept.
            **options: See CreateBatchOptions.

        Raises:
            InvalidRequestError: An item cannot be asked; its place is in the path of the field.
            APIError: The call failed.

        Example:
            batch = await client.batches.create("anthropic", (batch_item(str(n), text) for n, text in enumerate(texts)))
        """
        new, call = NewBatch(provider, options), self._defaults.call(options)
        done = self._stub().CreateBatch(new.messages_async(items), timeout=call.timeout, metadata=call.metadata)
        try:
            response = await done
        except grpc.RpcError as error:
            if new.failure is not None:
                raise new.failure from None
            raise await statuses.of_call(done, call.request_id) from error
        except asyncio.CancelledError:
            if not statuses.only_the_call_ended(done):
                raise
            raise await statuses.of_call(done, call.request_id) from None
        return Batch(response.batch, call.id_in(await done.trailing_metadata()), response.warnings)

    async def get(self, batch_id: str, /, **options: Unpack[BatchOptions]) -> Batch:
        """Get a batch as it is now.

        Args:
            batch_id: Its id.
            **options: See BatchOptions.

        Raises:
            NotFoundError: There is no such batch.
            APIError: The call failed.

        Example:
            batch = await client.batches.get(batch.id)
        """
        request = GetBatchRequest(id=batch_id, api_key=check(options))
        response, request_id = await self._invoke(self._stub().GetBatch, request, options)
        return Batch(response.batch, request_id)

    def at(self, provider: str, /, **options: Unpack[BatchOptions]) -> AsyncIterator[Batch]:
        """List the batches of a provider, the newest first. Pages are got as they are needed.

        Args:
            provider: The provider's name in the gateway's configuration.
            **options: See BatchOptions.

        Raises:
            APIError: A call failed.

        Example:
            async for batch in client.batches.at("anthropic"):
                print(batch.id, batch.state)
        """
        request = ListBatchesRequest(provider=provider, api_key=check(options), page_size=PAGE_SIZE)
        return self._pages(request, options)

    async def _pages(self, request: ListBatchesRequest, options: BatchOptions) -> AsyncIterator[Batch]:
        while True:
            response, request_id = await self._invoke(self._stub().ListBatches, request, options)
            for each in response.batches:
                yield Batch(each, request_id)
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    async def cancel(self, batch_id: str, /, **options: Unpack[BatchOptions]) -> Batch:
        """Ask the provider to cancel a batch. Items that are done by then keep their results.

        Args:
            batch_id: Its id.
            **options: See BatchOptions.

        Raises:
            NotFoundError: There is no such batch.
            APIError: The call failed.

        Example:
            await client.batches.cancel(batch.id)
        """
        request = CancelBatchRequest(id=batch_id, api_key=check(options))
        response, request_id = await self._invoke(self._stub().CancelBatch, request, options)
        return Batch(response.batch, request_id)

    async def delete(self, batch_id: str, /, **options: Unpack[BatchOptions]) -> None:
        """Delete a batch that has ended, with its results.

        Args:
            batch_id: Its id.
            **options: See BatchOptions.

        Raises:
            BatchNotEndedError: It has not ended.
            NotFoundError: There is no such batch.
            APIError: The call failed.

        Example:
            await client.batches.delete(batch.id)
        """
        await self._invoke(self._stub().DeleteBatch, DeleteBatchRequest(id=batch_id, api_key=check(options)), options)

    def results(self, batch_id: str, /, **options: Unpack[BatchOptions]) -> AsyncIterator[BatchResult]:
        """Read the results of a batch that has ended, in any order, as they come: none has to be kept.

        Args:
            batch_id: Its id.
            **options: See BatchOptions. The timeout is for all of them.

        Raises:
            BatchNotEndedError: There are none yet.
            StreamInterruptedError: They broke off; those that came are good.
            APIError: The call failed.

        Example:
            answers = {result.custom_id: result.reply async for result in client.batches.results(batch.id)}
        """
        request = StreamBatchResultsRequest(id=batch_id, api_key=check(options))
        return self._results(request, self._defaults.call(options))

    async def _results(self, request: StreamBatchResultsRequest, call: Call) -> AsyncIterator[BatchResult]:
        stream = self._stub().StreamBatchResults(request, timeout=call.timeout, metadata=call.metadata)
        try:
            while True:
                try:
                    response = await stream.read()
                except grpc.RpcError as error:
                    raise await statuses.of_call(stream, call.request_id) from error
                except asyncio.CancelledError:
                    if not statuses.only_the_call_ended(stream):
                        raise
                    raise await statuses.of_call(stream, call.request_id) from None
                if not isinstance(response, StreamBatchResultsResponse):
                    # gRPC's mark of the end.
                    return
                for each in response.results:
                    yield BatchResult(each, call.request_id)
        finally:
            stream.cancel()

    async def _invoke(
        self,
        method: grpc.aio.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        options: BatchOptions,
    ) -> tuple[_Response, str]:
        call = self._defaults.call(options)
        done = method(request, timeout=call.timeout, metadata=call.metadata)
        try:
            response = await done
        except grpc.RpcError as error:
            raise await statuses.of_call(done, call.request_id) from error
        except asyncio.CancelledError:
            if not statuses.only_the_call_ended(done):
                raise
            raise await statuses.of_call(done, call.request_id) from None
        return response, call.id_in(await done.trailing_metadata())
