"""Google's errors, whatever kind of trouble they tell of."""

from collections.abc import Mapping
from typing import Never

from trunkline_service.simulator.errors import CONTEXT_LENGTH, SPEND_LIMIT, RefusedError
from trunkline_service.simulator.sse import Json
from trunkline_service.simulator.wire import Trouble

BAD_KEY = "API_KEY_INVALID"
"""The code of a 400 for a key that is none."""

# By kind: the status' name and the message.
_TROUBLES: Mapping[str, tuple[str, str]] = {
    "invalid_request_error": ("INVALID_ARGUMENT", "Request contains an invalid argument."),
    "authentication_error": ("UNAUTHENTICATED", "Request had invalid authentication credentials."),
    "billing_error": ("FAILED_PRECONDITION", "Please enable billing on your project."),
    "permission_error": ("PERMISSION_DENIED", "The caller does not have permission."),
    "not_found_error": ("NOT_FOUND", "models/simulated is not found for API version v1beta."),
    "conflict_error": ("ABORTED", "The operation was aborted."),
    "request_too_large": ("INVALID_ARGUMENT", "Request payload size exceeds the limit: 20971520 bytes."),
    "rate_limit_error": ("RESOURCE_EXHAUSTED", "You exceeded your current quota."),
    "api_error": ("INTERNAL", "An internal error has occurred."),
    "timeout_error": ("DEADLINE_EXCEEDED", "Deadline expired before operation could complete."),
    "overloaded_error": ("UNAVAILABLE", "The model is overloaded. Please try again later."),
}
_TOO_LONG = "The input token count (210000) exceeds the maximum number of tokens allowed (200000)."
_UNAVAILABLE = 503
_OVERLOADED = 529


def invalid(message: str, field: str | None = None) -> Never:
    """Refuse the request as an invalid one."""
    raise RefusedError(400, message, param=field)


def body(trouble: Trouble) -> Json:
    """Make the body of an error response, which is also how a stream ends that fails."""
    name, message = _TROUBLES[trouble.kind]
    if trouble.status == _UNAVAILABLE:
        name = "UNAVAILABLE"
    details: list[Json] = []
    if trouble.kind == "rate_limit_error":
        span = "Day" if trouble.code == SPEND_LIMIT else "Minute"
        quota = {"quotaMetric": "requests", "quotaId": f"GenerateRequestsPer{span}PerProjectPerModel"}
        details.append(_detail("QuotaFailure", violations=[quota]))
        if trouble.code == SPEND_LIMIT:
            # Google does say so, however long the day still is.
            details.append(_detail("RetryInfo", retryDelay="30s"))
    if trouble.code == BAD_KEY:
        details.append(_detail("ErrorInfo", reason=BAD_KEY, domain="googleapis.com"))
    if trouble.param:
        violation = {"field": trouble.param, "description": trouble.message}
        details.append(_detail("BadRequest", fieldViolations=[violation]))
    if trouble.code == CONTEXT_LENGTH:
        message = _TOO_LONG
    elif trouble.code != SPEND_LIMIT:
        message = trouble.message or message
    code = _UNAVAILABLE if trouble.status == _OVERLOADED else trouble.status
    error: Json = {"code": code, "message": message, "status": name}
    return {"error": {**error, "details": details} if details else error}


def _detail(kind: str, **members: object) -> Json:
    return {"@type": f"type.googleapis.com/google.rpc.{kind}", **members}
