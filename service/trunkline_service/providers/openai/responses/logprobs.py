"""How likely tokens were, as OpenAI tells it."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from trunkline.v1 import message_pb2


class _Top(msgspec.Struct, forbid_unknown_fields=True):
    token: str
    logprob: float
    bytes: list[int] | None = None


class _Token(_Top, forbid_unknown_fields=True):
    top_logprobs: list[_Top] | None = None


_decoder = msgspec.json.Decoder(_Token)


def decode_logprobs(items: Iterable[msgspec.Raw]) -> list[message_pb2.TokenLogprob] | None:
    """The tokens in order; None if they say anything that the contract has no field for."""
    try:
        return [_token(_decoder.decode(item)) for item in items]
    except (msgspec.DecodeError, RecursionError, ValueError):
        return None


def _token(token: _Token) -> message_pb2.TokenLogprob:
    return message_pb2.TokenLogprob(
        token=token.token,
        logprob=token.logprob,
        raw_bytes=bytes(token.bytes or ()),
        top=[
            message_pb2.TokenLogprob(token=top.token, logprob=top.logprob, raw_bytes=bytes(top.bytes or ()))
            for top in token.top_logprobs or ()
        ],
    )
