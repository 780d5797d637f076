"""What an answer rests on, where the contract has a place for it: pages of the web.

Gemini tells it beside the content, and all of it stays in `Completion.provider_fields_json`, too.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from trunkline.v1 import message_pb2


class _Web(msgspec.Struct):
    uri: str = ""
    title: str | None = None


class _Chunk(msgspec.Struct):
    web: _Web | None = None


class _Support(msgspec.Struct, rename="camel"):
    grounding_chunk_indices: list[int] = []
    segment: msgspec.Raw = msgspec.Raw()


class _Grounding(msgspec.Struct, rename="camel"):
    grounding_chunks: list[_Chunk] = []
    grounding_supports: list[_Support] = []


class _Source(msgspec.Struct, rename="camel"):
    uri: str = ""
    title: str | None = None
    start_index: int | None = None
    end_index: int | None = None
    license: str | None = None


class _Citations(msgspec.Struct, rename="camel"):
    citation_sources: list[_Source] = []
    citations: list[_Source] = []


_grounding = msgspec.json.Decoder(_Grounding)
_citations = msgspec.json.Decoder(_Citations)


def of_grounding(data: msgspec.Raw) -> Iterator[message_pb2.Citation]:
    """The pages of a `groundingMetadata`, for each segment of the answer that rests on one.

    `provider_fields_json` has the segment. Metadata of another shape has none.
    """
    try:
        grounding = _grounding.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return
    for support in grounding.grounding_supports:
        for index in support.grounding_chunk_indices:
            if not 0 <= index < len(grounding.grounding_chunks):
                continue
            web = grounding.grounding_chunks[index].web
            if web is not None and web.uri:
                yield _citation(web.uri, web.title, {"segment": support.segment} if support.segment else {})


def of_citations(data: msgspec.Raw) -> Iterator[message_pb2.Citation]:
    """The pages of a `citationMetadata`, which the answer repeats. `provider_fields_json` has segment and licence."""
    try:
        metadata = _citations.decode(data)
    except (msgspec.DecodeError, RecursionError):
        return
    for source in (*metadata.citation_sources, *metadata.citations):
        if source.uri:
            beside = {"startIndex": source.start_index, "endIndex": source.end_index, "license": source.license}
            yield _citation(
                source.uri, source.title, {name: value for name, value in beside.items() if value is not None}
            )


def _citation(url: str, title: str | None, beside: dict[str, object]) -> message_pb2.Citation:
    return message_pb2.Citation(
        web_location=message_pb2.WebLocation(url=url, title=title),
        provider_fields_json=msgspec.json.encode(beside).decode() if beside else "",
    )
