"""What stands in a config, and has no counterpart in a route."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from trunkline.portkey.reading import Settings

_WITHOUT: Final[Mapping[str, str]] = {
    "cache": "routes do not cache answers",
    "forward_headers": "headers of callers go no further than the gateway",
    "strict_open_ai_compliance": "answers are not in OpenAI's format, and hold all that the provider said",
    "on_status_codes": "belongs into strategy or retry: Portkey does not read it here",
    **dict.fromkeys(
        (
            "before_request_hooks",
            "after_request_hooks",
            "input_guardrails",
            "output_guardrails",
            "default_input_guardrails",
            "default_output_guardrails",
            "input_mutators",
            "output_mutators",
        ),
        "nothing checks or changes what is said on the way",
    ),
}


def drop(settings: Settings) -> None:
    """Take what has no counterpart, and note why."""
    for name, setting in settings.take_all(_WITHOUT).items():
        setting.dropped(_WITHOUT[name])
