"""The items of a response, and the events in which each of them is streamed."""

from dataclasses import dataclass, field
from typing import Any

from trunkline_service.simulator import sse
from trunkline_service.simulator.answers import (
    Answer,
    Asked,
    Block,
    Deltas,
    kind_of,
    new_id,
    pieces,
)
from trunkline_service.simulator.openai.form import call_id
from trunkline_service.simulator.sse import Json

_ENCRYPTED = "gAAAAABsimulatedReasoning0123456789abcdefghijklmnopqrstuvwxyz-_="


class Events:
    """Writes events, each with the next number."""

    def __init__(self) -> None:
        """Begin at 0."""
        self._next = 0

    def frame(self, kind: str, **members: Any) -> bytes:
        """Encode one event."""
        self._next += 1
        return sse.named({"type": kind, "sequence_number": self._next - 1, **members})

    def deltas(self, kind: str, where: Json, pieces: list[str]) -> list[bytes]:
        """Encode events that differ in their number and their delta alone."""
        first = sse.named({"type": kind, "sequence_number": 0, **where, "delta": ""})
        head, number, rest = first.partition(b'"sequence_number":0')
        head, rest = head + number[:-1], rest.removesuffix(b'""}\n\n')
        known = {piece: rest + sse.encode(piece) + b"}\n\n" for piece in set(pieces)}
        begun, self._next = self._next, self._next + len(pieces)
        return [b"%b%d%b" % (head, begun + place, known[piece]) for place, piece in enumerate(pieces)]


@dataclass(slots=True)
class Item:
    """An item: how it starts, what it amounts to, and the one string of it that grows by `pieces`.

    `stem` begins the names of its events. Where the string stands in a part of its own, `part` is that part as it
    starts and `grown` as it ends, `place` is what the part's index is called, and `frame` begins the names of the
    part's events.
    """

    start: Json
    whole: Json
    stem: str
    grows: str
    pieces: list[str] = field(default_factory=list)
    part: Json | None = None
    grown: Json | None = None
    place: str = "content_index"
    frame: str = "response.content_part"

    def begin(self, index: int, events: Events) -> list[bytes]:
        """Write the events up to the last delta."""
        frames = [events.frame("response.output_item.added", output_index=index, item=self.start)]
        if self.part is not None:
            frames.append(events.frame(f"{self.frame}.added", **self._where(index), part=self.part))
        where = self._where(index)
        if self.stem == "response.output_text":
            where["logprobs"] = []
        return [*frames, *events.deltas(f"{self.stem}.delta", where, self.pieces)]

    def end(self, index: int, events: Events) -> list[bytes]:
        """Write the events after the last delta."""
        frames = []
        if self.pieces or self.part is not None:
            done = {**self._where(index), self.grows: "".join(self.pieces)}
            frames.append(events.frame(f"{self.stem}.done", **done))
        if self.grown is not None:
            frames.append(events.frame(f"{self.frame}.done", **self._where(index), part=self.grown))
        return [*frames, events.frame("response.output_item.done", output_index=index, item=self.whole)]

    def _where(self, index: int) -> Json:
        where: Json = {"item_id": self.whole["id"], "output_index": index}
        return where if self.part is None else {**where, self.place: 0}


def items(answer: Answer, asked: Asked) -> list[Item]:
    """Make the items of an answer; blocks that OpenAI has no words for are left out."""
    made = []
    for block in answer.blocks:
        kind = kind_of(block)
        if kind == "text":
            made.append(_message(block, asked, refused=answer.stop_reason == "refusal"))
        elif kind == "thinking":
            made.append(_reasoning(block, asked))
        elif kind == "tool_use" and isinstance(block, Deltas):
            made.append(_call(block))
    return made


def _message(block: Block, asked: Asked, *, refused: bool) -> Item:
    said = pieces(block)
    text = "".join(said)
    item = {"id": new_id("msg"), "type": "message", "role": "assistant"}
    part: Json = {"type": "output_text", "annotations": [], "logprobs": [], "text": ""}
    grown: Json = {**part, "text": text, "logprobs": [_logprob(piece) for piece in said] if _wanted(asked) else []}
    stem, grows = "response.output_text", "text"
    if refused:
        part, grown = {"type": "refusal", "refusal": ""}, {"type": "refusal", "refusal": text}
        stem, grows = "response.refusal", "refusal"
    start = {**item, "status": "in_progress", "content": []}
    whole = {**item, "status": "completed", "content": [grown]}
    return Item(start, whole, stem, grows, said, part, grown)


def _wanted(asked: Asked) -> bool:
    return "message.output_text.logprobs" in (asked.prompt.body.get("include") or ())


def _logprob(piece: str) -> Json:
    return {"token": piece, "logprob": -0.25, "bytes": list(piece.encode()), "top_logprobs": []}


def _reasoning(block: Block, asked: Asked) -> Item:
    body = asked.prompt.body
    said = pieces(block)
    item: Json = {"id": new_id("rs"), "type": "reasoning", "summary": []}
    secret = {"encrypted_content": _ENCRYPTED} if "reasoning.encrypted_content" in (body.get("include") or ()) else {}
    if not (body.get("reasoning") or {}).get("summary"):
        return Item(item, {**item, **secret}, "response.reasoning_summary_text", "text")
    part, grown = {"type": "summary_text", "text": ""}, {"type": "summary_text", "text": "".join(said)}
    return Item(
        item,
        {**item, "summary": [grown], **secret},
        "response.reasoning_summary_text",
        "text",
        said,
        part,
        grown,
        "summary_index",
        "response.reasoning_summary_part",
    )


def _call(block: Deltas) -> Item:
    use, said = block.whole, [piece for piece in pieces(block) if piece]
    free = "input" not in use
    kind, grows = ("custom_tool_call", "input") if free else ("function_call", "arguments")
    stem = "response.custom_tool_call_input" if free else "response.function_call_arguments"
    item = {"id": new_id("ctc" if free else "fc"), "type": kind, "call_id": call_id(use), "name": use["name"]}
    start = {**item, "status": "in_progress", grows: ""}
    return Item(start, {**item, "status": "completed", grows: "".join(said)}, stem, grows, said)
