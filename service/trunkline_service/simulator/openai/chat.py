"""Chat Completions, as OpenAI and all that are compatible with it speak them."""

import time
from collections.abc import Sequence

from trunkline_service.simulator import sse
from trunkline_service.simulator.answers import (
    Answer,
    Asked,
    Block,
    Deltas,
    PlainText,
    kind_of,
    new_id,
    pieces,
    plain_order,
    plain_ring,
)
from trunkline_service.simulator.exchange import Exchange
from trunkline_service.simulator.openai import chat_checks, chat_reading
from trunkline_service.simulator.openai.form import OpenAiForm, billed, call_id, check_credentials
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.stage import Stage
from trunkline_service.simulator.wire import Route, Script

_DONE = b"data: [DONE]\n\n"
_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    # What a model refuses it says itself, in a member of its own; a filter is something else.
    "refusal": "stop",
    "content_filter": "content_filter",
    "pause_turn": "stop",
    "compaction": "stop",
}


class ChatWire(OpenAiForm):
    """OpenAI's own, and Azure's: thoughts are billed, but never told, and nobody takes them back. See Wire."""

    _strict = True

    def __init__(self, stage: Stage) -> None:
        """Play on a stage."""
        self._stage = stage

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        paths = ("/openai/v1/chat/completions", "/openai/deployments/{deployment}/chat/completions")
        return tuple(Route("POST", path, self._create) for path in paths)

    def whole(self, answer: Answer, asked: Asked) -> bytes:
        """See Wire."""
        message: Json = {"role": "assistant", "content": None, "refusal": None, "annotations": []}
        said = [piece for block in answer.blocks if kind_of(block) == "text" for piece in pieces(block)]
        if said:
            message["refusal" if answer.stop_reason == "refusal" else "content"] = "".join(said)
        thought = [piece for block in answer.blocks if kind_of(block) == "thinking" for piece in pieces(block)]
        if thought and not self._strict:
            message["reasoning_content"] = "".join(thought)
        calls = [_call(block) for block in answer.blocks if isinstance(block, Deltas) and kind_of(block) == "tool_use"]
        if calls:
            message["tool_calls"] = calls
        logprobs = {"content": [_logprob(piece, asked) for piece in said], "refusal": None}
        choice = {
            "index": 0,
            "message": message,
            "logprobs": logprobs if asked.prompt.body.get("logprobs") else None,
            "finish_reason": _REASONS[answer.stop_reason] if answer.stop_reason else None,
        }
        body = {**_envelope(asked, "chat.completion"), "choices": [choice], "usage": _usage(answer, asked)}
        return encode(body)

    def script(self, answer: Answer, asked: Asked) -> Script:
        """See Wire."""
        chunks = _Chunks(asked)
        content: list[bytes] = []
        first: Json = {"role": "assistant", "content": "", "refusal": None}
        if not answer.blocks or kind_of(answer.blocks[0]) != "tool_use":
            content.append(chunks.delta(first))
            first = {}
        refused = answer.stop_reason == "refusal"
        calls = [block for block in answer.blocks if isinstance(block, Deltas) and kind_of(block) == "tool_use"]
        for block in answer.blocks:
            if self._strict and kind_of(block) == "thinking":
                continue
            content += _texts(block, chunks, refused=refused)
        content += _fragments(calls, chunks, {**first, "content": None} if first else {})
        if answer.oddity == "unknown":
            content.append(chunks.delta({"hologram": {"voxels": 12}}))
        reason = [chunks.finish(_REASONS[answer.stop_reason] if answer.stop_reason else None)]
        if chunks.with_usage:
            reason.append(chunks.usage(_usage(answer, asked)))
        made = Script(content=content, reason=reason, mark=[_DONE])
        match answer.oddity:
            case "crlf":
                return Script(content=sse.crlf(made.frames))
            case "no-final-newline":
                return Script(content=sse.no_final_newline(made.frames))
            case "noise":
                return Script(content=_noisy(made.frames))
        return made

    def is_delta(self, frame: bytes) -> bool:
        """See Wire."""
        return b'"delta":{"' in frame and b'"delta":{"role"' not in frame

    async def _create(self, x: Exchange) -> None:
        check_credentials(x.headers)
        deployment = x.path.get("deployment")
        body = chat_checks.check(x.json(), strict=self._strict, needs_model=deployment is None)
        await self._stage.perform(x, chat_reading.prompt(body, deployment))


class CompatibleChatWire(ChatWire):
    """What others made of it: they take what OpenAI does not know, and tell what their models think. See Wire."""

    _strict = False

    def routes(self) -> Sequence[Route]:
        """See Wire."""
        return tuple(Route("POST", path, self._create) for path in ("/v1/chat/completions", "/chat/completions"))


