"""Upstream's errors: their types by status, and their body."""

from trunkline_service.simulator.sse import Json

TYPES = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    409: "conflict_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    500: "api_error",
    503: "api_error",
    504: "timeout_error",
    529: "overloaded_error",
}
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

HTML = """<html>
<head><title>{status} {title}</title></head>
<body><center><h1>{status} {title}</h1></center><hr><center>cloudflare</center></body>
</html>
"""


class RefusedError(Exception):
    """A request that upstream would not take."""

    def __init__(self, status: int, message: str) -> None:
        """Refuse with an HTTP status and upstream's message."""
        super().__init__(message)
        self.status = status
        self.message = message


def type_of(status: int) -> str:
    """Name the error type of any status, also of one that upstream never uses."""
    return TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")


def body(kind: str, message: str | None = None, details: Json | None = None) -> Json:
    """Make the error object that stands in error bodies and in error events."""
    error: Json = {"type": kind, "message": message or MESSAGES[kind]}
    if details is not None:
        error["details"] = details
    return {"type": "error", "error": error}
