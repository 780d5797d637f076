"""Claude on AWS Bedrock: InvokeModel with its event stream, the native Messages path under /anthropic, and Mantle under
/mantle/anthropic. The answers are those of Anthropic's own API.
"""

import base64
import binascii
import re
import struct
import uuid
import zlib
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import msgspec

from trunkline_service.simulator import prompt_cache
from trunkline_service.simulator.answers import Answer, Asked
from trunkline_service.simulator.anthropic import checks, reading
from trunkline_service.simulator.anthropic import errors as anthropic_errors
from trunkline_service.simulator.anthropic.wire import AnthropicWire
from trunkline_service.simulator.errors import SPEND_LIMIT, RefusedError
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Script, Trouble

_VERSIONS = {"bedrock-2023-05-31": "2023-06-01", "2026-10-21": "2026-10-21"}
_SIGNATURE = re.compile(
    r"AWS4-HMAC-SHA256 Credential=(?P<key>[^/]+)/\d{8}/[a-z0-9-]+/[a-z-]+/aws4_request, "
    r"SignedHeaders=[a-z0-9;-]+, Signature=[0-9a-f]{64}"
)
# By kind: the type of an error before the stream; within it, it begins in lower case.
_EXCEPTIONS = {
    "invalid_request_error": "ValidationException",
    "authentication_error": "UnrecognizedClientException",
    "billing_error": "ServiceQuotaExceededException",
    "permission_error": "AccessDeniedException",
    "not_found_error": "ResourceNotFoundException",
    "conflict_error": "ConflictException",
    "request_too_large": "RequestEntityTooLargeException",
    "rate_limit_error": "ThrottlingException",
    "api_error": "InternalServerException",
    "timeout_error": "ModelTimeoutException",
    "overloaded_error": "ServiceUnavailableException",
}
_EVENT = {":event-type": "chunk", ":content-type": "application/json", ":message-type": "event"}


