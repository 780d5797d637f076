"""Conventions of the .proto files that buf does not check, and what the examples must keep to besides."""

import json
import re
from collections.abc import Iterator, Mapping
from importlib import import_module

import grpc
import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor, FileDescriptor
from google.protobuf.message import Message
from google.rpc.error_details_pb2 import ErrorInfo  # type: ignore[import-untyped, unused-ignore]
from google.rpc.status_pb2 import Status  # type: ignore[import-untyped, unused-ignore]

from contract.examples import EXAMPLES, PROTOS, Example, walk
from trunkline.v1.chat_service_pb2 import BlockDelta, ChatResponse, FinishReason
from trunkline.v1.error_reason_pb2 import ErrorReason
from trunkline.v1.message_pb2 import ServerToolResultBlock, ToolUseBlock

FILES: list[FileDescriptor] = [
    import_module(f"trunkline.v1.{path.stem}_pb2").DESCRIPTOR for path in sorted(PROTOS.glob("trunkline/v1/*.proto"))
]
MESSAGES: list[Descriptor] = [m for file in FILES for m in file.message_types_by_name.values()]
CODES = {code.name: code.value[0] for code in grpc.StatusCode if code is not grpc.StatusCode.OK}


def documented_reasons() -> dict[str, tuple[str, bool]]:
    """What the comment of each ErrorReason says: the gRPC code, and whether there is a RetryInfo."""
    source = (PROTOS / "trunkline/v1/error_reason.proto").read_text(encoding="utf-8")
    reasons = {}
    for comment, name in re.findall(r"((?: +//.*\n)+) +(ERROR_REASON_\w+) = ", source):
        stated = re.findall(r"Code: (\w+)\. Retry: (yes|no)\.", re.sub(r"\s+//", "", comment))
        if name != "ERROR_REASON_UNSPECIFIED":
            [(code, retry)] = stated
            reasons[name] = (code, retry == "yes")
    return reasons


def holds_json(field: FieldDescriptor) -> bool:
    return field.name.endswith("_json")


def json_texts(message: Message) -> Iterator[tuple[FieldDescriptor, str]]:
    """Every JSON text in a message, at any depth."""
    for inner in walk(message):
        for field, value in inner.ListFields():
            if holds_json(field):
                many = value.values() if isinstance(value, Mapping) else value
                yield from ((field, text) for text in ([value] if isinstance(value, str) else many))


def comments() -> Iterator[str]:
    """The comments of each .proto file and each example, without their line breaks."""
    sources = [path.read_text(encoding="utf-8") for path in sorted(PROTOS.glob("trunkline/v1/*.proto"))]
    for source, mark in [*((source, "//") for source in sources), *((example.text, "#") for example in EXAMPLES)]:
        yield " ".join(re.findall(rf"^ *{mark} ?(.*)", source, re.MULTILINE))


def test_what_comments_name_exists() -> None:
    messages = {message.name: message for message in MESSAGES}
    values = {value for file in FILES for enum in file.enum_types_by_name.values() for value in enum.values_by_name}
    prefixes = {re.sub("_UNSPECIFIED$", "", value) for value in values if value.endswith("_UNSPECIFIED")}
    for comment in comments():
        for message, field in re.findall(r"\b([A-Z]\w+)\.([a-z]\w*)", comment):
            if message in messages:
                assert field in messages[message].fields_by_name, comment
        for name in re.findall(r"\b[A-Z]+(?:_[A-Z0-9]+)+\b", comment):
            if any(name.startswith(f"{prefix}_") for prefix in prefixes):
                assert name in values, comment


def test_every_error_reason_states_its_code_and_retry() -> None:
    reasons = documented_reasons()
    assert reasons.keys() == set(ErrorReason.keys()) - {"ERROR_REASON_UNSPECIFIED"}
    assert {code for code, _ in reasons.values()} <= CODES.keys()


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.name)
def test_fields_have_types_that_keep_their_value(message: Descriptor) -> None:
    for field in message.fields:
        value = field
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            value = field.message_type.fields_by_name["value"]
        if value.message_type is not None:
            assert value.message_type.name not in {"Struct", "Value", "ListValue", "Any"}
        if holds_json(field):
            assert value.type == FieldDescriptor.TYPE_STRING


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_json_texts_in_examples_are_json(example: Example) -> None:
    message = example.parse()
    # Arguments come in pieces in a stream, and are cut short where the tokens run out.
    partial = {BlockDelta.DESCRIPTOR.fields_by_name["input_json"]}
    if isinstance(message, ChatResponse) and (
        message.completion.finish_reason == FinishReason.FINISH_REASON_MAX_OUTPUT_TOKENS
    ):
        partial.add(ToolUseBlock.DESCRIPTOR.fields_by_name["input_json"])
    any_shape = ServerToolResultBlock.DESCRIPTOR.fields_by_name["content_json"]
    for field, text in json_texts(message):
        if field not in partial:
            value = json.loads(text)
            assert isinstance(value, dict) or field == any_shape


@pytest.mark.parametrize(
    "example",
    [example for example in EXAMPLES if example.proto_message == "google.rpc.Status"],
    ids=lambda example: example.name,
)
def test_errors_in_examples_are_what_their_reason_states(example: Example) -> None:
    status = example.parse()
    assert isinstance(status, Status)
    assert status.ByteSize() <= 4096
    kinds = [detail.TypeName() for detail in status.details]
    assert len(kinds) == len(set(kinds))
    assert "google.rpc.RequestInfo" in kinds
    info = ErrorInfo.FromString(status.details[kinds.index("google.rpc.ErrorInfo")].value)
    assert info.domain == "trunkline"
    code, retry = documented_reasons()[info.reason]
    assert status.code == CODES[code]
    assert ("google.rpc.RetryInfo" in kinds) == retry
