"""What the comments of the contract say of answers, held against the examples."""

import json
import re

import pytest
from google.protobuf.descriptor import Descriptor
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import BadRequest  # type: ignore[import-untyped, unused-ignore]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped, unused-ignore]

from contract.examples import EXAMPLES, walk
from trunkline.v1 import route_pb2, warning_pb2
from trunkline.v1.batch_service_pb2 import BatchItems, CreateBatchResponse
from trunkline.v1.chat_service_pb2 import (
    ChatRequest,
    ChatResponse,
    Completion,
    FinishReason,
    StreamChatResponse,
    StreamRestart,
)
from trunkline.v1.embedding_service_pb2 import EmbedRequest, EmbedResponse
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline.v1.message_pb2 import Message as ChatMessage
from trunkline.v1.message_pb2 import Opaque, ToolRunner, ToolUseBlock
from trunkline.v1.model_service_pb2 import GetModelResponse, ListModelsResponse

PARSED = [(example.name, example.parse()) for example in EXAMPLES]
ANSWERS = [(name, message) for name, message in PARSED if isinstance(message, ChatResponse | StreamChatResponse)]

each_message = pytest.mark.parametrize("message", [m for _, m in PARSED], ids=[name for name, _ in PARSED])
each_answer = pytest.mark.parametrize("answer", [m for _, m in ANSWERS], ids=[name for name, _ in ANSWERS])


def resolves(path: str, descriptor: Descriptor) -> bool:
    """Whether a path of proto fields from this message on, such as "input.tools[0].function", leads somewhere."""
    inner: Descriptor | None = descriptor
    for name, place in re.findall(r"(\w+)(\[\d+\])?(?:\.|$)", path):
        field = inner.fields_by_name.get(name) if inner is not None else None
        if field is None or (bool(place) and not isinstance(field.default_value, list)):
            return False
        inner = field.message_type
    return re.fullmatch(r"\w+(\[\d+\])?(\.\w+(\[\d+\])?)*", path) is not None


@each_answer
def test_answer_says_who_runs_a_tool(answer: Message) -> None:
    for block in walk(answer):
        if isinstance(block, ToolUseBlock):
            assert block.runner != ToolRunner.TOOL_RUNNER_UNSPECIFIED
            assert bool(block.mcp_server_name) == (block.runner == ToolRunner.TOOL_RUNNER_MCP)


@each_answer
def test_answer_says_why_it_ended_and_where_it_went(answer: Message) -> None:
    for inner in walk(answer):
        if isinstance(inner, Completion):
            assert inner.finish_reason != FinishReason.FINISH_REASON_UNSPECIFIED
            assert inner.provider_finish_reason
        elif isinstance(inner, route_pb2.RouteReport):
            outcomes = [attempt.outcome for attempt in inner.attempts]
            assert outcomes.count(route_pb2.ATTEMPT_OUTCOME_ANSWERED) == 1
            for attempt in inner.attempts:
                failed = attempt.outcome == route_pb2.ATTEMPT_OUTCOME_FAILED
                assert (attempt.reason != ErrorReason.ERROR_REASON_UNSPECIFIED) == failed
        elif isinstance(inner, StreamRestart):
            assert inner.reason not in {
                ErrorReason.ERROR_REASON_UNSPECIFIED,
                ErrorReason.ERROR_REASON_STREAM_INTERRUPTED,
            }
        elif isinstance(inner, ChatMessage):
            assert not inner.provider_fields_json


@each_answer
def test_answer_says_who_wrote_it(answer: Message) -> None:
    if isinstance(answer, ChatResponse):
        origin = answer.message.origin
        assert origin.provider
        assert origin.provider_type
        assert origin.model
        assert not answer.completion.HasField("origin") or answer.completion.origin == origin
        if any(block.HasField("refusal") for block in answer.message.content):
            assert answer.completion.finish_reason == FinishReason.FINISH_REASON_REFUSAL


@each_message
def test_what_is_opaque_states_its_type(message: Message) -> None:
    for opaque in walk(message):
        if isinstance(opaque, Opaque):
            assert opaque.provider_type
            assert opaque.type == json.loads(opaque.raw_json)["type"]


def request_of(message: Message) -> Descriptor:
    """The request whose fields a response speaks of."""
    match message:
        case EmbedResponse():
            return EmbedRequest.DESCRIPTOR
        case CreateBatchResponse():
            return BatchItems.DESCRIPTOR
        case ListModelsResponse() | GetModelResponse():
            return type(message).DESCRIPTOR
        case _:
            return ChatRequest.DESCRIPTOR


@each_message
def test_fields_that_warnings_and_errors_name_exist(message: Message) -> None:
    for inner in walk(message):
        if isinstance(inner, warning_pb2.Warning):
            of_answer = inner.code == warning_pb2.WARNING_CODE_UNEXPECTED_OUTPUT
            assert resolves(inner.field, ChatResponse.DESCRIPTOR if of_answer else request_of(message))
    for detail in message.details if isinstance(message, Status) else ():
        bad = BadRequest()
        if detail.Unpack(bad):
            for violation in bad.field_violations:
                assert resolves(violation.field, ChatRequest.DESCRIPTOR)


@pytest.mark.parametrize("path", ["input.messages[2].content[0].image.detail", "routing", "input.tools[0]"])
def test_paths_that_resolve(path: str) -> None:
    assert resolves(path, ChatRequest.DESCRIPTOR)


@pytest.mark.parametrize("path", ["", "inputs", "input.", "input..model", "input[0]", "input.model.name", "input.a b"])
def test_paths_that_do_not(path: str) -> None:
    assert not resolves(path, ChatRequest.DESCRIPTOR)
