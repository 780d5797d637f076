"""The one exception tree of the service.

A `GatewayError` says what happened in the contract's own terms: an `ErrorReason`, a message of ours, and the facts
that go into the status details. `rpc/status.py` is the only place that turns it into a gRPC status. Cancellation is
not an error and never becomes one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trunkline.v1 import error_reason_pb2, route_pb2
from trunkline.v1.error_reason_pb2 import ErrorReason


class StartupError(Exception):
    """The service cannot start, and why, in a sentence for its operator."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A field that is wrong: its path from the request (`input.messages[2].role`), and what is wrong with it."""

    field: str
    description: str


class GatewayError(Exception):
    """A call failed.

    `metadata` goes into `google.rpc.ErrorInfo` (see `error_reason.proto` for the keys), `retry_after` is in seconds and
    None where the provider gave none, `retryable` overrides what the reason alone says about trying again, `resource`
    names what a NOT_FOUND is about. `report` says where the call went, once a route has been gone.
    """

    def __init__(
        self,
        reason: ErrorReason.ValueType,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[Violation] = (),
        retry_after: float | None = None,
        retryable: bool | None = None,
        resource: str = "",
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.violations = tuple(violations)
        self.retry_after = retry_after
        self.retryable = retryable
        self.resource = resource
        self.report: route_pb2.RouteReport | None = None

    def again(self) -> GatewayError:
        """The same failure for another call."""
        error = GatewayError(
            self.reason,
            self.message,
            metadata=self.metadata,
            violations=self.violations,
            retry_after=self.retry_after,
            retryable=self.retryable,
            resource=self.resource,
        )
        error.report = self.report
        return error

    @property
    def reason_name(self) -> str:
        """The reason as it goes over the wire: the enum value's full name."""
        return error_reason_pb2.ErrorReason.Name(self.reason)


class InvalidRequest(GatewayError):
    """The request breaks a rule of the contract."""

    def __init__(self, violations: Sequence[Violation]) -> None:
        first = violations[0]
        more = f" (and {len(violations) - 1} more)" if len(violations) > 1 else ""
        super().__init__(
            error_reason_pb2.ERROR_REASON_INVALID_REQUEST,
            f"{first.field}: {first.description}{more}",
            violations=violations,
        )


class Unsupported(GatewayError):
    """The provider or the model has nothing that could honour the fields named."""

    def __init__(self, violations: Sequence[Violation], *, capability: str) -> None:
        first = violations[0]
        super().__init__(
            error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED,
            f"{first.field}: {first.description}",
            violations=violations,
            metadata={"capability": capability},
        )


def forget_frames(error: BaseException) -> None:
    """Drops the tracebacks of an error and of what led to it.

    Their frames hold the request and, one way or another, the error: circles, which would stay, with tens of megabytes,
    until the garbage collector comes by.
    """
    chain: list[BaseException | None] = [error]
    while chain:
        each = chain.pop()
        if each is not None and each.__traceback__ is not None:
            each.__traceback__ = None
            chain += (each.__cause__, each.__context__)
