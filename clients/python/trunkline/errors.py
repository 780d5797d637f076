"""Why calls fail: one tree of exceptions below APIError, named after what the caller can do about them.

The class follows from the reason that the gateway states (trunkline.v1.ErrorReason), or else from the gRPC code.
Cancellation of the caller's own task is not an error and is never turned into one of these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import grpc

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from trunkline.replies import Reply
    from trunkline.v1.route_pb2 import RouteReport


class Violation(NamedTuple):
    """A field of the request that is wrong, and why."""

    field: str
    """Its path, for example "input.messages[0].content[1]"."""
    description: str
    """For people; its wording may change."""


class APIError(Exception):
    """A call failed. Every exception that stands for the outcome of a call is one of these.

    Example:
        try:
            reply = client.chat("Hello", model="anthropic/claude-sonnet-5")
        except trunkline.RateLimitError as error:
            time.sleep(error.retry_after or 1)
        except trunkline.APIError as error:
            log.error("%s (retryable: %s)", error, error.retryable)
    """

    def __init__(
        self,
        message: str,
        *,
        code: grpc.StatusCode = grpc.StatusCode.UNKNOWN,
        reason: str = "",
        request_id: str = "",
        metadata: Mapping[str, str] | None = None,
        retryable: bool = False,
        retry_after: float | None = None,
        violations: Sequence[Violation] = (),
        resource: str = "",
        route_report: RouteReport | None = None,
        status: Message | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        """What happened, for people; its wording may change."""
        self.code = code
        """The gRPC code."""
        self.reason = reason
        """The full name of an ErrorReason, perhaps one newer than this package; empty if there was none."""
        self.request_id = request_id
        """The call's id, to look it up in the gateway's log."""
        self.metadata: Mapping[str, str] = metadata or {}
        """All that the gateway says about this reason; ErrorReason lists the keys."""
        self.retryable = retryable
        """Whether the gateway says that the same call, unchanged, may work after a while."""
        self.retry_after = retry_after
        """In how many seconds; None if nobody said, or if it is not retryable."""
        self.violations = tuple(violations)
        """The fields of the request that are wrong or cannot be honoured."""
        self.resource = resource
        """What was not found: a route, a provider or a model."""
        self.route_report = route_report
        """Where the call went: every attempt, and why it failed. None if the call did not get that far."""
        self.status = status
        """The google.rpc.Status with all details, if one came."""
        self.partial: Reply | None = None
        """For streams: what had come of the answer before it failed. None if nothing had."""

    @property
    def provider(self) -> str:
        """The provider that was asked last, by its name in the gateway's configuration; empty if none was."""
        return self.metadata.get("provider", "")

    @property
    def model(self) -> str:
        """The model that was asked last; empty if none was."""
        return self.metadata.get("model", "")

    @property
    def upstream_status(self) -> int | None:
        """The provider's HTTP status; None if there was none."""
        return _number(self.metadata.get("upstream_status"))

    @property
    def upstream_request_id(self) -> str:
        """The provider's own id of the request, to quote to its support; empty if there was none."""
        return self.metadata.get("upstream_request_id", "")

    def __str__(self) -> str:
        known = {"provider": self.provider, "model": self.model, "request_id": self.request_id}
        context = ", ".join(f"{name}={value}" for name, value in known.items() if value)
        return f"{self.reason or self.code.name}: {self.message}" + (f" ({context})" if context else "")


# The request is at fault: change it.


class InvalidRequestError(APIError):
    """The gateway or the provider found the request wrong; `violations` names the fields, if known."""


class ContextLengthError(InvalidRequestError):
    """The input is longer than the model's context window."""

    @property
    def limit(self) -> int | None:
        """The size of the window in tokens; None if the provider did not say."""
        return _number(self.metadata.get("limit"))

    @property
    def requested(self) -> int | None:
        """The tokens that were asked for; None if the provider did not say."""
        return _number(self.metadata.get("requested"))


class ContentBlockedError(InvalidRequestError):
    """The provider's policy forbids the request."""


class RequestTooLargeError(InvalidRequestError):
    """The request has more bytes than the gateway or the provider takes."""

    @property
    def limit(self) -> int | None:
        """How many it takes; None if it did not say."""
        return _number(self.metadata.get("limit"))


class CapabilityNotSupportedError(InvalidRequestError):
    """The provider or the model has nothing to honour a field of the request with; `violations` names it."""

    @property
    def capability(self) -> str:
        """What is missing."""
        return self.metadata.get("capability", "")


class NotFoundError(APIError):
    """There is no such route, provider or model: see `resource`."""


class MessageTooLargeError(APIError):
    """gRPC itself refused the request or the response, as it is larger than a message may be."""


class BatchNotEndedError(APIError):
    """The batch has not ended: there are no results yet, and it cannot be deleted."""


class UnimplementedError(APIError):
    """The gateway does not know the method: it is older than this package, or not a gateway."""


# Keys and money: somebody has to act.


class AuthenticationError(APIError):
    """The caller's credentials were not accepted: Target.api_key, or those for the gateway itself."""


class PermissionDeniedError(APIError):
    """The caller's credentials are good, but do not allow this."""


class UpstreamCredentialsError(APIError):
    """The provider rejected the gateway's own key. The gateway's operator has to act, not the caller."""


class QuotaExhaustedError(APIError):
    """The account's money or quota is spent. Waiting seconds does not help."""


# Later may be better.


class RateLimitError(APIError):
    """Too many calls: try again in `retry_after` seconds."""


class UnavailableError(APIError):
    """No answer for now, for a reason that passes."""


class UpstreamUnavailableError(UnavailableError):
    """The provider failed, could not be reached, or answered with something that is not its own format."""


class UpstreamTimeoutError(UpstreamUnavailableError):
    """The provider was too slow for the gateway's limits, or timed out itself."""


class UpstreamOverloadedError(UpstreamUnavailableError):
    """The provider is overloaded or down for a while."""


class GatewayUnavailableError(UnavailableError):
    """The gateway is full, or about to stop. Another replica may take the call."""


class GatewayUnreachableError(UnavailableError):
    """There is no connection to the gateway, or it broke."""


class ConflictError(APIError):
    """The provider found the request in conflict with its state."""


# The call itself ended early.


class StreamInterruptedError(APIError):
    """The answer broke off; `partial` holds what had come.

    That part costs money, so nothing repeats the call by itself.
    """


class SlowConsumerError(APIError):
    """The caller did not read the stream for so long that the gateway gave it up."""


class DeadlineExceededError(APIError):
    """The call's deadline passed: see the argument `timeout`."""


class CallCancelledError(APIError):
    """The call was cancelled by the other side, or because its stream or client was closed meanwhile."""


# Somebody has made a mistake.


class InternalError(APIError):
    """The gateway itself failed: a bug. Its log has more under `request_id`."""


class ProtocolError(APIError):
    """The gateway sent a stream that breaks the contract's grammar: a bug."""


def _number(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
