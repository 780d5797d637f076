"""Claude on Google Vertex: Anthropic's answers at Google's paths, and some of Google's own errors."""

from collections.abc import Mapping, Sequence
from typing import Any

from trunkline_service.simulator import prompt_cache
from trunkline_service.simulator.anthropic import checks, reading
from trunkline_service.simulator.anthropic.wire import AnthropicWire
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.gemini import errors as google_errors
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.wire import Route, Trouble

_VERSIONS = {"vertex-2023-10-16": "2023-06-01", "2026-10-21": "2026-10-21"}
_MODELS = "/v1/projects/{project}/locations/{location}/publishers/anthropic/models"
# What Google refuses before Anthropic's part of it sees the request.
_OF_GOOGLE = (401, 403, 404, 429)


class VertexWire(AnthropicWire):
    """See Wire. Claude on Vertex."""

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        return (
            Route("POST", f"{_MODELS}/count-tokens:rawPredict", self._count),
            Route("POST", f"{_MODELS}/{{model:[^/:]+}}:streamRawPredict", self._predict),
            Route("POST", f"{_MODELS}/{{model:[^/:]+}}:rawPredict", self._predict),
        )

    def headers(self) -> dict[str, str]:
        """See Wire."""
        return {"request-id": super().headers()["request-id"], "server": "hypercorn-h11"}

    def failure(self, trouble: Trouble) -> tuple[dict[str, str], bytes]:
        """See Wire."""
        if trouble.status in _OF_GOOGLE:
            return self.headers(), encode(google_errors.body(trouble))
        return super().failure(trouble)

    async def _predict(self, x: Exchange) -> None:
        _check_token(x.headers)
        body = x.json()
        if isinstance(body, dict) and "model" in body:
            raise RefusedError(400, "model: Extra inputs are not permitted")
        version, rest = _split(body)
        named = {**rest, "model": x.path["model"]}
        checked = checks.check_message(named, version, beta="anthropic-beta" in x.headers)
        await self._stage.perform(x, reading.prompt(checked, self._stage.tokens(x, checked)))

    async def _count(self, x: Exchange) -> None:
        _check_token(x.headers)
        version, rest = _split(x.json())
        checked = checks.check_count(rest, version, beta="anthropic-beta" in x.headers)
        await x.reply({"input_tokens": prompt_cache.count(checked)})


def _check_token(headers: Mapping[str, str]) -> None:
    """Take any token, unless it begins with `bad`."""
    scheme, _, token = headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token or token.startswith("bad"):
        raise RefusedError(401, "Request had invalid authentication credentials.")


def _split(body: Any) -> tuple[str, Json]:
    """Give the version, as Anthropic's own API calls it, and the body without it."""
    if not isinstance(body, dict):
        raise RefusedError(400, "Input should be a valid dictionary or object to extract fields from")
    rest = dict(body)
    version = _VERSIONS.get(rest.pop("anthropic_version", None))
    if version is None:
        raise RefusedError(400, "anthropic_version: Field required")
    return version, rest


WIRES = (VertexWire,)