class InvokeWire(AnthropicWire):
    """See Wire. InvokeModel, and its counter."""

    def __init__(self, stage: Stage) -> None:
        """Play on a stage."""
        super().__init__(stage)
        self.events_type = "application/vnd.amazon.eventstream"
        self.ping = _chunk(b'{"type":"ping"}')
        # Its checksum is that of something else.
        self.broken = self.ping[:-4] + b"\0\0\0\0"

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        return (
            Route("POST", "/model/{model}/invoke-with-response-stream", self._stream),
            Route("POST", "/model/{model}/invoke", self._invoke),
            Route("POST", "/model/{model}/count-tokens", self._count),
        )

    def headers(self) -> dict[str, str]:
        """See Wire."""
        return {"x-amzn-requestid": str(uuid.uuid4())}

    def failure(self, trouble: Trouble) -> tuple[dict[str, str], bytes]:
        """See Wire."""
        return {**self.headers(), "x-amzn-errortype": _exception(trouble)}, encode({"message": _words(trouble)})

    def script(self, answer: Answer, asked: Asked) -> Script:
        """See Wire. The end mark has AWS's metrics."""
        made = super().script(answer, asked)
        metrics = {
            "inputTokenCount": asked.prompt.tokens.usage()["input_tokens"],
            "outputTokenCount": answer.output_tokens,
        }
        stop = {"type": "message_stop", "amazon-bedrock-invocationMetrics": metrics}
        return Script(
            content=_chunks(made.content),
            closing=_chunks(made.closing),
            reason=_chunks(made.reason),
            mark=[_chunk(encode(stop))] if made.mark else [],
        )

    def is_delta(self, frame: bytes) -> bool:
        """See Wire."""
        return _DELTA in frame

    def error_frame(self, trouble: Trouble) -> bytes:
        """See Wire. An exception of AWS's."""
        kind = _exception(trouble)
        headers = {":exception-type": kind[0].lower() + kind[1:], ":message-type": "exception"}
        return _message(headers, encode({"message": _words(trouble)}))

    async def _stream(self, x: Exchange) -> None:
        await self._play(x, stream=True)

    async def _invoke(self, x: Exchange) -> None:
        await self._play(x, stream=False)

    async def _play(self, x: Exchange, *, stream: bool) -> None:
        _check_credentials(x.headers)
        body = _checked(x.json(), x.path["model"])
        await self._stage.perform(x, reading.prompt(body, self._stage.tokens(x, body), stream=stream))

    async def _count(self, x: Exchange) -> None:
        _check_credentials(x.headers)
        match x.json():
            case {"input": {"invokeModel": {"body": str(inner)}}}:
                pass
            case _:
                raise RefusedError(400, "The simulator counts what InvokeModel takes: input.invokeModel.body")
        try:
            body = msgspec.json.decode(base64.b64decode(inner, validate=True))
        except (binascii.Error, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RefusedError(400, "Malformed input request, please reformat your input and try again.") from error
        x.call.model = x.path["model"]
        await x.reply({"inputTokens": prompt_cache.count(_checked(body, x.path["model"]))})


class BedrockMessagesWire(AnthropicWire):
    """See Wire. The native Messages path, and Mantle, which counts."""

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        return (
            Route("POST", "/anthropic/v1/messages", self._create),
            Route("POST", "/anthropic/v1/messages/count_tokens", self._count_nothing),
            Route("POST", "/mantle/anthropic/v1/messages", self._create),
            Route("POST", "/mantle/anthropic/v1/messages/count_tokens", self._count),
        )

    def headers(self) -> dict[str, str]:
        """See Wire."""
        return {"x-amzn-requestid": str(uuid.uuid4())}

    def failure(self, trouble: Trouble) -> tuple[dict[str, str], bytes]:
        """See Wire."""
        return self.headers(), encode(anthropic_errors.body(trouble))

    async def _create(self, x: Exchange) -> None:
        version, beta = _check_headers(x.headers), "anthropic-beta" in x.headers
        body = checks.check_message(_without_profile(x.json()), version, beta=beta)
        await self._stage.perform(x, reading.prompt(body, self._stage.tokens(x, body)))

    async def _count(self, x: Exchange) -> None:
        version, beta = _check_headers(x.headers), "anthropic-beta" in x.headers
        body = checks.check_count(_without_profile(x.json()), version, beta=beta)
        await x.reply({"input_tokens": prompt_cache.count(body)})

    async def _count_nothing(self, x: Exchange) -> None:
        # It is reported to say so with a status of 200.
        await x.reply({"Output": {"__type": "com.amazon.coral.service#UnknownOperationException"}, "Version": "1.0"})


WIRES = (InvokeWire, BedrockMessagesWire)


def _check_credentials(headers: Mapping[str, str]) -> None:
    """Take any signature or key, unless it begins with `bad`."""
    value = headers.get("authorization", "")
    if match := _SIGNATURE.fullmatch(value):
        key = match["key"]
        if not headers.get("x-amz-date"):
            raise RefusedError(
                403, "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
            )
    else:
        scheme, _, key = value.partition(" ")
        key = key if scheme.lower() == "bearer" else headers.get("x-api-key", "")
    if not key:
        raise RefusedError(403, "Missing Authentication Token")
    if key.startswith("bad"):
        raise RefusedError(403, "The security token included in the request is invalid.")


def _check_headers(headers: Mapping[str, str]) -> str:
    """Check credentials and version of the paths that are Anthropic's own; give the version."""
    _check_credentials(headers)
    return checks.check_headers({"x-api-key": "good", "anthropic-version": headers.get("anthropic-version", "")})


def _checked(body: Any, model: str) -> Json:
    """Check a body of InvokeModel; give it as Anthropic's own API would have it."""
    if not isinstance(body, dict):
        raise RefusedError(400, "Malformed input request, please reformat your input and try again.")
    for name in ("model", "stream"):
        if name in body:
            raise RefusedError(400, f"{name}: Extra inputs are not permitted")
    rest = _without_profile(body)
    version = _VERSIONS.get(rest.pop("anthropic_version", None))
    if version is None:
        raise RefusedError(400, "anthropic_version: Field required")
    betas = rest.pop("anthropic_beta", [])
    if not isinstance(betas, list):
        raise RefusedError(400, "anthropic_beta: Input should be a valid list")
    return checks.check_message({**rest, "model": model}, version, beta=bool(betas))


def _without_profile(body: Any) -> Any:
    return (
        {name: value for name, value in body.items() if name != "user_profile_id"} if isinstance(body, dict) else body
    )


def _exception(trouble: Trouble) -> str:
    return "ServiceQuotaExceededException" if trouble.code == SPEND_LIMIT else _EXCEPTIONS[trouble.kind]


def _words(trouble: Trouble) -> str:
    return trouble.message or anthropic_errors.MESSAGES[trouble.kind]


def _chunks(frames: Sequence[bytes]) -> list[bytes]:
    """Wrap server-sent events, without those that have no data."""
    return [_chunk(data) for frame in frames if (data := _data(frame))]


def _data(frame: bytes) -> bytes:
    lines = frame.replace(b"\r\n", b"\n").split(b"\n")
    return b"\n".join(line[5:].strip() for line in lines if line.startswith(b"data:"))


@lru_cache(maxsize=256)
def _chunk(event: bytes) -> bytes:
    # The padding hides how long the event is.
    padding = "abcdefghijklmnopqrstuvwxyz"[: len(event) % 26 + 1]
    return _message(_EVENT, encode({"bytes": event, "p": padding}))


def _message(headers: Mapping[str, str], payload: bytes) -> bytes:
    """A message of an event stream; all its headers are text."""
    head = b"".join(
        struct.pack(f">B{len(name)}sBH", len(name), name.encode(), 7, len(value)) + value.encode()
        for name, value in headers.items()
    )
    prelude = struct.pack(">II", len(head) + len(payload) + 16, len(head))
    body = prelude + struct.pack(">I", zlib.crc32(prelude)) + head + payload
    return body + struct.pack(">I", zlib.crc32(body))


# How a delta begins, in base64, as far as whole groups of it go.
_DELTA = base64.b64encode(b'{"type":"content_block_delta",')
