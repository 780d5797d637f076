"""Where Gemini is: its addresses and headers, at the developer API and on Vertex."""

from __future__ import annotations

import urllib.parse
from collections.abc import Mapping

from trunkline_service.providers.base import Target

# What may stand in a path as it is: names of models have slashes where they are resources of their own.
_SAFE = "/@:-._~"


def model_name(target: Target, *, vertex: bool) -> str:
    """The model as a resource: "models/gemini-3.8-flash", and on Vertex with its project and location before it.

    A model that has a slash is a resource already: "tunedModels/mine", "endpoints/123", "publishers/meta/models/x".
    """
    model = target.model
    if not vertex:
        return model if "/" in model else f"models/{model}"
    if model.startswith("projects/"):
        return model
    below = model if "/" in model else f"publishers/google/models/{model}"
    return f"projects/{target.project}/locations/{target.region}/{below}"


def url(target: Target, verb: str, *, vertex: bool) -> str:
    """The address of a method of the model, or of the model itself without a `verb`."""
    path = urllib.parse.quote(model_name(target, vertex=vertex), safe=_SAFE)
    return f"{target.base_url}/{path}{verb}"


def headers(target: Target) -> Mapping[str, str]:
    """The headers of a request. Without a key, `upstream/` has credentials that add theirs."""
    result = {
        "content-type": "application/json",
        # A compressed stream would wait in buffers for more to compress.
        "accept-encoding": "identity",
    }
    if target.api_key and target.auth == "bearer":
        result["authorization"] = f"Bearer {target.api_key}"
    elif target.api_key:
        result["x-goog-api-key"] = target.api_key
    return {**result, **target.headers} if target.headers else result


def file_uri(file_id: str, target: Target, *, vertex: bool) -> str:
    """The address of a file, by its name ("files/abc") or its address; empty if it is no file here."""
    if file_id.startswith("gs://"):
        return file_id
    if vertex:
        return ""
    if file_id.startswith("files/"):
        return f"{target.base_url}/{file_id}"
    if file_id.startswith("https://generativelanguage.googleapis.com/"):
        return file_id
    return ""
