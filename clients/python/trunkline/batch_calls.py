"""The methods for batches, of the blocking client."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
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
)
from trunkline.v1.batch_service_pb2_grpc import BatchServiceStub

if TYPE_CHECKING:
    pass

PAGE_SIZE = 100

_Request = TypeVar("_Request")
_Response = TypeVar("_Response")


class Batches:
    """The batches that a provider works at, as `client.batches`.

    Example:
        items = [batch_item(f"q{number}", f"What is {number}?", model="claude-haiku-5-5") for number in range(1000)]
        batch = client.batches.create("anthropic", items)
    """

    def __init__(self, stub: BatchServiceStub, defaults: CallDefaults) -> None:
        self._stub = stub
        self._defaults = defaults

    def create(self, provider: str, items: Iterable[BatchItem], /, **options: Unpack[CreateBatchOptions]) -> Batch:
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
            batch = client.batches.create("anthropic", (batch_item(str(n), text) for n, text in enumerate(texts)))
        """
        new, call = NewBatch(provider, options), self._defaults.call(options)
        try:
            messages = new.messages(items)
            response, done = self._stub.CreateBatch.with_call(messages, timeout=call.timeout, metadata=call.metadata)
        except grpc.RpcError as error:
            if new.failure is not None:
                raise new.failure from None
            raise statuses.of_error(error, call.request_id) from error
        return Batch(response.batch, call.id_in(done.trailing_metadata()), response.warnings)

    def get(self, batch_id: str, /, **options: Unpack[BatchOptions]) -> Batch:
        """Get a batch as it is now.

        Args:
            batch_id: Its id.
            **options: See BatchOptions.

        Raises:
            NotFoundError: There is no such batch.
            APIError: The call failed.

        Example:
            batch = client.batches.get(batch.id)
        """
        request = GetBatchRequest(id=batch_id, api_key=check(options))
        response, request_id = self._invoke(self._stub.GetBatch, request, options)
        return Batch(response.batch, request_id)

    def at(self, provider: str, /, **options: Unpack[BatchOptions]) -> Iterator[Batch]:
        """List the batches of a provider, the newest first. Pages are got as they are needed.

        Args:
            provider: The provider's name in the gateway's configuration.
            **options: See BatchOptions.

        Raises:
            APIError: A call failed.

        Example:
            for batch in client.batches.at("anthropic"):
                print(batch.id, batch.state)
        """
        request = ListBatchesRequest(provider=provider, api_key=check(options), page_size=PAGE_SIZE)
        return self._pages(request, options)

    def _pages(self, request: ListBatchesRequest, options: BatchOptions) -> Iterator[Batch]:
        while True:
            response, request_id = self._invoke(self._stub.ListBatches, request, options)
            yield from (Batch(each, request_id) for each in response.batches)
            if not response.next_page_token:
                return
            request.page_token = response.next_page_token

    def cancel(self, batch_id: str, /, **options: Unpack[BatchOptions]) -> Batch:
        """Ask the provider to cancel a batch. Items that are done by then keep their results.

        Args:
            batch_id: Its id.
            **options: See BatchOptions.

        Raises:
            NotFoundError: There is no such batch.
            APIError: The call failed.

        Example:
            client.batches.cancel(batch.id)
        """
        request = CancelBatchRequest(id=batch_id, api_key=check(options))
        response, request_id = self._invoke(self._stub.CancelBatch, request, options)
        return Batch(response.batch, request_id)

    def delete(self, batch_id: str, /, **options: Unpack[BatchOptions]) -> None:
        """Delete a batch that has ended, with its results.

        Args:
            batch_id: Its id.
            **options: See BatchOptions.

        Raises:
            BatchNotEndedError: It has not ended.
            NotFoundError: There is no such batch.
            APIError: The call failed.

        Example:
            client.batches.delete(batch.id)
        """
        self._invoke(self._stub.DeleteBatch, DeleteBatchRequest(id=batch_id, api_key=check(options)), options)

    def results(self, batch_id: str, /, **options: Unpack[BatchOptions]) -> Iterator[BatchResult]:
        """Read the results of a batch that has ended, in any order, as they come: none has to be kept.

        Args:
            batch_id: Its id.
            **options: See BatchOptions. The timeout is for all of them.

        Raises:
            BatchNotEndedError: There are none yet.
            StreamInterruptedError: They broke off; those that came are good.
            APIError: The call failed.

        Example:
            answers = {result.custom_id: result.reply for result in client.batches.results(batch.id)}
        """
        request = StreamBatchResultsRequest(id=batch_id, api_key=check(options))
        return self._results(request, self._defaults.call(options))

    def _results(self, request: StreamBatchResultsRequest, call: Call) -> Iterator[BatchResult]:
        stream = self._stub.StreamBatchResults(request, timeout=call.timeout, metadata=call.metadata)
        try:
            while True:
                try:
                    response = next(stream, None)
                except grpc.RpcError as error:
                    raise statuses.of_error(error, call.request_id) from error
                if response is None:
                    return
                yield from (BatchResult(each, call.request_id) for each in response.results)
        finally:
            stream.cancel()

    def _invoke(
        self,
        method: grpc.UnaryUnaryMultiCallable[_Request, _Response],
        request: _Request,
        options: BatchOptions,
    ) -> tuple[_Response, str]:
        call = self._defaults.call(options)
        try:
            response, done = method.with_call(request, timeout=call.timeout, metadata=call.metadata)
        except grpc.RpcError as error:
            raise statuses.of_error(error, call.request_id) from error
        return response, call.id_in(done.trailing_metadata())
