"""The object around the items of an answer."""

import time
from typing import Any

from trunkline_service.simulator.answers import Answer, Asked, new_id
from trunkline_service.simulator.openai.form import billed
from trunkline_service.simulator.sse import Json

_INCOMPLETE = {
    "max_tokens": "max_output_tokens",
    "model_context_window_exceeded": "max_output_tokens",
    "content_filter": "content_filter",
}


def response(answer: Answer, asked: Asked, output: list[Json]) -> Json:
    """Make a response that is over, completed or incomplete, with its usage and what it echoes of the request."""
    body: dict[str, Any] = asked.prompt.body
    now = int(time.time())
    cut = _INCOMPLETE.get(answer.stop_reason or "")
    prompt, read, written, said, thought = billed(answer, asked)
    return {
        "id": new_id("resp"),
        "object": "response",
        "created_at": now,
        "completed_at": None if cut else now,
        "status": "incomplete" if cut else "completed",
        "background": False,
        "error": None,
        "incomplete_details": {"reason": cut} if cut else None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "model": asked.model,
        "output": output,
        "parallel_tool_calls": asked.prompt.parallel,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None, **(body.get("reasoning") or {})},
        "service_tier": "default",
        "store": body.get("store") is not False,
        "temperature": body.get("temperature", 1.0),
        "text": {"format": {"type": "text"}, **(body.get("text") or {})},
        "tool_choice": body.get("tool_choice", "auto"),
        "tools": body.get("tools") or [],
        "top_p": body.get("top_p", 1.0),
        "truncation": body.get("truncation", "disabled"),
        "metadata": body.get("metadata") or {},
        "usage": {
            "input_tokens": prompt,
            "input_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
            "output_tokens": said,
            "output_tokens_details": {"reasoning_tokens": thought},
            "total_tokens": prompt + said,
        },
    }
