"""Gemini's embeddings, many at once, at the developer API."""

import struct
from collections.abc import Sequence
from typing import Any

from trunkline_service.simulator.answers import Answer, Asked
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.gemini.errors import invalid
from trunkline_service.simulator.gemini.wire import GeminiWire
from trunkline_service.simulator.openai.embeddings import vector
from trunkline_service.simulator.prompt import Prompt
from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.wire import Route

_DIMENSIONS = 3072
_MOST_REQUESTS = 100
_KNOWN = {"model", "content", "taskType", "title", "outputDimensionality"}
_TASKS = (
    "RETRIEVAL_QUERY",
    "RETRIEVAL_DOCUMENT",
    "SEMANTIC_SIMILARITY",
    "CLASSIFICATION",
    "CLUSTERING",
    "QUESTION_ANSWERING",
    "FACT_VERIFICATION",
    "CODE_RETRIEVAL_QUERY",
)


class GeminiEmbeddingsWire(GeminiWire):
    """See Wire."""

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        return (Route("POST", self._models + "/{model:[^/:]+}:batchEmbedContents", self._embed),)

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """See Wire; what the model would say is of no interest."""
        requests = asked.prompt.body["requests"]
        usage = {"promptTokenCount": asked.prompt.tokens.uncached}
        return encode({"embeddings": [{"values": _values(each)} for each in requests], "usageMetadata": usage})

    async def _embed(self, x: Exchange) -> None:
        self._check_credentials(x)
        model = x.path["model"]
        body = _check(x.json(), model)
        tokens = max(1, sum(len(_text(each)) for each in body["requests"]) // 4)
        await self._stage.perform(x, Prompt(model=model, tokens=PromptTokens(tokens), body=body))


def _values(request: Json) -> list[float]:
    size = request.get("outputDimensionality", _DIMENSIONS)
    return list(struct.unpack(f"<{size}f", vector(_text(request), size)))


def _text(request: Json) -> str:
    return "".join(part["text"] for part in request["content"]["parts"])


def _check(body: Any, model: str) -> Json:
    requests = body.get("requests") if isinstance(body, dict) else None
    if not requests or not isinstance(requests, list):
        invalid("* BatchEmbedContentsRequest.requests: requests is not specified", "requests")
    if len(requests) > _MOST_REQUESTS:
        invalid(
            f"* BatchEmbedContentsRequest.requests: at most {_MOST_REQUESTS} requests can be in one batch", "requests"
        )
    for place, request in enumerate(requests):
        path = f"requests[{place}]"
        for name in request.keys() - _KNOWN:
            invalid(f"Invalid JSON payload received. Unknown name \"{name}\" at '{path}': Cannot find field.", path)
        if request.get("model") != f"models/{model}":
            invalid(f"* BatchEmbedContentsRequest.{path}.model: must be the model of the URL", f"{path}.model")
        if not (request.get("content") or {}).get("parts"):
            invalid(f"* BatchEmbedContentsRequest.{path}.content: contents is not specified", f"{path}.content")
        if request.get("taskType", _TASKS[0]) not in _TASKS:
            invalid(f"Invalid value at '{path}.task_type': {request['taskType']!r}", f"{path}.task_type")
        if not 1 <= request.get("outputDimensionality", _DIMENSIONS) <= _DIMENSIONS:
            invalid(f"output_dimensionality must be at most {_DIMENSIONS}.", f"{path}.output_dimensionality")
    found: Json = body
    return found