class _Chunks:
    """Writes chunks that share an envelope, which is encoded once."""

    def __init__(self, asked: Asked) -> None:
        self.asked = asked
        self.with_usage = bool((asked.prompt.body.get("stream_options") or {}).get("include_usage"))
        self._head = b"data: " + encode(_envelope(asked, "chat.completion.chunk"))[:-1] + b',"choices":['
        self._tail = b'],"usage":null}\n\n' if self.with_usage else b"]}\n\n"

    def delta(self, delta: Json, logprobs: Json | None = None) -> bytes:
        return self._choice({"index": 0, "delta": delta, "logprobs": logprobs, "finish_reason": None})

    def finish(self, reason: str | None) -> bytes:
        return self._choice({"index": 0, "delta": {}, "logprobs": None, "finish_reason": reason})

    def usage(self, usage: Json) -> bytes:
        return self._head + b'],"usage":' + encode(usage) + b"}\n\n"

    def _choice(self, choice: Json) -> bytes:
        return self._head + encode(choice) + self._tail


def _texts(block: Block, chunks: _Chunks, *, refused: bool) -> list[bytes]:
    kind = kind_of(block)
    name = "refusal" if refused else {"text": "content", "thinking": "reasoning_content"}.get(kind)
    if kind not in ("text", "thinking") or name is None:
        return []
    if chunks.asked.prompt.body.get("logprobs") and name == "content":
        return [
            chunks.delta({name: piece}, {"content": [_logprob(piece, chunks.asked)], "refusal": None})
            for piece in pieces(block)
        ]
    if isinstance(block, PlainText):
        # A long text holds few distinct chunks.
        ring = [chunks.delta({name: piece}) for piece in plain_ring()]
        return [ring[place] for place in plain_order(block.delta_count)]
    return [chunks.delta({name: piece}) for piece in pieces(block)]


def _fragments(calls: list[Deltas], chunks: _Chunks, first: Json) -> list[bytes]:
    """Stream tool calls; where one follows another, the end of the one and the start of the other share a chunk."""
    rows: list[list[Json]] = []
    for index, block in enumerate(calls):
        whole = _call(block)
        kind, member = whole["type"], "input" if whole["type"] == "custom" else "arguments"
        begun = {"index": index, **whole, kind: {"name": whole[kind]["name"], member: ""}}
        later = [[{"index": index, kind: {member: piece}}] for piece in pieces(block) if piece]
        if rows:
            rows[-1].append(begun)
        else:
            rows.append([begun])
        rows += later
    return [chunks.delta({**(first if not place else {}), "tool_calls": row}) for place, row in enumerate(rows)]


def _call(block: Deltas) -> Json:
    use = block.whole
    if "input" in use:
        function = {"name": use["name"], "arguments": "".join(pieces(block))}
        return {"id": call_id(use), "type": "function", "function": function}
    return {"id": call_id(use), "type": "custom", "custom": {"name": use["name"], "input": "".join(pieces(block))}}


def _logprob(piece: str, asked: Asked) -> Json:
    token = {"token": piece, "logprob": -0.25, "bytes": list(piece.encode())}
    others = [{"token": f"~{n}", "logprob": -1.5 - n, "bytes": None} for n in range(20)]
    return {**token, "top_logprobs": [token, *others][: asked.prompt.body.get("top_logprobs") or 0]}


def _envelope(asked: Asked, kind: str) -> Json:
    return {
        "id": new_id("chatcmpl").replace("_", "-"),
        "object": kind,
        "created": int(time.time()),
        "model": asked.model,
        "service_tier": "default",
        "system_fingerprint": "fp_simulated",
    }


def _usage(answer: Answer, asked: Asked) -> Json:
    prompt, read, written, output, thought = billed(answer, asked)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": output,
        "total_tokens": prompt + output,
        "prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": thought,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _noisy(frames: list[bytes]) -> list[bytes]:
    """Surround and pad every chunk with what a reader must skip, as Azure, OpenRouter and OpenAI itself do."""
    noisy = [b'data: {"id":"","object":"","model":"","choices":[],"prompt_filter_results":[]}\n\n']
    for position, frame in enumerate(frames):
        noisy.append(b": PROCESSING\n\n")
        padding = b',"obfuscation":"%b"}\n\n' % (b"x" * (position % 13))
        noisy.append(frame.removesuffix(b"}\n\n") + padding if frame.endswith(b"}\n\n") else frame)
    return noisy
