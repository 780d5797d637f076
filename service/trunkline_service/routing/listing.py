"""What a provider says about its models, asked once for all calls that want to know."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from trunkline.v1 import error_reason_pb2
from trunkline.v1.model_service_pb2 import Model
from trunkline_service.errors import GatewayError
from trunkline_service.off_loop import off_loop
from trunkline_service.providers.base import ModelLister, ProtocolViolation
from trunkline_service.routing.attempt import Attempt
from trunkline_service.routing.leg import Leg

# Models come and go by the day.
KEPT_SECONDS = 300.0
# For all pages together.
ASK_SECONDS = 20.0
MAX_PAGES = 100
MAX_BYTES = 64 * 2**20


class Listing:
    """The models of one provider, remembered for `KEPT_SECONDS`.

    Calls that come while it is being asked wait for the same answer, and one that leaves takes nothing from the others.
    """

    def __init__(self) -> None:
        self._models: Mapping[str, Model] | None = None
        self._until = 0.0
        self._asking: asyncio.Task[Mapping[str, Model]] | None = None

    async def get(self, leg: Leg, lister: ModelLister, deadline: float) -> Mapping[str, Model] | None:
        """The models by their ids, or None if the provider has no such list.

        Raises:
            GatewayError: it was asked, and did not tell, or not by the deadline (UPSTREAM_TIMEOUT).
        """
        loop = asyncio.get_running_loop()
        if loop.time() < self._until:
            return self._models
        if lister.encode_models(leg.target, "") is None:
            return None
        if self._asking is None:
            self._asking = asyncio.create_task(self._ask(leg, lister))
            self._asking.add_done_callback(self._asked)
        try:
            async with asyncio.timeout_at(deadline):
                return await asyncio.shield(self._asking)
        except TimeoutError:
            raise _too_late(leg) from None
        except GatewayError as error:
            # Each that waited gets one of its own: an error is changed on its way to the caller.
            raise _again(error) from error

    async def close(self) -> None:
        """Stops asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self, leg: Leg, lister: ModelLister) -> Mapping[str, Model]:
        deadline = asyncio.get_running_loop().time() + ASK_SECONDS
        models: dict[str, Model] = {}
        cursors = [""]
        size = 0
        while (request := lister.encode_models(leg.target, cursors[-1])) is not None:
            attempt = Attempt(leg)
            try:
                body = await attempt.fetch(request, deadline)
            except GatewayError as error:
                if error.reason == error_reason_pb2.ERROR_REASON_DEADLINE_EXCEEDED:
                    # No caller's: it is the gateway that waits no longer.
                    raise _too_late(leg) from error
                raise
            size += len(body)
            try:
                if size > MAX_BYTES or len(cursors) > MAX_PAGES:
                    # Half of a list would say that the other half is not there.
                    msg = "its list of models has no end"
                    raise ProtocolViolation(msg)
                page = await off_loop(lister.decode_models, body)
                if page.cursor in cursors[1:]:
                    msg = "its list of models comes back to the same page"
                    raise ProtocolViolation(msg)
            except ProtocolViolation as violation:
                raise attempt.violation(violation) from violation
            models.update((model.id, model) for model in page.models)
            if not page.cursor:
                break
            cursors.append(page.cursor)
        return models

    def _asked(self, task: asyncio.Task[Mapping[str, Model]]) -> None:
        self._asking = None
        # Looked at here, too: those who asked may all have left.
        if not task.cancelled() and task.exception() is None:
            self._models = task.result()
            self._until = asyncio.get_running_loop().time() + KEPT_SECONDS


def _too_late(leg: Leg) -> GatewayError:
    return GatewayError(
        error_reason_pb2.ERROR_REASON_UPSTREAM_TIMEOUT,
        "the provider did not list its models in time",
        metadata={"provider": leg.target.provider, "stage": "first_event"},
    )


def _again(error: GatewayError) -> GatewayError:
    return GatewayError(
        error.reason,
        error.message,
        metadata=error.metadata,
        violations=error.violations,
        retry_after=error.retry_after,
        retryable=error.retryable,
        resource=error.resource,
    )
