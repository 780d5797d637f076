"""What the vectors of an answer have to be: what all providers' embeddings have in common."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

from trunkline.v1 import embedding_service_pb2
from trunkline_service.providers.base import ProtocolViolation


def embeddings(
    vectors: Sequence[Sequence[float]], request: embedding_service_pb2.EmbedRequest
) -> list[embedding_service_pb2.Embedding]:
    """One for each input.

    Raises:
        ProtocolViolation: there are more or fewer; they are empty, of different lengths or of another length than was
            asked for; or they hold what is no number.
    """
    if len(vectors) != len(request.inputs):
        msg = f"{len(vectors)} vectors came for {len(request.inputs)} inputs"
        raise ProtocolViolation(msg)
    length = request.dimensions if request.HasField("dimensions") else len(vectors[0])
    if not length or any(len(vector) != length for vector in vectors):
        msg = "the vectors are not of the length that was asked for, or not of the same"
        raise ProtocolViolation(msg)
    result = [embedding_service_pb2.Embedding(values=vector) for vector in vectors]
    # In the contract's precision: what is too large for it has become infinite. A sum is finite only if each of its
    # numbers is, and 64 bits hold the sum of any that 32 bits hold.
    if not all(isfinite(sum(each.values)) for each in result):
        msg = "a vector holds something that is no number"
        raise ProtocolViolation(msg)
    return result
