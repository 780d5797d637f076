"""Which target a call goes to where prompt caches count: the same one for the same beginning, whoever asks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from typing import TypeVar

from trunkline.v1 import chat_input_pb2

T = TypeVar("T")


def prefix_key(chat_input: chat_input_pb2.ChatInput) -> bytes:
    """What calls that can share a prompt cache have in common.

    Providers cache from the front: tools, system, messages. All turns of a conversation, and all conversations with
    the same tools and instructions, have those; a call without either has its first message.
    """
    digest = hashlib.blake2b(digest_size=16)
    blocks = [*chat_input.tools, *chat_input.system] or chat_input.messages[:1]
    for block in blocks:
        digest.update(block.SerializeToString(deterministic=True))
    return digest.digest()


def ranked(key: bytes, names: Sequence[str], weights: Sequence[float]) -> list[int]:
    """The places of `names`, the best one for `key` first: rendezvous hashing in proportion to the weights.

    If a name goes, only the keys that it was best for go elsewhere, shared out among the others.
    """

    # A digest's own key is short, and its end must count as much as its beginning.
    key = hashlib.blake2b(key).digest()

    def score(place: int) -> float:
        if not weights[place]:
            return -1.0
        digest = hashlib.blake2b(names[place].encode(), key=key, digest_size=8).digest()
        # Between 0 and 1, neither of them.
        share = (int.from_bytes(digest) + 0.5) / 2**64
        return -weights[place] / math.log(share)

    return sorted(range(len(names)), key=score, reverse=True)
