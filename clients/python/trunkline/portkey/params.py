"""`override_params`, which have OpenAI's names, as parts of the request that a route overrides."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, Final

from trunkline.json_text import json_text
from trunkline.portkey import tools
from trunkline.portkey.reading import Place
from trunkline.v1.chat_input_pb2 import ChatInput, JsonObjectFormat, ReasoningMode

_INT32: Final = 2**31 - 1
_INT64: Final = 2**63 - 1
_WITHOUT: Final[Mapping[str, str]] = {
    "messages": "the messages are the caller's: a route cannot change them",
    "prompt": "the messages are the caller's: a route cannot change them",
    "input": "the messages are the caller's: a route cannot change them",
    "n": "a call has one answer",
    "stream": "the caller streams or does not",
    "stream_options": "the usage is always told",
}
_OF_OPENAI: Final = ("prompt_cache_key", "verbosity", "store")


def chat_input(params: Mapping[str, Place], api: str, provider: str) -> ChatInput:
    """What a target overrides. `params` are without the model; `api` is the kind of API, empty if it is not known.

    What the contract has no field for goes into the provider's own request as it stands.
    Raises PortkeyError where a value is not of the kind that the name asks for.
    """
    made = ChatInput()
    raw: dict[str, Any] = {}
    for name, place in _settled(params).items():
        if place.value is None:
            place.dropped("null takes nothing back here: what the request says holds")
        elif name in _WITHOUT:
            place.dropped(_WITHOUT[name])
        elif name in _OF_OPENAI and api not in ("", "openai"):
            place.dropped("only OpenAI has it")
        elif not (name in _FIELDS and _FIELDS[name](made, place, api)):
            raw[name] = place.value
            place.differs("has no field of its own: it goes into the provider's request as it stands")
    if made.generation.HasField("top_logprobs") and not made.generation.logprobs:
        params["top_logprobs"].fail("needs logprobs: true beside it")
    if raw:
        made.provider_options_json[provider] = json_text(raw)
    return made


_SAME: Final = (
    ("stop_sequences", "stop"),
    ("max_output_tokens", "max_tokens"),
    ("max_output_tokens", "max_completion_tokens"),
)


def _settled(params: Mapping[str, Place]) -> dict[str, Place]:
    """Without the weaker one of two names for the same."""
    found = dict(params)
    newer = found.get("max_completion_tokens")
    if newer and newer.value is not None and (older := found.pop("max_tokens", None)):
        older.differs("max_completion_tokens is stronger")
    for native, name in _SAME:
        if native in found and name in found:
            found[native].fail(f"is the same as {name}: choose one")
    return found


# Each writes into the input, and returns whether that is all of it.
_Writer = Callable[[ChatInput, Place, str], bool]


def _number(field: str, least: float, most: float) -> _Writer:
    def write(made: ChatInput, place: Place, _api: str) -> bool:
        if not least <= place.number() <= most:
            place.fail(f"expected a number from {least:g} to {most:g}")
        setattr(made.generation, field, place.number())
        return True

    return write


def _integer(field: str, least: int, most: int) -> _Writer:
    def write(made: ChatInput, place: Place, _api: str) -> bool:
        setattr(made.generation, field, place.integer(least, most))
        return True

    return write


def _logprobs(made: ChatInput, place: Place, _api: str) -> bool:
    made.generation.logprobs = place.boolean()
    return True


def _stop(made: ChatInput, place: Place, _api: str) -> bool:
    found = [place.text()] if isinstance(place.value, str) else [item.text() for item in place.items()]
    if not found:
        place.dropped("an empty list takes nothing back here: what the request says holds")
        return True
    made.generation.stop_sequences.extend(found)
    return True


def _logit_bias(made: ChatInput, place: Place, _api: str) -> bool:
    for token, bias in place.members().items():
        if not (token.isascii() and token.isdecimal() and len(token) <= 10 and int(token) <= _INT32):
            bias.fail("expected a token's id, a whole number")
        if not -100 <= bias.number() <= 100:
            bias.fail("expected a number from -100 to 100")
        made.generation.logit_bias[int(token)] = bias.number()
    place.differs("is added to what the request says, token by token")
    return True


def _user(made: ChatInput, place: Place, _api: str) -> bool:
    made.end_user_id = place.text()
    return True


def _service_tier(made: ChatInput, place: Place, _api: str) -> bool:
    made.service_tier = place.text()
    return True


def _effort(made: ChatInput, place: Place, _api: str) -> bool:
    made.reasoning.effort = place.text()
    return True


_THINKING: Final = {
    "disabled": ReasoningMode.REASONING_MODE_DISABLED,
    "adaptive": ReasoningMode.REASONING_MODE_ADAPTIVE,
    "enabled": ReasoningMode.REASONING_MODE_BUDGET,
}


def _thinking(made: ChatInput, place: Place, _api: str) -> bool:
    members = place.members()
    if not members.keys() <= {"type", "budget_tokens", "display"} or "type" not in members:
        return False
    mode = members["type"].text()
    if mode not in _THINKING or (mode == "enabled") != ("budget_tokens" in members):
        return False
    made.reasoning.mode = _THINKING[mode]
    if "budget_tokens" in members:
        made.reasoning.budget_tokens = members["budget_tokens"].integer(1, _INT32)
    if "display" in members:
        made.reasoning.display = members["display"].text()
    return True


def _response_format(made: ChatInput, place: Place, _api: str) -> bool:
    members = place.members()
    kind = members.pop("type", place).text()
    if kind == "text" and not members:
        place.dropped("free text takes nothing back here: the form that the request asks for holds")
        return True
    if kind == "json_object" and not members:
        made.output_format.json_object.CopyFrom(JsonObjectFormat())
        return True
    if kind != "json_schema" or members.keys() != {"json_schema"}:
        return False
    form = members["json_schema"].members()
    if "schema" not in form or not form.keys() <= {"schema", "name", "description", "strict"}:
        return False
    target = made.output_format.json_schema
    form["schema"].members()
    target.schema_json = json_text(form["schema"].value)
    for name in ("name", "description"):
        if name in form:
            setattr(target, name, form[name].text())
    if "strict" in form and form["strict"].value is not None:
        target.strict = form["strict"].boolean()
    return True


def _metadata(made: ChatInput, place: Place, api: str) -> bool:
    members = place.members()
    if api == "anthropic":
        if members.keys() != {"user_id"}:
            return False
        made.end_user_id = members["user_id"].text()
        return True
    if api != "openai" or not all(isinstance(member.value, str) for member in members.values()):
        return False
    for name, member in members.items():
        made.openai.metadata[name] = member.value
    if not members:
        place.dropped("takes nothing back here: what the request says holds")
    return True


def _of_openai(made: ChatInput, place: Place, _api: str) -> bool:
    name = place.path.rpartition(".")[2]
    setattr(made.openai, name, place.boolean() if name == "store" else place.text())
    return True


def _version(made: ChatInput, place: Place, api: str) -> bool:
    _for_anthropic(place, api)
    made.anthropic.version = place.text()
    return True


def _betas(made: ChatInput, place: Place, api: str) -> bool:
    _for_anthropic(place, api)
    names = place.text().split(",") if isinstance(place.value, str) else [item.text() for item in place.items()]
    made.anthropic.betas.extend(name.strip() for name in names if name.strip())
    return True


def _for_anthropic(place: Place, api: str) -> None:
    if api not in ("", "anthropic"):
        place.differs("means nothing to this target: only Anthropic has it")


_FIELDS: Final[Mapping[str, _Writer]] = {
    "max_tokens": _integer("max_output_tokens", 0, _INT32),
    "max_completion_tokens": _integer("max_output_tokens", 0, _INT32),
    "max_output_tokens": _integer("max_output_tokens", 0, _INT32),
    "temperature": _number("temperature", 0, math.inf),
    "top_p": _number("top_p", 0, 1),
    "top_k": _integer("top_k", 0, _INT32),
    "seed": _integer("seed", -_INT64, _INT64),
    "presence_penalty": _number("presence_penalty", -2, 2),
    "frequency_penalty": _number("frequency_penalty", -2, 2),
    "logprobs": _logprobs,
    "top_logprobs": _integer("top_logprobs", 0, 20),
    "logit_bias": _logit_bias,
    "stop": _stop,
    "stop_sequences": _stop,
    "user": _user,
    "service_tier": _service_tier,
    "reasoning_effort": _effort,
    "thinking": _thinking,
    "response_format": _response_format,
    "metadata": _metadata,
    "tools": tools.write,
    "tool_choice": tools.write_choice,
    "parallel_tool_calls": tools.write_parallel,
    "anthropic_version": _version,
    "anthropic_beta": _betas,
    **dict.fromkeys(_OF_OPENAI, _of_openai),
}
