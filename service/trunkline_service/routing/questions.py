"""Questions to a provider whose answers come in one piece."""

from __future__ import annotations

from trunkline.v1 import chat_input_pb2, chat_service_pb2, embedding_service_pb2, error_reason_pb2, message_pb2
from trunkline_service import counting
from trunkline_service.errors import GatewayError
from trunkline_service.off_loop import off_loop
from trunkline_service.providers.base import Embedder, ProtocolViolation
from trunkline_service.routing.attempt import MAX_WHOLE_BYTES, Attempt
from trunkline_service.routing.failing import protocol_error
from trunkline_service.routing.watch import Watch


async def count(
    attempt: Attempt, chat_input: chat_input_pb2.ChatInput, deadline: float, _sink: object = None
) -> chat_service_pb2.CountTokensResponse:
    """Counts the input's tokens: here, if the provider does not, or says that it does not for this model.

    Raises as `Attempt.chat` does.
    """
    provider, target = attempt.leg.provider, attempt.leg.target
    request = await off_loop(provider.encode_count, chat_input, target)
    if request is None:
        return await _count_here(attempt, chat_input, deadline)
    try:
        body = await attempt.fetch(request, deadline, _no_end)
    except GatewayError as error:
        if not _is_uncounted(error, is_another=request.model not in ("", target.model)):
            raise
        response = await _count_here(attempt, chat_input, deadline)
        response.route_report.attempts.append(attempt.report)
        return response
    try:
        response = provider.decode_count(body, target)
    except ProtocolViolation as violation:
        raise attempt.violation(violation) from violation
    response.warnings.extend(request.warnings)
    return response


def _is_uncounted(error: GatewayError, *, is_another: bool) -> bool:
    """Whether a provider that may well answer with the model does not count for it. `is_another` says that it was asked
    about a model that stands in for it.
    """
    if error.reason == error_reason_pb2.ERROR_REASON_MODEL_NOT_FOUND:
        return is_another
    is_no_address = error.metadata.get("upstream_status") in ("404", "405", "501")
    return is_no_address or error.reason == error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED


async def _count_here(
    attempt: Attempt, chat_input: chat_input_pb2.ChatInput, deadline: float
) -> chat_service_pb2.CountTokensResponse:
    """What the gateway can say by itself; the provider is not asked."""
    leg = attempt.leg
    try:
        with Watch(deadline):
            response = await counting.count(chat_input, leg.tokenizer)
    except GatewayError as error:
        raise attempt.failed(error, None) from error.__cause__
    response.origin.CopyFrom(
        message_pb2.Origin(provider_type=leg.provider.type, provider=leg.target.provider, model=leg.target.model)
    )
    return response


async def embed(
    attempt: Attempt, request: embedding_service_pb2.EmbedRequest, embedder: Embedder, deadline: float
) -> embedding_service_pb2.EmbedResponse:
    """Embeds the request's inputs; `embedder` is the attempt's provider. Raises as `Attempt.chat` does."""
    target = attempt.leg.target
    sent = await off_loop(embedder.encode_embed, request, target)
    body = await attempt.fetch(sent, deadline)
    try:
        response = await off_loop(embedder.decode_embed, body, request, target)
    except ProtocolViolation as violation:
        raise attempt.violation(violation) from violation
    response.warnings.extend(sent.warnings)
    attempt.model = response.origin.model
    if (known := attempt.cost(response.usage, "")) is not None:
        response.cost.CopyFrom(known)
    return response


async def model_maximum(attempt: Attempt, deadline: float) -> int | None:
    """The provider's own word on how many tokens the model can answer with; None if it does not say.

    Raises as `Attempt.chat` does.
    """
    provider = attempt.leg.provider
    request = provider.encode_model(attempt.leg.target)
    if request is None:
        return None
    body = await attempt.fetch(request, deadline, _no_end)
    try:
        return provider.decode_model(body)
    except ProtocolViolation as violation:
        raise attempt.violation(violation) from violation


def _no_end() -> GatewayError:
    return protocol_error(f"with more than {MAX_WHOLE_BYTES} bytes where it has a number to say")
