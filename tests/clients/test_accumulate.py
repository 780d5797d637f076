"""The fold: every rule of the contract's deltas, and what it does with what breaks them."""

import time

import pytest

from clients.events import answer, begin, delta, done, end, more, restart, start
from trunkline import Accumulator, ProtocolError
from trunkline.v1 import (
    BlockDelta,
    CharLocation,
    ChatEvent,
    ChatResponse,
    Citation,
    Completion,
    ContentBlock,
    Message,
    Opaque,
    Origin,
    RefusalBlock,
    Role,
    StreamStart,
    TextBlock,
    ThinkingBlock,
    TokenLogprob,
    TokenLogprobs,
    ToolUseBlock,
    Usage,
)

ORIGIN = Origin(provider="eu", provider_type="anthropic", model="m-1")
CITATIONS = [Citation(cited_text=text, char_location=CharLocation()) for text in ("first", "second")]
LOGPROBS = [TokenLogprob(token=token, logprob=-0.5) for token in ("lik", "ely")]
OPAQUE = [Opaque(provider_type="anthropic", type="odd", raw_json=json) for json in ('{"a":1}', '{"a":2}')]


def fold(*events: ChatEvent) -> Accumulator:
    accumulator = Accumulator()
    for event in events:
        accumulator.add(event)
    return accumulator


def blocks(*events: ChatEvent) -> list[ContentBlock]:
    return list(fold(start(), *events).response.message.content)


def test_a_whole_answer() -> None:
    accumulator = fold(*answer("Hel", "lo"))
    assert accumulator.complete
    assert accumulator.response == ChatResponse(
        id="msg_1",
        message=Message(
            role=Role.ROLE_ASSISTANT,
            content=[ContentBlock(text=TextBlock(text="Hello"))],
            origin=ORIGIN,
        ),
        completion=done().completion,
    )


@pytest.mark.parametrize(
    ("block", "deltas", "expected"),
    [
        (
            ContentBlock(text=TextBlock(text="a")),
            [{"text": "b"}, {"text": "c"}],
            ContentBlock(text=TextBlock(text="abc")),
        ),
        (
            ContentBlock(text=TextBlock(citations=CITATIONS[:1])),
            [{"citation": CITATIONS[1]}, {"text": "cited"}, {"citation": CITATIONS[0]}],
            ContentBlock(text=TextBlock(text="cited", citations=[*CITATIONS, CITATIONS[0]])),
        ),
        (
            ContentBlock(thinking=ThinkingBlock()),
            [{"thinking": "hm"}, {"thinking": "m"}, {"signature": "half"}, {"signature": "whole"}],
            ContentBlock(thinking=ThinkingBlock(text="hmm", signature="whole")),
        ),
        (
            ContentBlock(tool_use=ToolUseBlock(id="1", name="t")),
            [{"input_json": '{"a":'}, {"input_json": ""}, {"input_json": "1.0}"}],
            ContentBlock(tool_use=ToolUseBlock(id="1", name="t", input_json='{"a":1.0}')),
        ),
        (
            ContentBlock(tool_use=ToolUseBlock(id="1", name="t")),
            [{"input_text": "SELECT"}, {"input_text": " 1"}],
            ContentBlock(tool_use=ToolUseBlock(id="1", name="t", input_text="SELECT 1")),
        ),
        (
            ContentBlock(text=TextBlock(logprobs=LOGPROBS[:1])),
            [{"logprobs": TokenLogprobs(tokens=LOGPROBS)}, {"text": "likely"}],
            ContentBlock(text=TextBlock(text="likely", logprobs=[LOGPROBS[0], *LOGPROBS])),
        ),
        (
            ContentBlock(refusal=RefusalBlock(text="I ")),
            [{"refusal": "will "}, {"refusal": "not."}],
            ContentBlock(refusal=RefusalBlock(text="I will not.")),
        ),
        (
            ContentBlock(text=TextBlock()),
            [{"provider_state": b"a"}, {"provider_state": b"b"}],
            ContentBlock(text=TextBlock(), provider_state=b"b"),
        ),
        (
            ContentBlock(text=TextBlock()),
            [{"block_fields_json": ' {"a": 1.0}'}],
            ContentBlock(text=TextBlock(), provider_fields_json=' {"a": 1.0}'),
        ),
        (
            ContentBlock(text=TextBlock(), provider_fields_json='{"a": 1.0, "b" :\t2}'),
            [{"block_fields_json": '{"a":[{"x": "}"}]}'}, {"block_fields_json": '{"\\u0063":1E400}'}],
            ContentBlock(text=TextBlock(), provider_fields_json='{"a":[{"x": "}"}],"b" :\t2,"\\u0063":1E400}'),
        ),
        (
            ContentBlock(text=TextBlock()),
            [{"opaque": OPAQUE[0]}, {"opaque": OPAQUE[1]}],
            ContentBlock(text=TextBlock(), opaque_deltas=OPAQUE),
        ),
        (ContentBlock(text=TextBlock(text="whole")), [], ContentBlock(text=TextBlock(text="whole"))),
        (ContentBlock(opaque=OPAQUE[0]), [], ContentBlock(opaque=OPAQUE[0])),
        (ContentBlock(text=TextBlock()), [{"provider_fields_json": "{}"}], ContentBlock(text=TextBlock())),
    ],
)
def test_deltas(block: ContentBlock, deltas: list[dict[str, object]], expected: ContentBlock) -> None:
    assert blocks(begin(0, block), *(delta(0, **kind) for kind in deltas), end(0)) == [expected]


