"""What a codec has to tell the caller about a request while it encodes it."""

from __future__ import annotations

import re
import sys

from trunkline.v1 import warning_pb2
from trunkline_service.errors import GatewayError, InvalidRequest, Unsupported, Violation
from trunkline_service.providers.tool_names import ToolNames

# Matches nothing: every name will do.
_NONE = re.compile(r"(?!)")


class EncodeReport:
    """Collects what is wrong with a request, so that the caller learns all of it at once.

    With `drop_unsupported`, a field that the provider cannot honour becomes a warning instead of an error; the codec
    leaves it out either way. `tool_names` are those of the caller's own tools, as the provider takes them;
    `takes_cache_marks` is whether it takes marks of what to cache, where not all of its models do.
    """

    def __init__(
        self, *, drop_unsupported: bool, tool_names: ToolNames | None = None, takes_cache_marks: bool = False
    ) -> None:
        self.tool_names = tool_names or ToolNames(_NONE, sys.maxsize)
        self.takes_cache_marks = takes_cache_marks
        self._drop_unsupported = drop_unsupported
        self._invalid: list[Violation] = []
        self._unsupported: list[Violation] = []
        self._capability = ""
        self.warnings: list[warning_pb2.Warning] = []

    def invalid(self, field: str, description: str) -> None:
        """The field breaks a rule of the provider's."""
        self._invalid.append(Violation(field, description))

    def unsupported(self, field: str, description: str, *, capability: str) -> None:
        """The provider has nothing that could honour the field."""
        if self._drop_unsupported:
            self.dropped(field, description)
            return
        self._capability = self._capability or capability
        self._unsupported.append(Violation(field, description))

    def dropped(self, field: str, description: str) -> None:
        """The field is left out, whatever the caller's policy."""
        self.warnings.append(
            warning_pb2.Warning(
                code=warning_pb2.WARNING_CODE_FIELD_DROPPED, field=field, message=f"left out: {description}"
            )
        )

    def not_portable(self, field: str, description: str) -> None:
        """The field holds what only the provider that wrote it can read; it is left out, whatever the policy."""
        self.warnings.append(
            warning_pb2.Warning(
                code=warning_pb2.WARNING_CODE_NOT_PORTABLE, field=field, message=f"left out: {description}"
            )
        )

    def defaulted(self, field: str, value: str, message: str) -> None:
        """The provider insists on a value, and the caller gave none."""
        self.warnings.append(
            warning_pb2.Warning(
                code=warning_pb2.WARNING_CODE_DEFAULT_APPLIED, field=field, value=value, message=message
            )
        )

    def error(self) -> GatewayError | None:
        """The error that the findings add up to, if any."""
        if self._invalid:
            return InvalidRequest(self._invalid)
        if self._unsupported:
            return Unsupported(self._unsupported, capability=self._capability)
        return None
