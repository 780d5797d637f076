"""Which content of a request goes to Gemini, how and where."""

from __future__ import annotations

import base64
import json
from dataclasses import replace

import pytest

from support.calls import text_block, user
from trunkline.v1 import chat_input_pb2, error_reason_pb2, message_pb2
from trunkline_service.providers.gemini.parts_out import made_up_id
from wire.decoding import Json
from wire_gemini.asking import (
    Block,
    asked,
    assistant,
    body,
    document,
    encoded,
    image,
    parts,
    refused,
    tool,
    tool_result,
    tool_use,
)
from wire_gemini.decoding import ON_VERTEX, PROVIDER, TARGET, VERTEX, answer, call, play, text, thought


def test_where_a_question_goes_at_the_developer_api() -> None:
    request = encoded(asked())
    assert request.method == "POST"
    assert request.url == "https://gemini.invalid/v1beta/models/gemini-3.8-flash:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-api-key"] == TARGET.api_key
    assert request.headers["accept-encoding"] == "identity"
    assert "authorization" not in request.headers
    assert json.loads(request.body) == {"contents": [{"role": "user", "parts": [{"text": "Hello"}]}]}
    assert TARGET.api_key not in repr(request)


def test_where_a_question_goes_on_vertex() -> None:
    request = encoded(asked(), vertex=True)
    path = "projects/acme/locations/europe-west4/publishers/google/models/gemini-3.8-flash"
    assert request.url == f"https://vertex.invalid/v1/{path}:streamGenerateContent?alt=sse"
    assert request.headers["authorization"] == "Bearer ya29.token"
    assert "x-goog-api-key" not in request.headers


@pytest.mark.parametrize(
    ("model", "developer", "vertex"),
    [
        ("tunedModels/mine", "tunedModels/mine", "projects/acme/locations/europe-west4/tunedModels/mine"),
        ("endpoints/12", "endpoints/12", "projects/acme/locations/europe-west4/endpoints/12"),
        ("projects/p/endpoints/1", "projects/p/endpoints/1", "projects/p/endpoints/1"),
        (
            "a b?c#d",
            "models/a%20b%3Fc%23d",
            "projects/acme/locations/europe-west4/publishers/google/models/a%20b%3Fc%23d",
        ),
    ],
)
def test_models_are_resources(model: str, developer: str, vertex: str) -> None:
    verb = ":streamGenerateContent?alt=sse"
    assert PROVIDER.encode_chat(asked(), replace(TARGET, model=model)).url.endswith(f"/v1beta/{developer}{verb}")
    assert VERTEX.encode_chat(asked(), replace(ON_VERTEX, model=model)).url.endswith(f"/v1/{vertex}{verb}")


def test_credentials_add_their_own_headers() -> None:
    assert "authorization" not in VERTEX.encode_chat(asked(), replace(ON_VERTEX, api_key="")).headers


def test_every_kind_of_content_has_its_part() -> None:
    png = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
    sound = Block(audio=message_pb2.AudioBlock(media=message_pb2.Media(data=b"RIFF", media_type="audio/wav")))
    assert parts(
        text_block("Look"),
        image(),
        image(url="https://a.example/b.png"),
        image(url="gs://bucket/c", media_type="image/webp"),
        image(file_id="files/abc"),
        document(media=message_pb2.Media(data=b"%PDF-1.7")),
        document(text="plain"),
        sound,
    ) == [
        {"text": "Look"},
        {"inlineData": {"mimeType": "image/png", "data": png}},
        {"fileData": {"fileUri": "https://a.example/b.png"}},
        {"fileData": {"fileUri": "gs://bucket/c", "mimeType": "image/webp"}},
        {"fileData": {"fileUri": "https://gemini.invalid/v1beta/files/abc"}},
        {"inlineData": {"mimeType": "application/pdf", "data": base64.b64encode(b"%PDF-1.7").decode()}},
        {"inlineData": {"mimeType": "text/plain", "data": base64.b64encode(b"plain").decode()}},
        {"inlineData": {"mimeType": "audio/wav", "data": "UklGRg=="}},
    ]


def test_instructions_are_a_content_without_a_role() -> None:
    sent = body(system=[text_block("Be brief."), text_block("Be kind.")])
    assert sent["systemInstruction"] == {"parts": [{"text": "Be brief."}, {"text": "Be kind."}]}


def test_an_answer_goes_back_as_it_came() -> None:
    signature = base64.b64encode(b"signed").decode()
    came: list[Json] = [
        thought("Hm"),
        text("I look."),
        text("", thoughtSignature=signature),
        call(id="c1") | {"thoughtSignature": signature},
        {"executableCode": {"language": "PYTHON", "code": "1"}, "thoughtSignature": signature},
        {"inlineData": {"mimeType": "image/png", "data": signature, "displayName": "d"}},
        text("x", partMetadata={"a": 1}),
    ]
    message = play(answer(*came)).response.message
    request = encoded(asked(user("Hello"), message))
    assert json.loads(request.body)["contents"][1] == {"role": "model", "parts": came}
    assert not request.warnings


def test_made_up_ids_never_go_back() -> None:
    message = play(answer(call(), call("f", {"n": 1}))).response.message
    first, second = (block.tool_use.id for block in message.content)
    results = [tool_result("two", call_id=second), tool_result("one", call_id=first)]
    sent = body(user("Hello"), message, user(*results))
    assert sent["contents"][1]["parts"] == [call(), call("f", {"n": 1})]
    # Without ids, their order alone tells them apart.
    assert sent["contents"][2]["parts"] == [
        {"functionResponse": {"name": "get_weather", "response": {"output": "one"}}},
        {"functionResponse": {"name": "f", "response": {"output": "two"}}},
    ]
    assert len(made_up_id("r", 0, "n", "{}")) <= 40


