"""`BatchService`: many conversations in, and later their answers out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any, TypeAlias

import grpc
from google.rpc import status_pb2

from trunkline.accumulate import Accumulator
from trunkline.v1 import batch_service_pb2 as pb
from trunkline.v1 import batch_service_pb2_grpc, error_reason_pb2, route_pb2
from trunkline_service.errors import GatewayError, Violation
from trunkline_service.providers.batches import Batcher, ItemResult, Undone
from trunkline_service.routing.attempt import Attempt
from trunkline_service.routing.batches import BatchCalls
from trunkline_service.rpc.batch_items import Items, read_header
from trunkline_service.rpc.call import Call, current_call
from trunkline_service.rpc.reading import Refused
from trunkline_service.rpc.status import to_proto
from trunkline_service.rules.basics import is_header_value, refuse

MAX_PAGE = 100
DEFAULT_PAGE = 20

_UNDONE = {
    Undone.CANCELLED: grpc.StatusCode.CANCELLED,
    Undone.EXPIRED: grpc.StatusCode.DEADLINE_EXCEEDED,
}

# As text: the class takes no parameters at run time.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Named: TypeAlias = pb.GetBatchRequest | pb.CancelBatchRequest | pb.DeleteBatchRequest | pb.StreamBatchResultsRequest


class BatchServicer(batch_service_pb2_grpc.BatchServiceServicer):
    """Passes on what callers want of their batches. It keeps nothing: a batch's id says where it is."""

    async def CreateBatch(
        self, request_iterator: AsyncIterator[pb.CreateBatchRequest | Refused], context: Context
    ) -> pb.CreateBatchResponse:
        """Creates a batch of the items as they come."""
        messages = aiter(request_iterator)
        header = await read_header(messages)
        refuse(_provider(header.provider, header.api_key, "header."))
        target = route_pb2.Target(provider=header.provider, api_key=header.api_key)
        calls = self._calls(current_call(), target, header.unsupported_fields, key_field="header.api_key")
        items = Items(current_call().router, calls, target, header.unsupported_fields)
        batch = await calls.create(items.encoded(messages))
        return pb.CreateBatchResponse(batch=_ours(batch, header.provider), warnings=items.warnings.told())

    async def GetBatch(self, request: pb.GetBatchRequest, context: Context) -> pb.GetBatchResponse:
        """Gets a batch."""
        calls, provider, own = self._named(request)
        return pb.GetBatchResponse(batch=_ours(await calls.get(own), provider))

    async def ListBatches(self, request: pb.ListBatchesRequest, context: Context) -> pb.ListBatchesResponse:
        """Lists the batches of a provider."""
        refuse(_listing(request))
        calls = self._calls(current_call(), route_pb2.Target(provider=request.provider, api_key=request.api_key))
        batches, token = await calls.page(request.page_size or DEFAULT_PAGE, request.page_token)
        return pb.ListBatchesResponse(
            batches=[_ours(batch, request.provider) for batch in batches], next_page_token=token
        )

    async def CancelBatch(self, request: pb.CancelBatchRequest, context: Context) -> pb.CancelBatchResponse:
        """Asks the provider to cancel a batch."""
        calls, provider, own = self._named(request)
        return pb.CancelBatchResponse(batch=_ours(await calls.cancel(own), provider))

    async def DeleteBatch(self, request: pb.DeleteBatchRequest, context: Context) -> pb.DeleteBatchResponse:
        """Deletes a batch that has ended."""
        calls, _, own = self._named(request)
        await calls.delete(own)
        return pb.DeleteBatchResponse()

    # A coroutine that writes, not a generator, as in `ChatServicer.StreamChat`.
    async def StreamBatchResults(  # type: ignore[override]
        self, request: pb.StreamBatchResultsRequest, context: Context
    ) -> None:
        """Gets the results of a batch, as they are read."""
        calls, _, own = self._named(request)
        call = current_call()
        half = call.router.limits.max_message_bytes // 2

        async def write(results: Sequence[ItemResult]) -> None:
            response = pb.StreamBatchResultsResponse()
            for result in results:
                one = _result(result, call.request_id)
                # Answers may be large, and many come with one read.
                if response.results and response.ByteSize() + one.ByteSize() > half:
                    await context.write(response)
                    response = pb.StreamBatchResultsResponse()
                response.results.append(one)
            await context.write(response)

        await calls.results(own, write)

    def _named(self, request: Named) -> tuple[BatchCalls, str, str]:
        """What asks the provider of a batch, that provider's name, and its own id of the batch."""
        provider, _, own = request.id.partition("/")
        violations = [] if provider and own else [Violation("id", "is not a provider, a '/' and an id")]
        refuse(iter([*violations, *_key(request.api_key, "")]))
        return self._calls(current_call(), route_pb2.Target(provider=provider, api_key=request.api_key)), provider, own

    def _calls(
        self,
        call: Call,
        target: route_pb2.Target,
        policy: route_pb2.UnsupportedFieldPolicy.ValueType = route_pb2.UNSUPPORTED_FIELD_POLICY_UNSPECIFIED,
        *,
        key_field: str = "api_key",
    ) -> BatchCalls:
        leg = call.router.provider_leg(target, policy, key_field=key_field)
        call.attempt = Attempt(leg)
        if not isinstance(leg.provider, Batcher):
            raise GatewayError(
                error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED,
                f"{target.provider!r} takes no batches",
                metadata={
                    "capability": "batches",
                    "provider": target.provider,
                    "providers": ", ".join(sorted(self._takers())),
                },
            )
        deadline = call.deadline()
        chores = call.router.endpoint(target.provider).chores
        return BatchCalls(leg=leg, batcher=leg.provider, deadline=deadline, attempt=call.attempt, chores=chores)

    def _takers(self) -> Iterator[str]:
        """The names of the providers that are known to take batches."""
        for name, endpoint in current_call().router.endpoints.items():
            if isinstance(endpoint.provider, Batcher) and endpoint.provider.has_batches:
                yield name


def _listing(request: pb.ListBatchesRequest) -> Iterator[Violation]:
    yield from _provider(request.provider, request.api_key, "")
    if not 0 <= request.page_size <= MAX_PAGE:
        yield Violation("page_size", f"is not between 1 and {MAX_PAGE}")


def _provider(name: str, api_key: str, path: str) -> Iterator[Violation]:
    if not name:
        yield Violation(f"{path}provider", "is required")
    yield from _key(api_key, path)


def _key(api_key: str, path: str) -> Iterator[Violation]:
    if not is_header_value(api_key):
        yield Violation(f"{path}api_key", "must be printable ASCII")


def _ours(batch: pb.Batch, provider: str) -> pb.Batch:
    batch.id = f"{provider}/{batch.id}"
    batch.provider = provider
    return batch


def _result(result: ItemResult, request_id: str) -> pb.BatchResult:
    one = pb.BatchResult(custom_id=result.custom_id)
    match result.outcome:
        case Undone() as why:
            one.error.CopyFrom(status_pb2.Status(code=_UNDONE[why].value[0], message=why.value))
        case GatewayError() as error:
            one.error.CopyFrom(to_proto(error, request_id))
        case events:
            answer = Accumulator()
            for event in events:
                answer.add(event)
            one.response.CopyFrom(answer.response)
    return one
