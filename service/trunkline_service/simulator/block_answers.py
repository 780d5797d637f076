"""Answers made of more than text: thinking, citations, searches, compaction, full usage, the unknown."""

from trunkline_service.simulator.answers import (
    Answer,
    Asked,
    Block,
    Deltas,
    PlainText,
    new_id,
    whole,
    words,
)
from trunkline_service.simulator.sse import Json
from trunkline_service.simulator.text_answers import plain

_SIGNATURE = "EqQBCkYIBxgCKkDsimulatedSignature0123456789abcdefghijklmnopqrstuvwxyz+/="
_THOUGHT = "The user wants an answer. I weigh two ways to give it, and take the shorter."


def thinking(asked: Asked) -> Answer:
    """Think, sign the thought, then answer; the thought is empty where the request says `omitted`."""
    pieces = words(_THOUGHT) if asked.prompt.show_thinking else [""]
    deltas: list[Json] = [{"type": "thinking_delta", "thinking": piece} for piece in pieces]
    deltas.append({"type": "signature_delta", "signature": _SIGNATURE})
    block = Deltas(
        {"type": "thinking", "thinking": "", "signature": ""},
        deltas,
        {"type": "thinking", "thinking": "".join(pieces), "signature": _SIGNATURE},
    )
    thought = {"output_tokens_details": {"thinking_tokens": len(words(_THOUGHT))}}
    return Answer([block, *plain(asked).blocks], last_usage=thought)


def unsigned(asked: Asked) -> Answer:
    """Think and answer, but leave the thought without a signature."""
    signed, *others = thinking(asked).blocks
    assert isinstance(signed, Deltas)  # noqa: S101 - the thought
    return Answer([Deltas(signed.start, signed.deltas[:-1], {**signed.whole, "signature": ""}), *others])


def redacted(asked: Asked) -> Answer:
    """Think in secret: the block arrives whole and has no deltas."""
    block = whole(
        {
            "type": "redacted_thinking",
            "data": "EmwKAhgBEgy3va3pzix+LafPsn4aDFIT2Xlxh0L5L8rLVyIwxtE3rAFBa8cr3qpPkN",
        }
    )
    return Answer([block, *plain(asked).blocks])


def citations(asked: Asked) -> Answer:
    """Cite in every way there is; each citation arrives before any text of its block."""
    document = {
        "document_index": 0,
        "document_title": "Rivers",
        "file_id": None,
        "cited_text": "The river is long.",
    }
    found = {"cited_text": "Tides turn.", "title": "Tides"}
    kinds: list[tuple[Json, str]] = [
        (
            {"type": "char_location", **document, "start_char_index": 0, "end_char_index": 18},
            "By characters.",
        ),
        ({"type": "page_location", **document, "start_page_number": 1, "end_page_number": 2}, " By page."),
        (
            {"type": "content_block_location", **document, "start_block_index": 0, "end_block_index": 1},
            " By block.",
        ),
        (
            {
                "type": "search_result_location",
                **found,
                "source": "https://example.com/tides",
                "search_result_index": 0,
                "start_block_index": 0,
                "end_block_index": 1,
            },
            " By search result.",
        ),
        (_web_citation(), " By web search."),
    ]
    return Answer([_cited(citation, sentence) for citation, sentence in kinds])


def _cited(citation: Json, sentence: str) -> Block:
    deltas: list[Json] = [{"type": "citations_delta", "citation": citation}]
    deltas += [{"type": "text_delta", "text": piece} for piece in words(sentence)]
    start = {"type": "text", "text": "", "citations": []}
    return Deltas(start, deltas, {"type": "text", "text": sentence, "citations": [citation]})


def _web_citation() -> Json:
    return {
        "type": "web_search_result_location",
        "cited_text": "High water comes twice a day.",
        "url": "https://example.com/tides",
        "title": "Tides",
        "encrypted_index": "Eo8BCioIAhgBIiQyYjQ0OWJmZi1lNm",
    }


