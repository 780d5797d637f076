"""Reads protos/examples: text-format files, each with a header that names its message."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf import descriptor_pool, text_format
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2  # type: ignore[import-untyped, unused-ignore]

from trunkline.v1 import batch_service_pb2, embedding_service_pb2, model_service_pb2
from trunkline.v1 import chat_service_pb2 as chat_pb2

PROTOS = Path(__file__).parents[2] / "protos"
# Imported for what they register: the messages that the examples hold.
REGISTERED = (batch_service_pb2, chat_pb2, embedding_service_pb2, model_service_pb2, error_details_pb2, status_pb2)
HEADER = ("# proto-file: ", "# proto-message: ", "# ")


@dataclass(frozen=True)
class Example:
    """One example: its place below protos/examples, what its header says, and its text."""

    name: str
    proto_file: str
    proto_message: str
    text: str

    def parse(self) -> Message:
        """The message."""
        descriptor = descriptor_pool.Default().FindMessageTypeByName(self.proto_message)
        return text_format.Parse(self.text, GetMessageClass(descriptor)())


def read(path: Path) -> Example:
    """Read one file."""
    text = path.read_text(encoding="utf-8")
    lines = text.splitlines()
    if len(lines) < len(HEADER) or not all(map(str.startswith, lines, HEADER)):
        raise ValueError(f"{path} does not begin with a header")
    proto_file, proto_message = (lines[i].removeprefix(HEADER[i]) for i in range(2))
    return Example(path.relative_to(PROTOS / "examples").as_posix(), proto_file, proto_message, text)


def walk(message: Message) -> Iterator[Message]:
    """The message and every message in it."""
    yield message
    for field, value in message.ListFields():
        if field.message_type is not None:
            for child in [value] if isinstance(value, Message) else value:
                if isinstance(child, Message):
                    yield from walk(child)


EXAMPLES = [read(path) for path in sorted((PROTOS / "examples").rglob("*.textproto"))]
# The directories that hold a stream: its messages, numbered, and in response.textproto what they add up to.
STREAMS = sorted({example.name.partition("/")[0] for example in EXAMPLES if "/" in example.name})


def named(name: str) -> Message:
    """The example with this name, parsed."""
    return next(example.parse() for example in EXAMPLES if example.name == name)


def stream_events(stream: str) -> list[chat_pb2.ChatEvent]:
    """The events of all messages of a stream."""
    messages = (example.parse() for example in EXAMPLES if example.name.startswith(f"{stream}/"))
    return [event for m in messages if isinstance(m, chat_pb2.StreamChatResponse) for event in m.events]
