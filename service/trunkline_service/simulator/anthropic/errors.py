"""The words and the form of upstream's errors."""

from trunkline_service.simulator.errors import SPEND_LIMIT
from trunkline_service.simulator.sse import Json
from trunkline_service.simulator.wire import Trouble

MESSAGES = {
    "invalid_request_error": "simulated: the request is invalid.",
    "authentication_error": "invalid x-api-key",
    "billing_error": "Your credit balance is too low to access the Claude API.",
    "permission_error": "Your API key does not have permission to use the specified resource.",
    "not_found_error": "model: not-there",
    "conflict_error": "The resource was changed meanwhile.",
    "request_too_large": "Request exceeds the maximum size",
    "rate_limit_error": "This request would exceed your organization's rate limit.",
    "api_error": "Internal server error",
    "timeout_error": "The request timed out.",
    "overloaded_error": "Overloaded",
}


def body(trouble: Trouble) -> Json:
    """Make the error object that stands in error bodies and in error events."""
    error: Json = {"type": trouble.kind, "message": trouble.message or MESSAGES[trouble.kind]}
    if trouble.code == SPEND_LIMIT:
        error["details"] = {"error_code": trouble.code}
    return {"type": "error", "error": error}
