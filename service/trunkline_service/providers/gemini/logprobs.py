"""How likely the tokens of an answer were."""

from __future__ import annotations

from itertools import zip_longest

import msgspec

from trunkline.v1 import chat_service_pb2, message_pb2


class _Token(msgspec.Struct, rename="camel"):
    token: str = ""
    log_probability: float = 0.0


class _Top(msgspec.Struct):
    candidates: list[_Token] = []


class _Result(msgspec.Struct, rename="camel"):
    chosen_candidates: list[_Token] = []
    top_candidates: list[_Top] = []


_decoder = msgspec.json.Decoder(_Result)


def decode(data: msgspec.Raw) -> chat_service_pb2.TokenLogprobs | None:
    """The tokens of a `logprobsResult`; None if it has none, or another shape."""
    try:
        result = _decoder.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return None
    tokens = chat_service_pb2.TokenLogprobs()
    for chosen, top in zip_longest(result.chosen_candidates, result.top_candidates):
        if chosen is None:
            break
        token = tokens.tokens.add(token=chosen.token, logprob=chosen.log_probability)
        token.top.extend(
            message_pb2.TokenLogprob(token=each.token, logprob=each.log_probability)
            for each in (top.candidates if top is not None else ())
        )
    return tokens if tokens.tokens else None
