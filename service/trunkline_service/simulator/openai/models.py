"""The list of models, and the refusal of paths that OpenAI does not have."""

from collections.abc import Sequence

from trunkline_service.simulator import names
from trunkline_service.simulator.answers import Answer, Asked
from trunkline_service.simulator.behaviours import BEHAVIOURS
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.openai.form import OpenAiForm, check_credentials
from trunkline_service.simulator.sse import Json
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Script

_CREATED = 1_767_225_600
_REAL = {"gpt-6-sol": None, "gpt-6-luna": None, "gpt-5": "2026-12-11", "text-embedding-3-small": None}


def _model(name: str, shutdown: str | None = None) -> Json:
    model: Json = {"id": name, "object": "model", "created": _CREATED, "owned_by": "simulator"}
    return {**model, "shutdown_date": shutdown} if shutdown else model


_MODELS = {name: _model(name, shutdown) for name, shutdown in _REAL.items()} | {b: _model(b) for b in BEHAVIOURS}


class ModelsWire(OpenAiForm):
    """See Wire. Under /openai/v1 alone, as Anthropic's list has the same path at the root."""

    def __init__(self, stage: Stage) -> None:
        """Play nothing."""

    def routes(self) -> Sequence[Route]:
        """See Wire; the last route takes what no other wire of OpenAI's has taken."""
        return (
            Route("GET", "/openai/v1/models", self._list),
            Route("GET", "/openai/v1/models/{id}", self._get),
            Route("*", "/openai/{path:.*}", self._no_such_path),
        )

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """See Wire; no model answers here."""
        raise NotImplementedError

    def script(self, answer: Answer, asked: Asked) -> Script:
        """See Wire; no model answers here."""
        raise NotImplementedError

    def is_delta(self, frame: bytes) -> bool:
        """See Wire."""
        return False

    async def _list(self, x: Exchange) -> None:
        check_credentials(x.headers)
        await x.reply({"object": "list", "data": list(_MODELS.values())})

    async def _get(self, x: Exchange) -> None:
        check_credentials(x.headers)
        name = x.path["id"]
        x.call.model = name
        known = _MODELS.get(name) or _MODELS.get(names.parse(name).behaviour)
        if known is None:
            raise RefusedError(404, f"The model '{name}' does not exist", code="model_not_found", param="model")
        await x.reply({**known, "id": name})

    async def _no_such_path(self, x: Exchange) -> None:
        check_credentials(x.headers)
        raise RefusedError(404, f"Invalid URL ({x.call.method} {x.call.path})", code="unknown_url")
