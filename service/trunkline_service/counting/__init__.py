"""Counting tokens where the provider has no counter: by the model's own vocabulary where that is known, or an estimate.

`inventory.py` says what there is to count, `tools.py` what a tool is, and `vocabulary.py` cuts text into tokens.

By a vocabulary, a conversation is what OpenAI's chat models are known to make of one: 3 tokens and the role's for each
message, one more for a name, 3 that open the answer; tools as in `tools.py`, a few tokens more or less. Another
vocabulary than the model's own is never used. Only what is all text of the conversation is said to be counted that way:
of tools, a provider's own results, blocks that only the provider reads and shapes of the answer, nobody outside knows
how they come before the model.

An estimate takes a token for every 3 bytes of UTF-8 text, which is a little high for most texts and models: who plans
with it runs out of room later than planned. What is not text is always estimated, see `inventory.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from trunkline.v1 import chat_input_pb2, chat_service_pb2
from trunkline_service.counting.inventory import Inventory
from trunkline_service.counting.tools import TOKENS_FOR_TOOLS, as_written, spelled
from trunkline_service.counting.vocabulary import Vocabulary, vocabulary
from trunkline_service.off_loop import off_loop

BYTES_A_TOKEN = 3
TOKENS_A_MESSAGE = 4
TOKENS_A_NAME = 1
TOKENS_TO_OPEN_THE_ANSWER = 3
MAX_COUNT = 2**31 - 1
# Of a larger input, only the size is looked at for a guess.
MAX_LOOKED_AT = 2**20


async def count(chat_input: chat_input_pb2.ChatInput, tokenizer: str) -> chat_service_pb2.CountTokensResponse:
    """The count and its method. `tokenizer` names the model's vocabulary; empty if that is not known."""
    inventory = await off_loop(Inventory, chat_input)
    words = await vocabulary(tokenizer) if tokenizer else None
    tools, around_tools = _tools(chat_input.tools, as_json=words is None)
    total = (
        await _of_texts([*inventory.texts, *tools], words)
        + around_tools
        + inventory.messages * TOKENS_A_MESSAGE
        + inventory.names * TOKENS_A_NAME
        + TOKENS_TO_OPEN_THE_ANSWER
        + inventory.media_tokens
    )
    is_exact = words is not None and not inventory.has_others and not chat_input.tools
    return chat_service_pb2.CountTokensResponse(
        input_tokens=min(total, MAX_COUNT),
        method=chat_service_pb2.COUNT_METHOD_TOKENIZER if is_exact else chat_service_pb2.COUNT_METHOD_ESTIMATE,
    )


def estimate(chat_input: chat_input_pb2.ChatInput) -> int:
    """A guess at the input's tokens, in a time that does not matter. See `count` for one that is told to callers."""
    if chat_input.ByteSize() > MAX_LOOKED_AT:
        return min(chat_input.ByteSize() // BYTES_A_TOKEN, MAX_COUNT)
    inventory = Inventory(chat_input)
    tools, around = _tools(chat_input.tools, as_json=True)
    size = sum(len(text.encode("utf-8", "replace")) for text in (*inventory.texts, *tools))
    return size // BYTES_A_TOKEN + around + inventory.messages * TOKENS_A_MESSAGE + inventory.media_tokens


def _tools(tools: Sequence[chat_input_pb2.Tool], *, as_json: bool) -> tuple[list[str], int]:
    """The texts of all tools, and the tokens around them."""
    if not tools:
        return [], 0
    texts: list[str] = []
    around = TOKENS_FOR_TOOLS
    for tool in tools:
        more, tokens = as_written(tool) if as_json else spelled(tool)
        texts += more
        around += tokens
    return texts, around


async def _of_texts(texts: Iterable[str], words: Vocabulary | None) -> int:
    if words is None:
        return sum(-(-len(text.encode("utf-8", "replace")) // BYTES_A_TOKEN) for text in texts)
    total = 0
    for text in texts:
        for tokens in words.counts(text):
            total += tokens
            # Other calls have their turn: a thread would not help, as the tokenizer holds Python's lock.
            await asyncio.sleep(0)
    return total