def test_ids_of_other_providers_do_not_go_to_gemini() -> None:
    calls = assistant(tool_use("toolu_1"), tool_use("toolu_2"), origin="anthropic")
    results = [tool_result("two", call_id="toolu_2"), tool_result("one", call_id="toolu_1")]
    sent = body(user("Hello"), calls, user(*results))["contents"]
    assert "toolu" not in json.dumps(sent)
    assert [part["functionResponse"]["response"]["output"] for part in sent[2]["parts"]] == ["one", "two"]


ANY = "skip_thought_signature_validator"


@pytest.mark.parametrize(
    ("origin", "written_by", "model", "signatures"),
    [
        ("anthropic", "claude", "gemini-3.8-flash", [ANY, None]),
        ("", "", "gemini-3.8-flash", [ANY, None]),
        ("gemini", "gemini-2.5-flash", "gemini-3.8-flash", [ANY, None]),
        ("gemini", "gemini-3.8-flash", "gemini-3.8-flash", [None, None]),
        ("anthropic", "claude", "gemini-2.5-flash", [None, None]),
        ("anthropic", "claude", "gemini-20", [ANY, None]),
    ],
)
def test_calls_of_models_that_sign_nothing_get_a_signature_where_one_is_needed(
    origin: str, written_by: str, model: str, signatures: list[str | None]
) -> None:
    message = assistant(tool_use("a"), tool_use("b"), origin=origin)
    message.origin.model = written_by
    request = PROVIDER.encode_chat(asked(user("Hello"), message), replace(TARGET, model=model))
    sent = json.loads(request.body)["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in sent] == signatures
    message.content[1].provider_state = b"signed"
    if origin != "anthropic":
        request = PROVIDER.encode_chat(asked(user("Hello"), message), replace(TARGET, model=model))
        sent = json.loads(request.body)["contents"][1]["parts"]
        assert [part.get("thoughtSignature") for part in sent] == [None, "c2lnbmVk"]


@pytest.mark.parametrize(
    ("content", "is_error", "response"),
    [
        (["12 degrees"], None, {"output": "12 degrees"}),
        (['{"degrees": 12}'], False, {"degrees": 12}),
        (["[1]"], None, {"output": "[1]"}),
        (["a", '{"b": 1}'], None, {"output": ["a", '{"b": 1}']}),
        ([], None, {}),
        (["no such city"], True, {"error": "no such city"}),
        (['{"code": 7}'], True, {"error": {"code": 7}}),
        ([], True, {"error": []}),
    ],
)
def test_results_of_tools_are_objects(content: list[str], is_error: bool | None, response: Json) -> None:
    sent = body(user("Hello"), assistant(tool_use()), user(tool_result(*content, is_error=is_error)))
    assert sent["contents"][2]["parts"] == [
        {"functionResponse": {"id": "c1", "name": "get_weather", "response": response}}
    ]


def test_media_of_a_result_are_parts_beside_it() -> None:
    sent = body(
        user("Hello"),
        assistant(tool_use()),
        message_pb2.Message(role=message_pb2.ROLE_TOOL, content=[tool_result("a", image(), document(text="b"))]),
    )
    content = sent["contents"][2]
    assert content["role"] == "user"
    response = content["parts"][0]["functionResponse"]
    assert response["response"] == {"output": "a"}
    assert [part["inlineData"]["mimeType"] for part in response["parts"]] == ["image/png", "text/plain"]


def test_a_result_of_no_call_is_an_error() -> None:
    error = refused(asked(user(tool_result("x"))))
    assert error.reason == error_reason_pb2.ERROR_REASON_INVALID_REQUEST
    assert [each.field for each in error.violations] == ["input.messages[0].content[0].tool_result.tool_use_id"]


def test_json_goes_byte_for_byte() -> None:
    schema = '{"type":"object", "properties":{"n":{"type":"number","maximum":1.50}},"x":12345678901234567890}'
    arguments = '{"b" : 1.0, "a":"\\u00e9"}'
    result = '{ "c":1e5 }'
    own = '{"googleSearch" : {}}'
    request = encoded(
        asked(
            user("Hello"),
            assistant(tool_use(input_json=arguments)),
            user(tool_result(result)),
            tools=[
                tool(name="get_weather", input_schema_json=schema),
                chat_input_pb2.Tool(provider_defined=chat_input_pb2.ProviderTool(provider_type="gemini", raw_json=own)),
            ],
            output_format=chat_input_pb2.OutputFormat(json_schema=chat_input_pb2.JsonSchemaFormat(schema_json=schema)),
        )
    )
    sent = request.body.decode()
    assert f'"parametersJsonSchema":{schema}' in sent
    assert f'"responseJsonSchema":{schema}' in sent
    assert f'"args":{arguments}' in sent
    assert f'"response":{result}' in sent
    assert own in sent


def test_tools_that_take_text_get_an_object() -> None:
    sent = parts(tool_use(input_text="ls", input_json=""), role=message_pb2.ROLE_ASSISTANT)
    assert sent[0]["functionCall"]["args"] == {"input": "ls"}
