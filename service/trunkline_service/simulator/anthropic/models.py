"""The models endpoint: the behaviours and a few real names."""

from collections.abc import Mapping

from trunkline_service.simulator import names
from trunkline_service.simulator.behaviours import BEHAVIOURS
from trunkline_service.simulator.errors import RefusedError
from trunkline_service.simulator.sse import Json

_CREATED = "2026-01-01T00:00:00Z"
# id, display name, line, input tokens, output tokens, retirement
_CLAUDE = (
    ("claude-opus-5-5", "Claude Opus 5.5", "opus", 1_000_000, 128_000, None),
    ("claude-sonnet-5-5", "Claude Sonnet 5.5", "sonnet", 1_000_000, 128_000, None),
    ("claude-haiku-5-5", "Claude Haiku 5.5", "haiku", 1_000_000, 128_000, None),
    ("claude-sonnet-4-5", "Claude Sonnet 4.5", "sonnet", 200_000, 64_000, "2026-11-30T00:00:00Z"),
    ("claude-haiku-4-5", "Claude Haiku 4.5", "haiku", 200_000, 64_000, None),
)
_YES = {"supported": True}
_CAPABILITIES = {
    **dict.fromkeys(("batch", "citations", "code_execution", "image_input", "pdf_input", "structured_outputs"), _YES),
    "context_management": {**_YES, "clear_tool_uses_20250919": _YES, "compact_20260112": _YES},
    "effort": {**_YES, **dict.fromkeys(("low", "medium", "high", "xhigh", "max"), _YES)},
    "server_tools": {**_YES, "web_search": _YES, "web_fetch": _YES},
    "thinking": {
        **_YES,
        "types": dict.fromkeys(("adaptive", "between_tools", "disabled", "enabled"), _YES),
    },
}


def _model(model: str, shown: str, line: str | None, most_in: int, most_out: int, retires: str | None = None) -> Json:
    return {
        "type": "model",
        "id": model,
        "display_name": shown,
        "created_at": _CREATED,
        "lifecycle": "deprecated" if retires else "active",
        "deprecated_at": "2026-06-01T00:00:00Z" if retires else None,
        "retires_at": retires,
        "line": line,
        "max_input_tokens": most_in,
        "max_tokens": most_out,
        "capabilities": _CAPABILITIES,
    }


_MODELS = {model[0]: _model(*model) for model in _CLAUDE}
_MODELS |= {name: _model(name, b.summary, None, 200_000, 64_000) for name, b in BEHAVIOURS.items()}


def one(model: str) -> Json:
    """Give one model; a known name with parameters is known too."""
    known = _MODELS.get(model) or _MODELS.get(names.parse(model).behaviour)
    if known is None:
        raise RefusedError(404, f"model: {model}")
    return {**known, "id": model}


def page(query: Mapping[str, str], lifecycles: list[str]) -> Json:
    """Give a page of the list by `limit`, `before_id`, `after_id` and `lifecycle[]`."""
    limit = query.get("limit", "20")
    if not limit.isascii() or not limit.isdigit() or not 1 <= int(limit) <= 1000:
        raise RefusedError(400, "limit: Input should be between 1 and 1000")
    models = [model for model in _MODELS.values() if not lifecycles or model["lifecycle"] in lifecycles]
    ids = [model["id"] for model in models]
    first, last = 0, len(models)
    if after := query.get("after_id"):
        first = _position(ids, after, "after_id") + 1
    if before := query.get("before_id"):
        last = _position(ids, before, "before_id")
        first = max(first, last - int(limit))
    data = models[first : min(last, first + int(limit))]
    more = first > 0 if before else first + len(data) < last
    return {
        "data": data,
        "has_more": more,
        "first_id": data[0]["id"] if data else None,
        "last_id": data[-1]["id"] if data else None,
    }


def _position(ids: list[str], wanted: str, name: str) -> int:
    if wanted not in ids:
        raise RefusedError(400, f"{name}: no such model: {wanted}")
    return ids.index(wanted)
