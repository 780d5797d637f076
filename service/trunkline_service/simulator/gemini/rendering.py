"""Answers as Gemini tells them: parts, in one response or in a stream of such."""

import base64
from collections.abc import Iterator
from dataclasses import dataclass

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
from trunkline_service.simulator.sse import Json, encode
from trunkline_service.simulator.wire import Script

SIGNATURE = base64.b64encode(b"\x12\x2ethe simulator's signature of a thought").decode()

_REASONS = {
    "end_turn": "STOP",
    "stop_sequence": "STOP",
    "max_tokens": "MAX_TOKENS",
    "model_context_window_exceeded": "MAX_TOKENS",
    "tool_use": "STOP",
    "refusal": "PROHIBITED_CONTENT",
    "content_filter": "SAFETY",
    "pause_turn": "STOP",
    "compaction": "STOP",
}
_HEAD = b'data: {"candidates":[{"content":{"parts":['
_NOISE = b": keep-alive\r\n\r\ndata:\r\n\r\n"


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders one answer. Only with `ids` do calls have some: Vertex gives none."""

    answer: Answer
    asked: Asked
    ids: bool

    def whole(self) -> bytes:
        """Make the one response, with the text of each block in one part."""
        if self._is_blocked():
            return encode(self._blocked())
        parts: list[Json] = []
        for block in self.answer.blocks:
            for part in self._parts(block):
                before = parts[-1] if parts else {}
                if "text" in part and part.keys() == before.keys() and "thoughtSignature" not in part:
                    parts[-1] = {**part, "text": before["text"] + part["text"]}
                else:
                    parts.append(part)
        candidate: Json = {"content": {"parts": [*parts, *self._signed()], "role": "model"}, **self._end(), "index": 0}
        if self._tells_logprobs():
            texts = [block for block in self.answer.blocks if kind_of(block) == "text"]
            candidate["logprobsResult"] = _logprobs([piece for block in texts for piece in pieces(block)])
        return encode({"candidates": [candidate], "usageMetadata": self._usage(), **self._envelope()})

    def script(self) -> Script:
        """Make the chunks of the stream: Gemini ends its lines with CRLF, and has no end mark."""
        if self._is_blocked():
            return Script(content=[b"data: %b\r\n\r\n" % encode(self._blocked())])
        content: list[bytes] = []
        envelope = self._envelope()
        usage = {"promptTokenCount": self.asked.prompt.tokens.uncached}
        tail = b'],"role":"model"},"index":0}],' + encode({"usageMetadata": usage, **envelope})[1:] + b"\r\n\r\n"
        for block in self.answer.blocks:
            if self._tells_logprobs() and kind_of(block) == "text":
                content += [self._likely(piece, {"usageMetadata": usage, **envelope}) for piece in pieces(block)]
            elif isinstance(block, PlainText):
                # A long text holds few distinct chunks.
                ring = [_HEAD + encode({"text": piece}) + tail for piece in plain_ring()]
                content += [ring[place] for place in plain_order(block.delta_count)]
            else:
                content += [_HEAD + encode(part) + tail for part in self._parts(block)]
        if self.answer.oddity == "unknown":
            content.append(_HEAD + b'{"hologram":{"voxels":12}}' + tail)
        last: Json = {
            "content": {"parts": self._signed() or [{"text": ""}], "role": "model"},
            **self._end(),
            "index": 0,
        }
        reason = [b"data: %b\r\n\r\n" % encode({"candidates": [last], "usageMetadata": self._usage(), **envelope})]
        made = Script(content=content, reason=reason)
        match self.answer.oddity:
            case "no-final-newline":
                return Script(content=[*made.frames[:-1], made.frames[-1].rstrip()])
            case "noise":
                return Script(content=[each for frame in made.frames for each in (_NOISE, frame)])
            case "crlf":
                return Script(content=sse.crlf([frame.replace(b"\r\n", b"\n") for frame in made.frames]))
        return made

    def _tells_logprobs(self) -> bool:
        return bool((self.asked.prompt.body.get("generationConfig") or {}).get("responseLogprobs"))

    def _likely(self, piece: str, beside: Json) -> bytes:
        content = {"parts": [{"text": piece}], "role": "model"}
        candidate = {"content": content, "logprobsResult": _logprobs([piece]), "index": 0}
        return b"data: %b\r\n\r\n" % encode({"candidates": [candidate], **beside})

    def _parts(self, block: Block) -> Iterator[Json]:
        if isinstance(block, PlainText):
            yield {"text": block.whole["text"]}
            return
        kind = str(block.whole["type"])
        if kind == "text":
            yield from ({"text": delta["text"]} for delta in block.deltas if "text" in delta)
            if not block.deltas:
                yield {"text": block.whole["text"]}
        elif kind == "thinking":
            pieces = (delta.get("thinking") for delta in block.deltas)
            yield from ({"text": piece, "thought": True} for piece in pieces if piece)
        elif kind == "tool_use":
            yield self._call(block)
        elif kind == "server_tool_use":
            yield {"toolCall": {"id": block.whole["id"], "toolType": "GOOGLE_SEARCH_WEB", "args": block.whole["input"]}}
        elif kind != "redacted_thinking":
            name = "toolResponse" if kind.endswith("_tool_result") else kind
            yield {name: {member: value for member, value in block.whole.items() if member != "type"}}

    def _call(self, block: Deltas) -> Json:
        call: Json = {"name": block.whole["name"], "args": block.whole["input"]}
        if self.ids:
            call = {"id": block.whole["id"], **call}
        calls = [each for each in self.answer.blocks if isinstance(each, Deltas) and each.whole["type"] == "tool_use"]
        # Of calls made at once, the first alone is signed.
        return {"functionCall": call, **({"thoughtSignature": SIGNATURE} if block is calls[0] else {})}

    def _signed(self) -> list[Json]:
        """Give the part that is there for the signature of a thought alone."""
        kinds = {block.whole["type"] for block in self.answer.blocks if isinstance(block, Deltas)}
        if "tool_use" in kinds or not kinds & {"thinking", "redacted_thinking"}:
            return []
        return [{"text": "", "thoughtSignature": SIGNATURE}]

    def _end(self) -> Json:
        """Give the members of a candidate that come at its end."""
        end: Json = {}
        if self.answer.stop_reason is not None:
            end["finishReason"] = _REASONS[self.answer.stop_reason]
        pages = [
            {"uri": citation["url"], "title": citation["title"]}
            for block in self.answer.blocks
            for citation in (block.whole.get("citations") or ())
            if citation["type"] == "web_search_result_location"
        ]
        if pages:
            support = {"segment": {"endIndex": 4, "text": "High"}, "groundingChunkIndices": list(range(len(pages)))}
            end["groundingMetadata"] = {
                "webSearchQueries": ["tides"],
                "groundingChunks": [{"web": page} for page in pages],
                "groundingSupports": [support],
            }
        return end

    def _is_blocked(self) -> bool:
        return self.answer.stop_reason in ("refusal", "content_filter") and not self.answer.delta_count

    def _blocked(self) -> Json:
        usage = {"promptTokenCount": self.asked.prompt.tokens.uncached}
        return {"promptFeedback": {"blockReason": "PROHIBITED_CONTENT"}, "usageMetadata": usage, **self._envelope()}

    def _envelope(self) -> Json:
        return {"modelVersion": self.asked.model, "responseId": new_id("resp")}

    def _usage(self) -> Json:
        answer = self.answer
        known = {
            **self.asked.prompt.tokens.usage(),
            "output_tokens": answer.output_tokens,
            **answer.first_usage,
            **answer.last_usage,
        }
        prompt = known["input_tokens"] + known["cache_read_input_tokens"] + known["cache_creation_input_tokens"]
        thoughts = (known.get("output_tokens_details") or {}).get("thinking_tokens", 0)
        usage = {"promptTokenCount": prompt, "candidatesTokenCount": max(1, known["output_tokens"] - thoughts)}
        if thoughts:
            usage["thoughtsTokenCount"] = thoughts
        if known["cache_read_input_tokens"]:
            usage["cachedContentTokenCount"] = known["cache_read_input_tokens"]
        return {**usage, "totalTokenCount": prompt + usage["candidatesTokenCount"] + thoughts}


def _logprobs(tokens: list[str]) -> Json:
    chosen = [{"token": token, "tokenId": 7, "logProbability": -0.25} for token in tokens]
    return {"topCandidates": [{"candidates": [token]} for token in chosen], "chosenCandidates": chosen}
