"""`generationConfig`: length, sampling, reasoning and the form of the answer."""

from __future__ import annotations

import math

from trunkline.v1 import chat_input_pb2
from trunkline_service.providers.gemini.members import Json, raw
from trunkline_service.providers.report import EncodeReport

_NAMES = {
    "max_output_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "seed": "seed",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "logprobs": "responseLogprobs",
    "top_logprobs": "logprobs",
}
_LEVELS = frozenset({"minimal", "low", "medium", "high", "xhigh"})
_DISPLAYS = {"auto": True, "summarized": True, "omitted": False}
_OFF, _DYNAMIC = 0, -1


def encode_generation(chat_input: chat_input_pb2.ChatInput, report: EncodeReport) -> Json:
    """The members of `generationConfig`; empty if nothing asks for any."""
    generation = chat_input.generation
    result: Json = {}
    for name, upstream in _NAMES.items():
        if not generation.HasField(name):  # type: ignore[arg-type]
            continue
        value = getattr(generation, name)
        if isinstance(value, float) and not math.isfinite(value):
            report.invalid(f"input.generation.{name}", "is not a finite number")
        elif name == "seed" and not -(2**31) <= value < 2**31:
            report.invalid(f"input.generation.{name}", "does not fit in 32 bits, as Gemini wants it")
        else:
            result[upstream] = value
    if generation.stop_sequences:
        result["stopSequences"] = list(generation.stop_sequences)
    if generation.logit_bias:
        report.unsupported("input.generation.logit_bias", "Gemini has no logit_bias", capability="logit_bias")
    if thinking := _thinking(chat_input.reasoning, report):
        result["thinkingConfig"] = thinking
    result |= _format(chat_input.output_format, report)
    if chat_input.gemini.media_resolution:
        result["mediaResolution"] = chat_input.gemini.media_resolution
    return result


def _thinking(reasoning: chat_input_pb2.ReasoningParams, report: EncodeReport) -> Json:
    """Gemini takes a budget of tokens or a level, never both."""
    result: Json = {}
    effort = reasoning.effort.lower()
    match reasoning.mode:
        case chat_input_pb2.REASONING_MODE_DISABLED:
            result["thinkingBudget"] = _OFF
        case chat_input_pb2.REASONING_MODE_BUDGET:
            result["thinkingBudget"] = reasoning.budget_tokens
        case chat_input_pb2.REASONING_MODE_ADAPTIVE if not effort:
            result["thinkingBudget"] = _DYNAMIC
        case chat_input_pb2.REASONING_MODE_BETWEEN_TOOLS:
            description = "Gemini cannot be told to reason between tool calls only"
            report.unsupported("input.reasoning.mode", description, capability="mode")
    budget = result.get("thinkingBudget")
    if effort == "none" and budget in (None, _OFF):
        result["thinkingBudget"] = _OFF
    elif effort and budget is not None:
        report.invalid("input.reasoning.effort", "Gemini takes a level of effort or a mode with a budget, not both")
    elif effort in _LEVELS:
        result["thinkingLevel"] = effort.upper()
    elif effort:
        description = f"{reasoning.effort!r} is none of Gemini's levels: {', '.join(sorted(_LEVELS))}"
        report.unsupported("input.reasoning.effort", description, capability="effort")
    if reasoning.display in _DISPLAYS:
        result["includeThoughts"] = _DISPLAYS[reasoning.display]
    elif reasoning.display:
        description = f"Gemini shows thoughts ('auto', 'summarized') or not ('omitted'), not {reasoning.display!r}"
        report.unsupported("input.reasoning.display", description, capability="display")
    return result


def _format(output_format: chat_input_pb2.OutputFormat, report: EncodeReport) -> Json:
    match output_format.WhichOneof("format"):
        case "json_object":
            return {"responseMimeType": "application/json"}
        case "json_schema":
            schema = output_format.json_schema
            if schema.HasField("strict") and not schema.strict:
                report.unsupported(
                    "input.output_format.json_schema.strict",
                    "Gemini's schemas always bind",
                    capability="strict",
                )
            return {"responseMimeType": "application/json", "responseJsonSchema": raw(schema.schema_json)}
    return {}
