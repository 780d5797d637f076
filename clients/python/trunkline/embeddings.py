"""Turning texts into vectors: what the method takes, and what it gives back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from trunkline.json_text import JSON, json_text
from trunkline.requests import CallOptions, RouteOptions, route_options
from trunkline.v1.embedding_service_pb2 import EmbedInput, EmbedRequest, EmbedResponse, TokenIds
from trunkline.v1.message_pb2 import Origin
from trunkline.v1.usage_pb2 import Cost, Usage
from trunkline.v1.warning_pb2 import Warning as WarningMessage


class EmbedOptions(RouteOptions, CallOptions, total=False):
    """The arguments of `embed`, all by keyword and all optional."""

    model: str | None
    """ "provider/model", or a name that the gateway knows. Default: the client's."""
    dimensions: int | None
    """How many numbers each vector is to have, for models that can shorten theirs."""
    task_type: str | None
    """What the vectors are for, in the provider's own word, for example "RETRIEVAL_QUERY"."""
    end_user_id: str | None
    """An opaque id of the person behind the request."""
    provider_options: Mapping[str, JSON] | None
    """Anything newer than the contract, by provider: merged into the body of the upstream request last."""


class Embeddings:
    """A vector for each input, in their order.

    Example:
        first, second = client.embed(["One text", "Another"], model="openai/text-embedding-3-small")
    """

    __slots__ = ("proto", "request_id")

    def __init__(self, proto: EmbedResponse, request_id: str = "") -> None:
        self.proto: Final = proto
        """The contract's own message."""
        self.request_id: Final = request_id
        """The call's id, to look it up in the gateway's log."""

    def __getitem__(self, index: int) -> Sequence[float]:
        return self.proto.embeddings[index].values

    def __iter__(self) -> Iterator[Sequence[float]]:
        return (each.values for each in self.proto.embeddings)

    def __len__(self) -> int:
        return len(self.proto.embeddings)

    def __repr__(self) -> str:
        return f"<Embeddings of {len(self)} inputs>"

    @property
    def origin(self) -> Origin:
        """The provider and model that answered.

        Example:
            print(embeddings.origin.provider, embeddings.origin.model)
        """
        return self.proto.origin

    @property
    def usage(self) -> Usage:
        """The tokens it took.

        Example:
            print(embeddings.usage.input_total)
        """
        return self.proto.usage

    @property
    def cost(self) -> Cost | None:
        """What it cost, in nano-dollars; None if a price is not known.

        Example:
            print(embeddings.cost.total_nano_usd / 1e9 if embeddings.cost else "not known")
        """
        return self.proto.cost if self.proto.HasField("cost") else None

    @property
    def warnings(self) -> Sequence[WarningMessage]:
        """What the gateway wants the caller to know.

        Example:
            for warning in embeddings.warnings:
                print(warning.field, warning.message)
        """
        return self.proto.warnings


Inputs = str | Iterable[str] | Iterable[Sequence[int]]


def embed_request(inputs: Inputs, options: EmbedOptions, default_model: str) -> EmbedRequest:
    """Make the request.

    Raises:
        TypeError: An argument is not known, or an input is neither a text nor tokens.
        ValueError: An argument has a value that it cannot have.
    """
    if unknown := options.keys() - EmbedOptions.__optional_keys__:
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
    request = EmbedRequest(
        model=options.get("model") or default_model,
        inputs=[_input(each) for each in ([inputs] if isinstance(inputs, str) else inputs)],
        dimensions=options.get("dimensions"),
        task_type=options.get("task_type") or "",
        end_user_id=options.get("end_user_id") or "",
    )
    if (routing := route_options(options)).ByteSize():
        request.routing.CopyFrom(routing)
    for provider, value in (options.get("provider_options") or {}).items():
        request.provider_options_json[provider] = json_text(value)
    return request


def _input(each: str | Sequence[int]) -> EmbedInput:
    return EmbedInput(text=each) if isinstance(each, str) else EmbedInput(tokens=TokenIds(ids=each))