def test_every_kind_of_delta_is_tested() -> None:
    (mark,) = test_deltas.pytestmark  # type: ignore[attr-defined]
    tested = {kind for _, deltas, _ in mark.args[1] for each in deltas for kind in each}
    kinds = {field.name for field in BlockDelta.DESCRIPTOR.oneofs_by_name["delta"].fields}
    assert kinds <= tested


def test_blocks_are_in_the_order_of_their_indexes_and_may_interleave() -> None:
    found = blocks(begin(1), begin(0), more("b", 1), more("a", 0), end(0), more("B", 1), end(1))
    assert [block.text.text for block in found] == ["a", "bB"]


def test_what_is_asked_in_between_is_a_snapshot() -> None:
    accumulator = fold(start(), begin(0), more("a"))
    first = accumulator.response
    accumulator.add(more("b"))
    accumulator.add(delta(0, opaque=OPAQUE[0]))
    assert first.message.content[0] == ContentBlock(text=TextBlock(text="a"))
    assert accumulator.response.message.content[0].text.text == "ab"
    assert accumulator.response == accumulator.response


def test_events_are_not_changed() -> None:
    first = begin(0, ContentBlock(text=TextBlock(text="a")))
    before = ChatEvent.FromString(first.SerializeToString())
    accumulator = fold(start(), first, more("b"), delta(0, citation=CITATIONS[0]))
    assert accumulator.response.message.content[0].text.text == "ab"
    assert first == before


def test_the_completion_may_say_that_another_model_took_over() -> None:
    other = Origin(provider="eu", provider_type="anthropic", model="m-2")
    accumulator = fold(start(), ChatEvent(completion=Completion(origin=other)))
    assert accumulator.response.message.origin == other


def test_usage_is_the_start_s_until_there_is_a_total() -> None:
    accumulator = Accumulator()
    assert accumulator.usage == Usage()
    accumulator.add(start())
    assert accumulator.usage == Usage(input_total=7, output_total=1)
    assert not accumulator.response.HasField("completion")
    accumulator.add(done())
    assert accumulator.usage == Usage(input_total=7, output_total=3)


def test_a_restart_discards_everything() -> None:
    accumulator = fold(*answer("old")[:-1], restart())
    assert accumulator.response == ChatResponse(message=Message(role=Role.ROLE_ASSISTANT))
    assert accumulator.usage == Usage()
    again = [start("msg_2"), *answer("new")[1:]]
    for event in again:
        accumulator.add(event)
    assert accumulator.response == fold(*again).response


def test_a_restart_after_a_completion_takes_that_back() -> None:
    accumulator = fold(*answer("old"), restart())
    assert not accumulator.complete


@pytest.mark.parametrize(
    "events",
    [
        [more("a", 0)],
        [begin(0), more("a", 1)],
        [begin(0), restart(), more("a", 0)],
        [begin(0), begin(0)],
        [begin(0), delta(0, thinking="a")],
        [begin(0), delta(0, signature="a")],
        [begin(0), delta(0, input_json="a")],
        [begin(0), delta(0, refusal="a")],
        [begin(0, ContentBlock(thinking=ThinkingBlock())), more("a")],
        [begin(0, ContentBlock(thinking=ThinkingBlock())), delta(0, citation=CITATIONS[0])],
        [begin(0, ContentBlock(opaque=OPAQUE[0])), more("a")],
        [begin(0), delta(0, block_fields_json="{}"), delta(0, block_fields_json="[]")],
        [begin(0), delta(0, block_fields_json="{}"), delta(0, block_fields_json="{")],
        [begin(0), delta(0, block_fields_json="{}"), delta(0, block_fields_json='{"a":' + "[" * 100_000)],
    ],
)
def test_what_cannot_be_folded(events: list[ChatEvent]) -> None:
    accumulator = fold(start(), *events[:-1])
    before = accumulator.response
    with pytest.raises(ProtocolError, match="block"):
        accumulator.add(events[-1])
    assert accumulator.response == before


@pytest.mark.parametrize(
    "event",
    [
        ChatEvent(),
        ChatEvent.FromString(b"\x7a\x03abc"),
        ChatEvent(opaque=OPAQUE[0]),
        ChatEvent(block_delta=BlockDelta(index=0)),
        ChatEvent(block_delta=BlockDelta.FromString(b"\xa2\x01\x03abc")),
        end(0),
        end(7),
    ],
)
def test_what_has_no_place_is_ignored(event: ChatEvent) -> None:
    plain = fold(start(), begin(0), more("a"), end(), done()).response
    assert fold(start(), begin(0), event, more("a"), end(), event, done(), event).response == plain


def test_blocks_of_newer_kinds_are_kept_and_their_deltas_ignored() -> None:
    newer = ContentBlock.FromString(b"\xa2\x02\x03abc")
    assert blocks(begin(0, newer), more("a"), delta(0, signature="s"), end()) == [newer]


def test_without_a_start_there_is_no_origin() -> None:
    assert not fold(begin(0), more("a")).response.message.HasField("origin")
    assert fold(ChatEvent(start=StreamStart(id="x"))).response.id == "x"


def test_takes_time_in_proportion_to_the_answer() -> None:
    """A microsecond an event, and no more for those of a long answer: some hundred times that is allowed."""

    def seconds(count: int) -> float:
        events = [start(), begin(0), *[more("token")] * count, end(), done()]
        begun = time.perf_counter()
        assert len(fold(*events).response.message.content[0].text.text) == 5 * count
        return time.perf_counter() - begun

    assert seconds(300_000) < 10