def search(asked: Asked) -> Answer:
    """Search the web on the server: the call in deltas, the result whole, then a cited text.

    The input tokens grow on the way, since what was found is read by the model.
    """
    use = {
        "type": "server_tool_use",
        "id": new_id("srvtoolu"),
        "name": "web_search",
        "caller": {"type": "direct"},
    }
    pieces = ("", '{"que', 'ry": "tid', 'es"}')
    call = Deltas(
        {**use, "input": {}},
        [{"type": "input_json_delta", "partial_json": piece} for piece in pieces],
        {**use, "input": {"query": "tides"}},
    )
    result = {
        "type": "web_search_result",
        "url": "https://example.com/tides",
        "title": "Tides",
        "encrypted_content": "EqgfCioIARgBIiQ3YTAwMjY1Mi1mZjM5LTQ1NGUtODgxNC1kNjNjNTk1ZWI3Y",
        "page_age": "3 days ago",
    }
    found = whole(
        {
            "type": "web_search_tool_result",
            "tool_use_id": use["id"],
            "caller": {"type": "direct"},
            "content": [result],
        }
    )
    usage = {
        "input_tokens": asked.prompt.tokens.uncached + 7047,
        "server_tool_use": {"web_search_requests": 1, "web_fetch_requests": 0},
    }
    return Answer([call, found, _cited(_web_citation(), "High water comes twice a day.")], last_usage=usage)


def compaction(asked: Asked) -> Answer:
    """Answer with a compaction block alone, and stop there."""
    return Answer([_compaction_block()], "compaction", last_usage=_iterations(asked), late=_applied())


def compaction_text(asked: Asked) -> Answer:
    """Compact, then go on and answer."""
    return Answer([_compaction_block(), *plain(asked).blocks], last_usage=_iterations(asked), late=_applied())


def _compaction_block() -> Block:
    grown = {"content": "Summary: they talked about rivers.", "encrypted_content": "EuYBCkQYAiJAc2ltdWxhdGVk"}
    start = {"type": "compaction", "content": None, "encrypted_content": None}
    return Deltas(start, [{"type": "compaction_delta", **grown}], {"type": "compaction", **grown})


def _iterations(asked: Asked) -> Json:
    tokens = {"cache_creation_input_tokens": 0, "cache_read_input_tokens": 0}
    compacted = {"type": "compaction", "input_tokens": 180_000, "output_tokens": 3_500, **tokens}
    answered = {"type": "message", "input_tokens": asked.prompt.tokens.uncached, "output_tokens": 1, **tokens}
    return {"iterations": [compacted, answered]}


def _applied() -> Json:
    return {"context_management": {"applied_edits": [{"type": "compact_20260112"}]}}


def usage(asked: Asked) -> Answer:
    """Fill every member of `usage`; message_delta then repeats only some, as totals so far."""
    first = {
        "input_tokens": 2234,
        "cache_creation_input_tokens": 1300,
        "cache_read_input_tokens": 5000,
        "cache_creation": {"ephemeral_5m_input_tokens": 1000, "ephemeral_1h_input_tokens": 300},
        "output_tokens": 3,
        "output_tokens_details": {"thinking_tokens": 0},
        "server_tool_use": {"web_search_requests": 0, "web_fetch_requests": 0},
        "service_tier": "priority",
        "speed": "fast",
        "inference_geo": "us",
    }
    last = {
        "input_tokens": 9281,
        "cache_creation_input_tokens": 1300,
        "cache_read_input_tokens": 5000,
        "output_tokens": 512,
        "output_tokens_details": {"thinking_tokens": 200},
        "server_tool_use": {"web_search_requests": 2, "web_fetch_requests": 1},
        "iterations": [
            {
                "type": "message",
                "input_tokens": 9281,
                "output_tokens": 512,
                "cache_creation_input_tokens": 1300,
                "cache_read_input_tokens": 5000,
            }
        ],
    }
    return Answer(plain(asked).blocks, first_usage=first, last_usage=last)


def unknown(asked: Asked) -> Answer:
    """Use a block type, and a delta and an event of types that nobody has heard of, around an ordinary text."""
    block = {"type": "hologram", "voxels": 8}
    hologram = Deltas(block, [{"type": "hologram_delta", "voxels": 4}], {**block, "voxels": 12})
    return Answer([hologram, PlainText(asked.n or 0)], oddity="unknown")
