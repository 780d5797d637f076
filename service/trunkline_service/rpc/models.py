"""`ModelService`: what models there are."""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from itertools import islice
from typing import Any, TypeAlias

import grpc
import msgspec

from trunkline.v1 import model_service_pb2, model_service_pb2_grpc
from trunkline.v1.model_service_pb2 import ListModelsRequest, ListModelsResponse, Model
from trunkline_service.errors import Violation
from trunkline_service.routing.models import Models
from trunkline_service.rpc.call import current_call
from trunkline_service.rules.basics import MAX_NAME, not_too_many, refuse, required

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 1000
# A name of MAX_NAME characters, each as long as JSON can make it, twice.
MAX_TOKEN = 20_000

# As text: the class takes no parameters at run time.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class ModelServicer(model_service_pb2_grpc.ModelServiceServicer):
    """Lists the models of the gateway's providers, and describes one."""

    async def ListModels(self, request: ListModelsRequest, context: Context) -> ListModelsResponse:
        """Lists the models of all providers, or of one."""
        refuse(_violations(request))
        models, warnings = await Models(current_call().router).all(request.provider, self._deadline())
        response = ListModelsResponse(warnings=warnings)
        after = _place(request)
        size = 0
        for model in models:
            if (model.provider, model.id) <= after or not _is_wanted(model, request):
                continue
            size += model.ByteSize()
            # A page may be shorter than was asked for, but not larger than what can be sent.
            is_full = len(response.models) == (request.page_size or DEFAULT_PAGE_SIZE)
            if is_full or (response.models and size > current_call().router.limits.max_message_bytes // 2):
                last = response.models[-1]
                response.next_page_token = _token(request, last.provider, last.id)
                break
            response.models.append(model)
        return response

    async def GetModel(
        self, request: model_service_pb2.GetModelRequest, context: Context
    ) -> model_service_pb2.GetModelResponse:
        """Describes the model that a request for a name would be answered by."""
        refuse(_name_violations(request.model))
        model, warnings = await Models(current_call().router).one(request.model, self._deadline())
        return model_service_pb2.GetModelResponse(model=model, warnings=warnings)

    def _deadline(self) -> float:
        return current_call().deadline()


def _is_wanted(model: Model, request: ListModelsRequest) -> bool:
    if len(model.id) > MAX_NAME:
        # No request could name it, and no page token either.
        return False
    if request.lifecycles:
        if model.lifecycle not in request.lifecycles:
            return False
    elif model.lifecycle == model_service_pb2.MODEL_LIFECYCLE_RETIRED:
        return False
    return all(capability in model.capabilities for capability in request.capabilities)


def _name_violations(model: str) -> Iterator[Violation]:
    yield from required(model, "model")
    if len(model) > MAX_NAME:
        yield Violation("model", f"is longer than {MAX_NAME} characters")


def _violations(request: ListModelsRequest) -> Iterator[Violation]:
    if len(request.provider) > MAX_NAME:
        yield Violation("provider", f"is longer than {MAX_NAME} characters")
    for name, values, known in (
        ("capabilities", request.capabilities, model_service_pb2.ModelCapability.values()[1:]),
        ("lifecycles", request.lifecycles, model_service_pb2.ModelLifecycle.values()),
    ):
        yield from not_too_many(values, name)
        for number, value in enumerate(islice(values, 100)):
            if value not in known:
                yield Violation(f"{name}[{number}]", f"{value} is not one that this gateway knows")
    if not 0 <= request.page_size <= MAX_PAGE_SIZE:
        yield Violation("page_size", f"is not between 1 and {MAX_PAGE_SIZE}")
    if request.page_token:
        place = _read_token(request.page_token)
        if place is None:
            yield Violation("page_token", "is not one of this gateway's")
        elif place.request != _digest(request):
            yield Violation(
                "page_token", "is of another request: provider, capabilities and lifecycles must be the same"
            )


class _Place(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    """Behind which model to go on, and for which request. A list that has changed meanwhile does no harm."""

    provider: str
    id: str
    request: str


def _place(request: ListModelsRequest) -> tuple[str, str]:
    place = _read_token(request.page_token) if request.page_token else None
    return (place.provider, place.id) if place else ("", "")


def _token(request: ListModelsRequest, provider: str, model: str) -> str:
    place = msgspec.json.encode(_Place(provider, model, _digest(request)))
    return base64.urlsafe_b64encode(place).rstrip(b"=").decode()


def _read_token(token: str) -> _Place | None:
    if len(token) > MAX_TOKEN or not token.isascii():
        return None
    try:
        text = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(text, type=_Place)
    except (binascii.Error, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def _digest(request: ListModelsRequest) -> str:
    """What must stay the same from page to page."""
    asked = [request.provider, sorted(set(request.capabilities)), sorted(set(request.lifecycles))]
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=6).hexdigest()
