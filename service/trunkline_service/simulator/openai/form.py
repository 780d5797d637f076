"""What all of OpenAI's endpoints share: credentials, headers, errors, and pieces of answers."""

from collections.abc import Mapping
from typing import Never

from trunkline_service.simulator.answers import Answer, Asked, new_id
from trunkline_service.simulator.errors import CONTEXT_LENGTH, SPEND_LIMIT, RefusedError
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.wire import Trouble

# By kind: the type, the code, the message.
_TROUBLES: Mapping[str, tuple[str, str | None, str]] = {
    "invalid_request_error": ("invalid_request_error", None, "simulated: the request is invalid."),
    "authentication_error": ("invalid_request_error", "invalid_api_key", "Incorrect API key provided: ***."),
    "billing_error": ("insufficient_quota", "billing_not_active", "Your account is not active."),
    "permission_error": ("invalid_request_error", "insufficient_permissions", "You have insufficient permissions."),
    "not_found_error": ("invalid_request_error", "model_not_found", "The model `not-there` does not exist."),
    "conflict_error": ("invalid_request_error", "conflict", "The resource was changed meanwhile."),
    "request_too_large": ("invalid_request_error", "request_too_large", "The request is too large."),
    "rate_limit_error": ("requests", "rate_limit_exceeded", "Rate limit reached for requests."),
    "api_error": ("server_error", None, "The server had an error while processing your request."),
    "timeout_error": ("server_error", "timeout", "The request timed out."),
    "overloaded_error": ("server_error", "server_is_overloaded", "The engine is currently overloaded."),
}
_SPENT = ("insufficient_quota", "insufficient_quota", "You exceeded your current quota.")
_TOO_LONG = (
    "invalid_request_error",
    "context_length_exceeded",
    "This model's maximum context length is 200000 tokens.",
)


def invalid(message: str, param: str | None = None, code: str | None = None) -> Never:
    """Refuse the request as an invalid one."""
    raise RefusedError(400, message, code=code, param=param)


def missing(param: str) -> Never:
    """Refuse the request for want of a member."""
    invalid(f"Missing required parameter: '{param}'.", param, "missing_required_parameter")


def unsupported(value: object, supported: tuple[str, ...], param: str) -> Never:
    """Refuse a value that is none of a few."""
    listed = ", ".join(f"'{word}'" for word in supported[:-1]) + f", and '{supported[-1]}'"
    invalid(f"Invalid value: '{value}'. Supported values are: {listed}.", param, "invalid_value")


def check_credentials(headers: Mapping[str, str]) -> None:
    """Check the key: a bearer token, or `api-key` as Azure has it. Any is good unless it begins with `bad`."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    key = headers.get("api-key", "").strip() or (token.strip() if scheme.lower() == "bearer" else "")
    if not key:
        raise RefusedError(401, "You didn't provide an API key.", code="missing_api_key")
    if key.startswith("bad"):
        raise RefusedError(401, "Incorrect API key provided: bad***.")


class OpenAiForm:
    """The part of a wire (see Wire) that is the same for all of OpenAI's endpoints."""

    events_type = "text/event-stream; charset=utf-8"
    ping = b": keep-alive\n\n"
    broken = b'data: {"id":"chatcmpl-broken","object":"chat.comp\n\n'

    def headers(self) -> dict[str, str]:
        """See Wire."""
        return {
            "x-request-id": new_id("req"),
            "openai-version": "2020-10-01",
            "openai-processing-ms": "12",
            "x-ratelimit-limit-requests": "10000",
            "x-ratelimit-limit-tokens": "2000000",
            "x-ratelimit-remaining-requests": "9999",
            "x-ratelimit-remaining-tokens": "1999990",
            "x-ratelimit-reset-requests": "6ms",
            "x-ratelimit-reset-tokens": "6m0s",
        }

    def failure(self, trouble: Trouble) -> tuple[dict[str, str], bytes]:
        """See Wire."""
        return self.headers(), encode({"error": error(trouble)})

    def error_frame(self, trouble: Trouble) -> bytes:
        """See Wire."""
        return b"data: %b\n\n" % encode({"error": error(trouble)})


def error(trouble: Trouble) -> Json:
    """Make the error object that stands in error bodies and in streams."""
    kind, code, message = _TROUBLES[trouble.kind]
    if trouble.code == SPEND_LIMIT:
        kind, code, message = _SPENT
    elif trouble.code == CONTEXT_LENGTH:
        kind, code, message = _TOO_LONG
    else:
        code, message = trouble.code or code, trouble.message or message
    return {"message": message, "type": kind, "param": trouble.param, "code": code}


def check_length(text: str, longest: int, path: str) -> None:
    """Refuse a text that is too long."""
    if len(text) > longest:
        length = f"Expected a string with maximum length {longest}, but got a string with length {len(text)}"
        invalid(f"Invalid '{path}': string too long. {length} instead.", path, "string_above_max_length")


def check_mark(part: Json, path: str) -> None:
    """Refuse a mark of what to cache that is none."""
    mark = part.get("prompt_cache_breakpoint")
    if mark is None:
        return
    path = f"{path}.prompt_cache_breakpoint"
    if not isinstance(mark, dict) or mark.get("mode") != "explicit":
        unsupported(mark.get("mode") if isinstance(mark, dict) else mark, ("explicit", "explicit"), f"{path}.mode")
    if mark.get("ttl") not in (None, "30m", "12h"):
        unsupported(mark["ttl"], ("30m", "12h"), f"{path}.ttl")


def call_id(block: Json) -> str:
    """Give a tool call's id in OpenAI's form."""
    return "call_" + str(block["id"]).partition("_")[2]


def billed(answer: Answer, asked: Asked) -> tuple[int, int, int, int, int]:
    """Count input tokens (all of them), those read from and written to the cache, output tokens and reasoning."""
    output = {"output_tokens": answer.output_tokens}
    usage = {**asked.prompt.tokens.usage(), **output, **answer.first_usage, **answer.last_usage}
    read, written = usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"]
    thought = (usage.get("output_tokens_details") or {}).get("thinking_tokens", 0)
    return usage["input_tokens"] + read + written, read, written, usage["output_tokens"], thought
