"""Real exchanges with InvokeModel, both ways."""

from __future__ import annotations

import base64
import dataclasses
import json
import urllib.parse
from typing import Any

import pytest
from botocore.eventstream import EventStreamBuffer

from wire.decoding import Json, fold, grammar, sse
from wire.lift import lift
from wire.reading import assert_says, message_of
from wire.recordings import FOLDER
from wire.test_recorded import normalised
from wire_bedrock.test_requests import INVOKE, TARGET
from wire_bedrock.test_stream import play

RECORDINGS: list[Any] = [
    pytest.param(json.loads(file.read_text("utf-8")), id=file.stem)
    for file in sorted(FOLDER.glob("bedrock-invoke*.json"))
]
SKIPPED = [pytest.param(None, marks=pytest.mark.skip(reason=f"{FOLDER} is not there"))]
each = pytest.mark.parametrize("recording", RECORDINGS or SKIPPED)


def body_of(recording: Json) -> bytes:
    return base64.b64decode(recording["response_body_b64"])


def message_in(recording: Json) -> Json:
    """What the answer says, by botocore's framing."""
    if not recording["is_eventstream"]:
        return dict(json.loads(body_of(recording)))
    buffer = EventStreamBuffer()
    buffer.add_data(body_of(recording))
    events = [json.loads(base64.b64decode(json.loads(held.payload)["bytes"])) for held in buffer]
    # The metrics that AWS adds to the last event are the answer's, too.
    return message_of(sse(*events)) | {name: value for name, value in events[-1].items() if name != "type"}


@each
def test_an_answer_says_what_its_bytes_say(recording: Json) -> None:
    body = body_of(recording)
    if recording["is_eventstream"]:
        played = play(*(body[at : at + 100] for at in range(0, len(body), 100)))
        assert played.succeeded
        events = played.events
    else:
        events = INVOKE.decode_message(body, dataclasses.replace(TARGET, provider="anthropic"))
    grammar([event.WhichOneof("kind") or "" for event in events])
    assert_says(fold(events), message_in(recording))


@each
def test_a_lifted_request_is_sent_out_equal(recording: Json) -> None:
    body = recording["request_json"]
    chat_input = lift(json.dumps({name: value for name, value in body.items() if name != "anthropic_version"}).encode())
    sent = INVOKE.encode_chat(chat_input, dataclasses.replace(TARGET, model=recording["model"]))
    assert json.loads(sent.body) == normalised(body)
    # The colon may be encoded or not; the unary call has another name.
    path = urllib.parse.unquote(recording["path"]).replace("/invoke", "").replace("-with-response-stream", "")
    assert urllib.parse.urlsplit(sent.url).path.removesuffix("/invoke-with-response-stream") == path


@each
def test_the_request_has_aws_id(recording: Json) -> None:
    headers = recording["response_headers"]
    assert INVOKE.request_id(headers) == headers["x-amzn-requestid"]
    assert headers["content-type"].startswith(INVOKE.stream_type) == recording["is_eventstream"]
