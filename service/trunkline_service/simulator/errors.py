"""Upstream's errors by kind; the kinds are Anthropic's words, which each wire has its own for."""

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
SPEND_LIMIT = "enforced_spend_limit_reached"
"""The code of a 429 that no waiting helps."""
CONTEXT_LENGTH = "context_length"
"""The code of a 400 for a prompt that does not fit the model's window."""
CONTENT_POLICY = "content_policy_violation"
"""The code of a 400 for a content that upstream's policy forbids."""

HTML = """<html>
<head><title>{status} {title}</title></head>
<body><center><h1>{status} {title}</h1></center><hr><center>cloudflare</center></body>
</html>
"""


class RefusedError(Exception):
    """A request that upstream would not take."""

    def __init__(self, status: int, message: str, *, code: str | None = None, param: str | None = None) -> None:
        """Refuse with an HTTP status and upstream's message, and its words for what and where."""
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.param = param


def type_of(status: int) -> str:
    """Name the error type of any status, also of one that upstream never uses."""
    return TYPES.get(status, "invalid_request_error" if status < 500 else "api_error")
