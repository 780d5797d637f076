"""What is wrong with a request: found before a provider hears of it, all of it at once, and named by its path."""

from __future__ import annotations

import asyncio
import math

import grpc
import pytest

from e2e.edits import (
    BLOCK,
    content,
    count_of,
    fields_of,
    image,
    numbered,
    option,
    role,
    stream_of,
    to_target,
    tool,
    tool_result,
)
from e2e.gateways import posts, running
from e2e.mistakes import CASES, Case
from e2e.refusals import check_invalid
from support.calls import Stub, chat_failure, failure, request, stream_failure, text_block
from trunkline.v1 import chat_input_pb2, error_reason_pb2, route_pb2, warning_pb2
from trunkline_service.simulator import Simulator

pytestmark = pytest.mark.usefixtures("healthy_afterwards")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_mistake(case: Case, stub: Stub, simulator: Simulator) -> None:
    asked = request()
    case.edit(asked)
    events, streamed = await stream_failure(stub, stream_of(asked))
    assert not events
    for found in (await chat_failure(stub, asked), streamed):
        assert (found.code, found.reason) == (case.code, case.reason), found.message
        assert case.says in found.message
        if case.fields:
            check_invalid(found, set(case.fields), case.says)
        if case.resource:
            assert found.resource is not None
            assert f"{found.resource.resource_type}/{found.resource.resource_name}" == case.resource
        assert "grpc-retry-pushback-ms" not in found.trailers
    assert not posts(simulator)


async def test_counting_has_the_same_rules(stub: Stub, simulator: Simulator) -> None:
    # What is not about the input alone is not sent when tokens are counted, so its provider's own rules do not matter.
    of_the_answer = {"temperature_1.5", "temperature_5", "temperature_-1"}
    for case in CASES:
        if case.name in of_the_answer:
            continue
        asked = request()
        case.edit(asked)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.CountTokens(count_of(asked), timeout=5)
        found = failure(caught.value)
        assert (found.code, found.reason, set(found.fields)) == (case.code, case.reason, set(case.fields)), case.name
    assert [call.path for call in posts(simulator)] == []


async def test_everything_is_said_at_once(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    edits = {
        "input.messages[0].role": role(0),
        "input.tools[0].kind": tool(),
        "input.system[0].kind": lambda r: r.input.system.add(),
        "input.generation.top_p": fields_of("generation", top_p=2),
        "input.generation.temperature": fields_of("generation", temperature=math.nan),
        "input.reasoning.budget_tokens": fields_of("reasoning", budget_tokens=1),
        "input.tool_choice.mode": fields_of("tool_choice", mode=numbered(9)),
        "input.output_format.format": lambda r: r.input.output_format.SetInParent(),
        "input.anthropic.version": fields_of("anthropic", version="\n"),
        'input.provider_options_json["nowhere"]': option("nowhere", "{}"),
        "routing.route.target.provider": to_target(model="text"),
    }
    for edit in edits.values():
        edit(asked)
    check_invalid(await chat_failure(stub, asked), set(edits))
    assert not posts(simulator)


async def test_every_codec_finding_is_said_at_once(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    content(image(data=b"BM"), image(data=b"BM"))(asked)
    fields_of("generation", temperature=1.5)(asked)
    expected = {f"input.messages[0].content[{number}].image.media.media_type" for number in (0, 1)}
    check_invalid(await chat_failure(stub, asked), expected | {"input.generation.temperature"})
    assert not posts(simulator)


async def test_routes_of_callers_can_be_forbidden() -> None:
    asked = request()
    to_target(provider="simulator", model="text")(asked)
    async with running(allow_inline_routes=False) as own:
        check_invalid(await chat_failure(own.stub, asked), {"routing.route"})
        assert not posts(own.simulator)
        await own.stub.Chat(request(), timeout=5)


async def test_wrong_calls_at_once(stub: Stub) -> None:
    """Many callers' mistakes at the same time are each their own."""
    asked = []
    for case in CASES:
        made = request()
        case.edit(made)
        asked.append(made)
    found = await asyncio.gather(*(chat_failure(stub, each) for each in asked))
    for case, each in zip(CASES, found, strict=True):
        assert (each.reason, set(each.fields)) == (case.reason, set(case.fields)), case.name
    ids = {each.request_info.request_id for each in found if each.request_info is not None}
    assert len(ids) == len(CASES)
    assert all(each.info.reason in error_reason_pb2.ErrorReason.keys() for each in found)  # noqa: SIM118


# What the provider has to judge.


async def test_a_tool_result_without_its_call(stub: Stub, simulator: Simulator) -> None:
    """Passed on: which calls are open is the provider's to know."""
    asked = request()
    content(tool_result(text_block("18 degrees")))(asked)
    events, streamed = await stream_failure(stub, stream_of(asked))
    assert not events
    for found in (await chat_failure(stub, asked), streamed):
        assert (found.code, found.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "UPSTREAM_REJECTED_REQUEST")
        assert found.fields == [BLOCK]
        assert "unexpected `tool_use_id`" in found.message
        assert found.trailers["grpc-retry-pushback-ms"] == "-1"
    sent = posts(simulator)[0].json["messages"][0]["content"]
    assert sent == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "18 degrees"}]}
    ]


async def test_what_the_provider_has_no_place_for(stub: Stub, simulator: Simulator) -> None:
    asked = request()
    fields_of("generation", seed=1, presence_penalty=0.5)(asked)
    found = await chat_failure(stub, asked)
    assert (found.code, found.reason) == (grpc.StatusCode.UNIMPLEMENTED, "CAPABILITY_NOT_SUPPORTED")
    assert found.fields == ["input.generation.seed", "input.generation.presence_penalty"]
    assert found.info.metadata["capability"] == "seed"
    assert "grpc-retry-pushback-ms" not in found.trailers
    assert not posts(simulator)


async def test_what_the_provider_has_no_place_for_left_out(stub: Stub, simulator: Simulator) -> None:
    """If the caller says so; and then the answer tells what."""
    asked = request()
    fields_of("generation", seed=1, presence_penalty=0.5)(asked)
    asked.routing.unsupported_fields = route_pb2.UNSUPPORTED_FIELD_POLICY_DROP_WITH_WARNING
    answer = await stub.Chat(asked, timeout=5)
    found = [(warning.code, warning.field) for warning in answer.completion.warnings]
    assert found == [
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, "input.generation.seed"),
        (warning_pb2.WARNING_CODE_FIELD_DROPPED, "input.generation.presence_penalty"),
    ]
    assert not {"seed", "presence_penalty"} & posts(simulator)[0].json.keys()


@pytest.mark.parametrize("name", ["te xt", "текст", "text\nx-evil: 1", "../../elsewhere", "text?a=b"])
async def test_an_odd_name_of_a_model(name: str, stub: Stub, simulator: Simulator) -> None:
    """Without max_output_tokens, the model's name becomes a part of an address."""
    asked = request(f"simulator/{name}", generation=chat_input_pb2.GenerationParams())
    found = await chat_failure(stub, asked)
    assert (found.code, found.reason) == (grpc.StatusCode.NOT_FOUND, "MODEL_NOT_FOUND")
    assert found.resource is not None
    assert found.resource.resource_name == name
    assert all(call.path.startswith("/v1/models/") for call in simulator.calls)
    assert not posts(simulator)
