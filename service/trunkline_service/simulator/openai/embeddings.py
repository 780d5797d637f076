"""Embeddings: vectors that depend on nothing but their input, so that equal inputs have equal ones."""

import base64
import hashlib
import math
import struct
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from trunkline_service.simulator.answers import Answer, Asked
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.openai.form import OpenAiForm, check_credentials, invalid, missing, unsupported
from trunkline_service.simulator.prompt import Prompt
from trunkline_service.simulator.prompt_cache import PromptTokens
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Script

DIMENSIONS = 1536
"""How many numbers a vector has unless the request says otherwise, and at most."""
_MOST_INPUTS = 2048
_MOST_TOKENS = 8192
_KNOWN = ("model", "input", "dimensions", "encoding_format", "user")


class EmbeddingsWire(OpenAiForm):
    """See Wire. Only faults matter to it: whatever else a model's name says, vectors are the answer."""

    def __init__(self, stage: Stage) -> None:
        """Play on a stage."""
        self._stage = stage

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        paths = ("/openai/v1", "/v1", "", "/openai/deployments/{deployment}")
        return tuple(Route("POST", f"{path}/embeddings", self._embed) for path in paths)

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """See Wire."""
        body = asked.prompt.body
        size = body.get("dimensions") or DIMENSIONS
        form = _as_text if body.get("encoding_format") == "base64" else _as_numbers
        data = [
            {"object": "embedding", "index": index, "embedding": form(vector(given, size))}
            for index, given in enumerate(_inputs(body["input"]))
        ]
        count = asked.prompt.tokens.uncached
        usage = {"prompt_tokens": count, "total_tokens": count}
        return encode({"object": "list", "data": data, "model": asked.model, "usage": usage})

    def script(self, answer: Answer, asked: Asked) -> Script:
        """See Wire; there are no streams of vectors."""
        return Script(content=[self.whole(answer, asked)])

    def is_delta(self, frame: bytes) -> bool:
        """See Wire."""
        return False

    async def _embed(self, x: Exchange) -> None:
        check_credentials(x.headers)
        deployment = x.path.get("deployment")
        body = _check(x.json(), deployment)
        tokens = sum(_tokens(given) for given in _inputs(body["input"]))
        prompt = Prompt(model=deployment or body["model"], tokens=PromptTokens(tokens), body=body)
        await self._stage.perform(x, prompt)


def vector(given: Any, size: int) -> bytes:
    """Make the vector of an input, a text or tokens: `size` little-endian 32-bit floats of length 1."""
    return _vector(encode(given), size)


@lru_cache(maxsize=1024)
def _vector(data: bytes, size: int) -> bytes:
    noise = hashlib.shake_256(data).digest(2 * size)
    numbers = [(number - 32_767.5) / 32_767.5 for number in struct.unpack(f"<{size}H", noise)]
    length = math.sqrt(sum(number * number for number in numbers))
    return struct.pack(f"<{size}f", *(number / length for number in numbers))


def _as_numbers(packed: bytes) -> list[float]:
    return list(struct.unpack(f"<{len(packed) // 4}f", packed))


def _as_text(packed: bytes) -> str:
    return base64.b64encode(packed).decode()


def _inputs(given: Any) -> list[Any]:
    """Give the inputs one by one: a text, texts, tokens, or lists of tokens."""
    if isinstance(given, str) or isinstance(given[0], int):
        return [given]
    return list(given)


def _tokens(given: str | list[int]) -> int:
    return max(1, len(given) // 4) if isinstance(given, str) else len(given)


def _check(body: Any, deployment: str | None) -> Json:
    if not isinstance(body, dict):
        invalid("We could not parse the JSON body of your request: expected an object.")
    for name in body:
        if name not in _KNOWN:
            invalid(f"Unrecognized request argument supplied: {name}", name)
    if deployment is None and not isinstance(body.get("model"), str):
        invalid("you must provide a model parameter", "model")
    if "input" not in body:
        missing("input")
    if not isinstance(body["input"], str | list) or not body["input"]:
        invalid("'input' cannot be an empty string or an empty array.", "input")
    inputs = _inputs(body["input"])
    if len(inputs) > _MOST_INPUTS:
        invalid(f"'input' must have at most {_MOST_INPUTS} items.", "input", "array_above_max_length")
    for place, given in enumerate(inputs):
        if not given or not isinstance(given, str | list):
            invalid(f"'$.input[{place}]' is invalid.", f"input[{place}]")
        if isinstance(given, list) and not all(type(token) is int and token >= 0 for token in given):
            invalid(f"'$.input[{place}]' is invalid: expected integers.", f"input[{place}]")
        if _tokens(given) > _MOST_TOKENS:
            asked = f"your request has {_tokens(given)}"
            invalid(f"This model's maximum context length is {_MOST_TOKENS} tokens, {asked}.", "input")
    size = body.get("dimensions")
    if size is not None and (type(size) is not int or not 1 <= size <= DIMENSIONS):
        invalid(f"Invalid value for 'dimensions' = {size}. Must be between 1 and {DIMENSIONS}.", "dimensions")
    if body.get("encoding_format") not in (None, "float", "base64"):
        unsupported(body["encoding_format"], ("float", "base64"), "encoding_format")
    return body
