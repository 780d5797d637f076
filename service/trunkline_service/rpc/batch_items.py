"""The items of a new batch, from the caller's stream to the bytes that go upstream."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from trunkline.v1 import batch_service_pb2 as pb
from trunkline.v1 import route_pb2, warning_pb2
from trunkline_service.errors import GatewayError, InvalidRequest, Violation
from trunkline_service.off_loop import Turns, off_loop
from trunkline_service.providers.batches import EncodedItem
from trunkline_service.routing.batches import BatchCalls
from trunkline_service.routing.router import Router
from trunkline_service.rpc.reading import Refused
from trunkline_service.rules.inputs import check_request

MAX_WARNINGS = 1000

_CUSTOM_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


async def read_header(messages: AsyncIterator[pb.CreateBatchRequest | Refused]) -> pb.BatchHeader:
    """The header, which must be the first of the messages. Raises `GatewayError` as `Items.encoded` does."""
    async for message in messages:
        if _checked(message).WhichOneof("kind") == "header":
            return _checked(message).header
        break
    raise InvalidRequest([Violation("header", "is required in the first message")])


class Items:
    """The items of a new batch, checked and encoded one by one. `warnings` is what to say of them so far."""

    def __init__(
        self,
        router: Router,
        calls: BatchCalls,
        target: route_pb2.Target,
        policy: route_pb2.UnsupportedFieldPolicy.ValueType,
    ) -> None:
        self._router = router
        self._calls = calls
        self._target = target
        self._policy = policy
        self._seen: set[str] = set()
        self.warnings = Warnings()

    async def encoded(self, messages: AsyncIterator[pb.CreateBatchRequest | Refused]) -> AsyncIterator[bytes]:
        """Each item as it goes upstream. Raises `GatewayError`; the paths begin with the item's place in the batch."""
        turns = Turns()
        async for message in messages:
            kind = _checked(message).WhichOneof("kind")
            if kind == "end":
                break
            if kind != "items":
                raise InvalidRequest([Violation("kind", "is neither items nor the end, after the first message")])
            for item in _checked(message).items.items:
                yield await self._encode(item)
                await turns.next()
        else:
            # gRPC ends the stream of a caller that is gone in the same way as that of one that is done.
            raise InvalidRequest([Violation("end", "is required in the last message")])
        if not self._seen:
            raise InvalidRequest([Violation("items", "is required: at least one item")])

    async def _encode(self, item: pb.BatchItem) -> bytes:
        number = len(self._seen)
        place = f"items[{number}]"
        self._check_id(item.custom_id, place)
        try:
            encoded = await self._encoded(item)
        except GatewayError as error:
            error.violations = tuple(Violation(f"{place}.{each.field}", each.description) for each in error.violations)
            error.message = f"{place}: {error.message}"
            raise
        self.warnings.add(number, encoded.warnings)
        return encoded.data

    async def _encoded(self, item: pb.BatchItem) -> EncodedItem:
        await off_loop(check_request, item.input, route_pb2.RoutingOptions(), self._router.knows)
        model = self._router.model_at(self._target.provider, item.input.model)
        if model is None:
            raise InvalidRequest([Violation("input.model", "names another provider than the batch's")])
        target = route_pb2.Target(provider=self._target.provider, model=model, api_key=self._target.api_key)
        leg = self._router.provider_leg(target, self._policy)
        if leg.provider.needs_maximum(item.input, leg.target):
            leg = await self._router.with_maximum(leg, self._calls.deadline)
        batcher = self._calls.batcher
        return await off_loop(lambda asked: batcher.batch_item(item.custom_id, asked, leg.target), item.input)

    def _check_id(self, custom_id: str, place: str) -> None:
        limit = self._calls.batcher.max_items
        if not _CUSTOM_ID.fullmatch(custom_id):
            problem = "is not 1 to 64 letters, digits, '_' and '-'"
        elif custom_id in self._seen:
            problem = f"{custom_id!r} is there twice"
        elif len(self._seen) >= limit:
            raise InvalidRequest([Violation("items", f"has more than the {limit} entries that the provider takes")])
        else:
            self._seen.add(custom_id)
            return
        raise InvalidRequest([Violation(f"{place}.custom_id", problem)])


class Warnings:
    """What there is to say about items, each thing once however many it holds for: what comes late is not crowded out.

    The same code for the same field of an item is the same thing; it is told with the first item's words.
    """

    def __init__(self) -> None:
        self._kinds: dict[tuple[int, str], _Kind] = {}
        self._first_beyond: warning_pb2.Warning | None = None
        self._beyond = 0

    def add(self, number: int, warnings: Sequence[warning_pb2.Warning]) -> None:
        """Takes what is said about the item of that number. The fields are those of the item."""
        for warning in warnings:
            key = (warning.code, warning.field)
            kind = self._kinds.get(key)
            if kind is not None:
                kind.items += kind.latest != number
                kind.latest = number
                continue
            placed = warning_pb2.Warning()
            placed.CopyFrom(warning)
            placed.field = f"items[{number}].{warning.field}"
            if len(self._kinds) < MAX_WARNINGS - 1:
                self._kinds[key] = _Kind(placed, number)
            else:
                self._beyond += 1
                self._first_beyond = self._first_beyond or placed

    def told(self) -> list[warning_pb2.Warning]:
        """All of it: the last one says how many are missing, if there are more than `MAX_WARNINGS`."""
        told = [kind.told() for kind in self._kinds.values()]
        if self._first_beyond is not None:
            if self._beyond > 1:
                self._first_beyond.message += f"; and {self._beyond - 1} more warnings are not told"
            told.append(self._first_beyond)
        return told


@dataclass(slots=True)
class _Kind:
    """A warning, and how many items it holds for; `latest` is the number of the last of them."""

    warning: warning_pb2.Warning
    latest: int
    items: int = 1

    def told(self) -> warning_pb2.Warning:
        if self.items > 1:
            self.warning.message += f" (so for {self.items} items, of which this is the first)"
        return self.warning


def _checked(message: pb.CreateBatchRequest | Refused) -> pb.CreateBatchRequest:
    if isinstance(message, Refused):
        raise message.error
    return message
