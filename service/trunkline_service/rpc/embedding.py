"""`EmbeddingService`: texts in, vectors out."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any, TypeAlias

import grpc

from trunkline.v1 import chat_input_pb2, embedding_service_pb2, embedding_service_pb2_grpc, error_reason_pb2
from trunkline_service.errors import GatewayError, Violation
from trunkline_service.providers.base import Embedder
from trunkline_service.routing import questions
from trunkline_service.routing.attempt import Attempt, Sink
from trunkline_service.routing.execution import Execution
from trunkline_service.rpc.call import current_call
from trunkline_service.rules.basics import KnowsProvider, destination, provider_options, refuse

MAX_INPUTS = 100_000

# As text: the class takes no parameters at run time.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class EmbeddingServicer(embedding_service_pb2_grpc.EmbeddingServiceServicer):
    """Finds the provider that embeds, and passes on its vectors."""

    async def Embed(
        self, request: embedding_service_pb2.EmbedRequest, context: Context
    ) -> embedding_service_pb2.EmbedResponse:
        """Embeds the inputs."""
        call = current_call()
        router = call.router
        refuse(chain(_violations(request, router.knows), router.violations(request.routing)))
        deadline = call.deadline()

        async def embed(
            attempt: Attempt, _input: chat_input_pb2.ChatInput, deadline: float, _sink: Sink
        ) -> embedding_service_pb2.EmbedResponse:
            if not isinstance(attempt.leg.provider, Embedder):
                raise self._no_embeddings(attempt.leg.target.provider)
            return await questions.embed(attempt, request, attempt.leg.provider, deadline)

        plan = router.plan(request.model, request.routing, "model")
        # Routes look at conversations: here, all there is to see is the model.
        seen = chat_input_pb2.ChatInput(model=request.model)
        execution = Execution(router, plan, seen, request.routing, deadline, embed)
        call.execution = execution
        response = await execution.run()
        response.route_report.CopyFrom(execution.report)
        return response

    def _no_embeddings(self, provider: str) -> GatewayError:
        return GatewayError(
            error_reason_pb2.ERROR_REASON_CAPABILITY_NOT_SUPPORTED,
            f"{provider!r} has no embeddings",
            metadata={
                "capability": "embeddings",
                "provider": provider,
                "providers": ", ".join(current_call().router.providers_that_are(Embedder)),
            },
        )


def _violations(request: embedding_service_pb2.EmbedRequest, knows_provider: KnowsProvider) -> Iterator[Violation]:
    yield from destination(request.model, "model", request.routing)
    if not request.inputs:
        yield Violation("inputs", "is required: at least one input")
    if len(request.inputs) > MAX_INPUTS:
        yield Violation("inputs", f"has more than {MAX_INPUTS} entries")
    else:
        kinds = [each.WhichOneof("kind") for each in request.inputs]
        for number, kind in enumerate(kinds):
            path = f"inputs[{number}]"
            if kind is None:
                yield Violation(f"{path}.kind", "is required")
            elif kind != kinds[0] and kinds[0] is not None:
                yield Violation(path, f"is {kind}, though the first one is {kinds[0]}: all have to be the same")
            if kind == "tokens":
                ids = request.inputs[number].tokens.ids
                if not ids:
                    yield Violation(f"{path}.tokens.ids", "is required: at least one token")
                elif min(ids) < 0:
                    yield Violation(f"{path}.tokens.ids", "must not be negative")
    if request.HasField("dimensions") and request.dimensions < 1:
        yield Violation("dimensions", "must be at least 1")
    yield from provider_options(request.provider_options_json, "provider_options_json", knows_provider)
