"""Gemini at the developer API, under /v1beta, and on Vertex, under /v1/projects."""

from collections.abc import Sequence

import msgspec

from trunkline_service.simulator import names
from trunkline_service.simulator.answers import Answer, Asked
from trunkline_service.simulator.behaviours import BEHAVIOURS
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.gemini import checks, errors, reading
from trunkline_service.simulator.gemini.rendering import Renderer
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Script, Trouble

_REAL = ("gemini-3.8-flash", "gemini-3.1-pro-preview")


class GeminiWire:
    """See Wire. The developer API; with another path and other credentials, Vertex."""

    events_type = "text/event-stream"
    ping = b": keep-alive\r\n\r\n"
    broken = b'data: {"candidates":[{"content":{"par\r\n\r\n'

    _models = "/v1beta/models"
    _vertex = False

    def __init__(self, stage: Stage) -> None:
        """Play on a stage."""
        self._stage = stage

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        model = self._models + "/{model:[^/:]+}"
        return (
            Route("POST", f"{model}:streamGenerateContent", self._stream),
            Route("POST", f"{model}:generateContent", self._generate),
            Route("POST", f"{model}:countTokens", self._count),
            Route("GET", self._models, self._list_models),
            Route("GET", model, self._get_model),
        )

    def headers(self) -> dict[str, str]:
        """See Wire."""
        return {"server": "scaffolding on HTTPServer2", "vary": "Origin", "server-timing": "gfet4t7; dur=12"}

    def failure(self, trouble: Trouble) -> tuple[dict[str, str], bytes]:
        """See Wire."""
        return self.headers(), _printed(errors.body(trouble))

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """See Wire."""
        return Renderer(answer, asked, ids=not self._vertex).whole()

    def script(self, answer: Answer, asked: Asked) -> Script:
        """See Wire."""
        return Renderer(answer, asked, ids=not self._vertex).script()

    def is_delta(self, frame: bytes) -> bool:
        """See Wire."""
        return b'"parts":[{"text":' in frame

    def error_frame(self, trouble: Trouble) -> bytes:
        """See Wire. It is no event, but the error as it would be without a stream."""
        return _printed(errors.body(trouble)) + b"\n"

    async def _stream(self, x: Exchange) -> None:
        self._check_credentials(x)
        if x.query.get("alt") != "sse":
            raise RefusedError(400, "The simulator has no streams without alt=sse.")
        await self._stage.perform(x, reading.prompt(self._checked(x), x.path["model"], stream=True))

    async def _generate(self, x: Exchange) -> None:
        self._check_credentials(x)
        await self._stage.perform(x, reading.prompt(self._checked(x), x.path["model"], stream=False))

    async def _count(self, x: Exchange) -> None:
        self._check_credentials(x)
        x.call.model = x.path["model"]
        await x.reply(
            {"totalTokens": reading.count(checks.check_count(x.json(), x.path["model"], vertex=self._vertex))}
        )

    async def _list_models(self, x: Exchange) -> None:
        self._check_credentials(x)
        await x.reply({"models": [_model(name) for name in (*_REAL, *BEHAVIOURS)]})

    async def _get_model(self, x: Exchange) -> None:
        self._check_credentials(x)
        name = x.call.model = x.path["model"]
        if name not in _REAL and names.parse(name).behaviour not in BEHAVIOURS:
            raise RefusedError(404, f"models/{name} is not found for API version v1beta.")
        await x.reply(_model(name))

    def _checked(self, x: Exchange) -> Json:
        return checks.check(x.json(), vertex=self._vertex)

    def _check_credentials(self, x: Exchange) -> None:
        """Check the key. Any is good unless it begins with `bad`."""
        key = x.headers.get("x-goog-api-key", "")
        if not key:
            raise RefusedError(403, "Method doesn't allow unregistered callers.")
        if key.startswith("bad"):
            raise RefusedError(400, "API key not valid. Please pass a valid API key.", code=errors.BAD_KEY)


class VertexGeminiWire(GeminiWire):
    """See Wire."""

    _models = "/v1/projects/{project}/locations/{location}/publishers/google/models"
    _vertex = True

    def _check_credentials(self, x: Exchange) -> None:
        scheme, _, token = x.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token or token.startswith("bad"):
            raise RefusedError(401, "Request had invalid authentication credentials.")


def _model(name: str) -> Json:
    return {
        "name": f"models/{name}",
        "version": "001",
        "displayName": name,
        "inputTokenLimit": 1_048_576,
        "outputTokenLimit": 65_536,
        "supportedGenerationMethods": ["generateContent", "countTokens"],
    }


def _printed(body: Json) -> bytes:
    """Print JSON as Google does, over many lines."""
    return msgspec.json.format(encode(body), indent=2)
