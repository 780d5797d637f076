"""What goes upstream for each kind of content that is not an answer, and what is said about those that cannot."""

from __future__ import annotations

import dataclasses

import pytest

from wire.decoding import Json
from wire_openai.asking import USER, ask, body_of, media, messages_of, refused, user, warned, words
from wire_openai.decoding import COMPATIBLE_PROVIDER, TARGET

PNG = b"\x89PNG\r\n\x1a\nx"
WAV = b"RIFF1234WAVEfmt "


def test_who_speaks() -> None:
    roles = ["ROLE_SYSTEM", "ROLE_DEVELOPER", "ROLE_USER", "ROLE_ASSISTANT"]
    asked = [{"role": role, "content": [words("a")], "name": "n"} for role in roles]
    sent = messages_of(*asked)
    assert [each["role"] for each in sent] == ["system", "developer", "user", "assistant"]
    assert all(each["content"] == "a" and each["name"] == "n" for each in sent)
    # What does not know developers gets the older word.
    assert [each["role"] for each in messages_of(*asked, provider=COMPATIBLE_PROVIDER)][:2] == ["system", "system"]


def test_instructions_keep_their_borders() -> None:
    body = body_of(system=[words("a"), words("b")])
    assert body["messages"] == [{"role": "system", "content": "a"}, {"role": "system", "content": "b"}, USER]
    assert refused(system=[{"image": {"media": {"url": "https://e.org"}}}])[1] == ["input.system[0].image"]


PARTS: list[tuple[Json, Json]] = [
    (words("a", providerFieldsJson='{"x": 1.0}'), {"type": "text", "text": "a", "x": 1.0}),
    ({"image": {"media": {"url": "HTTPS://e.org/x"}}}, {"type": "image_url", "image_url": {"url": "HTTPS://e.org/x"}}),
    (
        {"image": {"media": media(data=PNG), "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgp4", "detail": "low"}},
    ),
    (
        {"audio": {"media": media(data=WAV)}},
        {"type": "input_audio", "input_audio": {"data": "UklGRjEyMzRXQVZFZm10IA==", "format": "wav"}},
    ),
    (
        {"audio": {"media": media(data=b"x", mediaType="audio/mpeg; x=1")}},
        {"type": "input_audio", "input_audio": {"data": "eA==", "format": "mp3"}},
    ),
    ({"document": {"media": {"fileId": "file-1"}}}, {"type": "file", "file": {"file_id": "file-1"}}),
    (
        {"document": {"media": media(data=b"%PDF-")}},
        {"type": "file", "file": {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ),
    (
        {"document": {"media": media(data=b"%PDF-"), "title": "A report"}},
        {"type": "file", "file": {"filename": "A report", "file_data": "data:application/pdf;base64,JVBERi0="}},
    ),
    ({"document": {"text": "plain", "citationsEnabled": False}}, {"type": "text", "text": "plain"}),
    ({"document": {"content": {"blocks": [words("in")]}}}, {"type": "text", "text": "in"}),
    ({"opaque": {"providerType": "openai", "rawJson": '{"type":"video_url"}'}}, {"type": "video_url"}),
]  # fmt: skip


@pytest.mark.parametrize(("asked", "part"), PARTS)
def test_parts(asked: Json, part: Json) -> None:
    [message] = messages_of(user(words("first"), asked))
    assert message == {"role": "user", "content": [{"type": "text", "text": "first"}, part]}


REFUSED_PARTS: list[tuple[Json, str, str]] = [
    ({"image": {"media": {"fileId": "f"}}}, "CAPABILITY_NOT_SUPPORTED", "image.media.file_id"),
    ({"image": {"media": {"url": "gs://b/o"}}}, "CAPABILITY_NOT_SUPPORTED", "image.media.url"),
    ({"image": {"media": media(data=b"x")}}, "INVALID_REQUEST", "image.media.media_type"),
    ({"image": {"media": media(data=b"x", mediaType="image/tiff")}}, "INVALID_REQUEST", "image.media.media_type"),
    ({"audio": {"media": {"url": "https://e.org"}}}, "CAPABILITY_NOT_SUPPORTED", "audio.media.url"),
    ({"audio": {"media": media(data=b"x")}}, "INVALID_REQUEST", "audio.media.media_type"),
    ({"document": {"media": {"url": "https://e.org"}}}, "CAPABILITY_NOT_SUPPORTED", "document.media.url"),
    ({"document": {"media": media(data=b"x")}}, "INVALID_REQUEST", "document.media.media_type"),
    ({"document": {"text": "a", "title": "t"}}, "CAPABILITY_NOT_SUPPORTED", "document.title"),
    ({"document": {"text": "a", "context": "c"}}, "CAPABILITY_NOT_SUPPORTED", "document.context"),
    ({"document": {"text": "a", "citationsEnabled": True}}, "CAPABILITY_NOT_SUPPORTED", "document.citations_enabled"),
    ({"searchResult": {"source": "s", "title": "t"}}, "CAPABILITY_NOT_SUPPORTED", "search_result"),
    ({"thinking": {"text": "a"}}, "CAPABILITY_NOT_SUPPORTED", "thinking"),
    ({"toolUse": {"id": "a", "name": "b"}}, "CAPABILITY_NOT_SUPPORTED", "tool_use"),
    ({"opaque": {"providerType": "gemini", "rawJson": "{}"}}, "CAPABILITY_NOT_SUPPORTED", "opaque"),
]


@pytest.mark.parametrize(("asked", "reason", "field"), REFUSED_PARTS)
def test_parts_that_cannot_be(asked: Json, reason: str, field: str) -> None:
    assert refused(messages=[user(asked)]) == (reason, [f"input.messages[0].content[0].{field}"])
    if reason == "CAPABILITY_NOT_SUPPORTED":
        lenient = dataclasses.replace(TARGET, drop_unsupported=True)
        sent = ask(target=lenient, messages=[user(asked, words("kept"))])
        assert warned(sent) == [("FIELD_DROPPED", f"input.messages[0].content[0].{field}")]
        assert b"kept" in sent.body


def test_a_question_is_not_asked_without_its_file() -> None:
    """OpenAI is not asked about a file of Anthropic's; what ids look like at other servers, nobody knows."""
    asked = user({"document": {"media": {"fileId": "file_011"}}})
    assert refused(messages=[asked]) == ("INVALID_REQUEST", ["input.messages[0].content[0].document.media.file_id"])
    assert b'"file_011"' in ask(COMPATIBLE_PROVIDER, messages=[asked]).body
