"""Reading lists of models: what all providers' have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from trunkline.v1 import model_service_pb2
from trunkline_service import json_text
from trunkline_service.providers.base import ProtocolViolation
from trunkline_service.providers.fields import Fields

_NOT_A_LIST = "the list of models is not what the API's format says"


def read(
    body: bytes, member: str, describe: Callable[[Fields, model_service_pb2.Model], None]
) -> tuple[list[model_service_pb2.Model], Fields]:
    """The models in a member of the body, and what else is there. `describe` fills in a model, its `id` at least.

    Raises:
        ProtocolViolation: there is no such list, or a model has no id.
    """
    try:
        # Members that nobody asked for have to be text, too: who takes them later need not look.
        fields = Fields(body.decode().encode())
        entries = fields.items(member)
        if entries is None:
            raise ProtocolViolation(_NOT_A_LIST)
        models = []
        for entry in entries:
            # As it came, so that nothing is lost that has no field.
            model = model_service_pb2.Model(provider_model_json=bytes(entry).decode())
            describe(Fields(entry), model)
            if not model.id:
                raise ProtocolViolation(_NOT_A_LIST)
            models.append(model)
    except (json_text.JsonTextError, UnicodeDecodeError) as error:
        raise ProtocolViolation(_NOT_A_LIST) from error
    return models, fields


def tokens(count: int | None) -> int | None:
    """A number of tokens; None if it cannot be one."""
    return count if count is not None and count > 0 else None


def set_capabilities(
    model: model_service_pb2.Model, told: Iterable[tuple[model_service_pb2.ModelCapability.ValueType, bool]]
) -> None:
    """Writes down what the model can do, and what it cannot."""
    for capability, has in told:
        (model.capabilities if has else model.missing_capabilities).append(capability)
