"""Fallback: which failures lead on, what the caller gets, and what the report says."""

from __future__ import annotations

import grpc
import pytest

from e2e.gateways import Running, posts
from routing.asking import asked, asked_stream, fallback, folded, kinds, outcomes, target
from support import calls
from trunkline.v1 import chat_service_pb2


async def test_the_next_one_answers(own: Running) -> None:
    answer = await own.stub.Chat(asked(fallback("error-503", "text")), timeout=10)
    assert calls.said(answer) == ECHO
    report = answer.completion.route_report
    assert outcomes(report) == [("error-503", "UPSTREAM_OVERLOADED"), ("text", "ANSWERED")]
    first, second = report.attempts
    assert (first.path, second.path) == ("fallback.routes[0].target", "fallback.routes[1].target")
    assert first.upstream_status == 503
    assert second.begun_after.ToNanoseconds() > 0
    assert not report.HasField("unanswered_cost")


ECHO = "You said: Hello"
LEADS_ON = ["error-401", "error-404", "error-408", "error-413", "error-429", "error-429-spend", "error-500"]
LEADS_ON += ["error-503", "error-529", "error-504", "html", "garbage", "reset", "cut-n0", "error-event-n0", "error-402"]
ENDS = ["error-400", "error-409", "error-422"]


@pytest.mark.parametrize("model", LEADS_ON)
async def test_what_leads_on(own: Running, model: str) -> None:
    answer = await own.stub.Chat(asked(fallback(model, "text")), timeout=10)
    assert calls.said(answer) == ECHO
    events = await calls.events_of(own.stub, asked_stream(fallback(model, "text")))
    assert calls.said(folded(events)) == ECHO
    assert kinds(events)[0] == "start"


@pytest.mark.parametrize("model", ENDS)
async def test_what_does_not(own: Running, model: str) -> None:
    failure = await calls.chat_failure(own.stub, asked(fallback(model, "text")))
    assert failure.reason in ("UPSTREAM_REJECTED_REQUEST", "UPSTREAM_CONFLICT")
    assert [each.model for each in failure.report.attempts] == [model]
    assert len(posts(own.simulator)) == 1


async def test_statuses_decide_where_there_is_one(own: Running) -> None:
    route = fallback("error-503", "error-400", "text", failover={"upstream_statuses": [400]})
    failure = await calls.chat_failure(own.stub, asked(route))
    assert failure.reason == "UPSTREAM_OVERLOADED"
    route = fallback("error-400", "reset", "text", failover={"upstream_statuses": [400]})
    assert calls.said(await own.stub.Chat(asked(route), timeout=10)) == ECHO


async def test_reasons_instead_of_the_usual_ones(own: Running) -> None:
    route = fallback("error-400", "text", failover={"reasons": ["ERROR_REASON_UPSTREAM_REJECTED_REQUEST"]})
    assert calls.said(await own.stub.Chat(asked(route), timeout=10)) == ECHO
    route = fallback("error-503", "text", failover={"reasons": ["ERROR_REASON_UPSTREAM_REJECTED_REQUEST"]})
    assert (await calls.chat_failure(own.stub, asked(route))).reason == "UPSTREAM_OVERLOADED"


async def test_all_failed(own: Running) -> None:
    """What may pass is told before what may not, with the shortest time after which one of them may work."""
    failure = await calls.chat_failure(own.stub, asked(fallback("error-429", "error-404")))
    assert failure.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failure.retry is not None
    assert failure.retry.retry_delay.seconds == 7
    assert failure.info.metadata["attempts"] == "2"
    assert outcomes(failure.report) == [("error-429", "UPSTREAM_RATE_LIMITED"), ("error-404", "MODEL_NOT_FOUND")]
    assert failure.trailers["grpc-retry-pushback-ms"] == "-1"


async def test_a_report_that_is_too_long_has_its_ends(own: Running) -> None:
    models = [f"error-503-g{number}" for number in range(90)]
    failure = await calls.chat_failure(own.stub, asked(fallback(*models)))
    told = [each.model for each in failure.report.attempts]
    assert (told[0], told[-1]) == (models[0], models[-1])
    assert 2 < len(told) < 90
    assert len(failure.trailers["grpc-status-details-bin"]) <= 4096


class TestAfterTheFirstEvent:
    """An answer that breaks in the middle."""

    async def test_the_unary_call_takes_the_whole_answer_of_another(self, own: Running) -> None:
        answer = await own.stub.Chat(asked(fallback("cut", "text")), timeout=10)
        assert calls.said(answer) == ECHO
        report = answer.completion.route_report
        assert outcomes(report) == [("cut", "STREAM_INTERRUPTED"), ("text", "ANSWERED")]
        assert report.restarts == 1
        broken = report.attempts[0]
        assert broken.usage_is_estimate
        assert broken.usage.input_total > 0
        assert broken.usage.output_total >= 3

    async def test_a_stream_ends_with_an_error(self, own: Running) -> None:
        events, failure = await calls.stream_failure(own.stub, asked_stream(fallback("cut", "text")))
        assert failure.reason == "STREAM_INTERRUPTED"
        assert "restart" not in kinds(events)
        assert len(posts(own.simulator)) == 1

    async def test_a_stream_that_may_begins_again(self, own: Running) -> None:
        events = await calls.events_of(own.stub, asked_stream(fallback("cut", "cut-n2", "text"), allow_restart=True))
        assert kinds(events).count("restart") == 2
        answer = folded(events)
        assert calls.said(answer) == ECHO
        assert answer.completion.route_report.restarts == 2

    async def test_nothing_is_void_before_something_better_comes(self, own: Running) -> None:
        route = fallback("cut", "error-503")
        events, failure = await calls.stream_failure(own.stub, asked_stream(route, allow_restart=True))
        assert kinds(events) == ["start", "block_start", "block_delta"]
        assert failure.reason == "UPSTREAM_OVERLOADED"


class TestRefusals:
    """Content that is refused leads on only if the route says so."""

    async def test_it_is_an_answer(self, own: Running) -> None:
        answer = await own.stub.Chat(asked(fallback("refusal", "text")), timeout=10)
        assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_REFUSAL

    @pytest.mark.parametrize("model", ["refusal", "refusal-n0"])
    async def test_another_is_asked(self, own: Running, model: str) -> None:
        answer = await own.stub.Chat(asked(fallback(model, "text", failover={"on_refusal": True})), timeout=10)
        assert calls.said(answer) == ECHO
        assert outcomes(answer.completion.route_report) == [(model, "REFUSED"), ("text", "ANSWERED")]

    async def test_the_last_one_may_refuse(self, own: Running) -> None:
        route = fallback("refusal", "refusal-n1", failover={"on_refusal": True})
        answer = await own.stub.Chat(asked(route), timeout=10)
        assert answer.completion.finish_reason == chat_service_pb2.FINISH_REASON_REFUSAL

    async def test_a_stream_that_has_begun_keeps_it(self, own: Running) -> None:
        route = fallback("refusal-n3-g50", "text", failover={"on_refusal": True})
        assert folded(await calls.events_of(own.stub, asked_stream(route))).completion.finish_reason == (
            chat_service_pb2.FINISH_REASON_REFUSAL
        )
        again = await calls.events_of(own.stub, asked_stream(route, allow_restart=True))
        assert calls.said(folded(again)) == ECHO


async def test_overrides_are_laid_over_the_request(own: Running) -> None:
    route = fallback(
        target("error-503"),
        target("text", overrides={"generation": {"temperature": 0.5}, "end_user_id": "below"}),
        overrides={"generation": {"temperature": 0.1, "stop_sequences": ["END"]}, "end_user_id": "above"},
    )
    await own.stub.Chat(asked(route), timeout=10)
    first, second = (call.json for call in posts(own.simulator))
    assert (first["temperature"], first["stop_sequences"], first["max_tokens"]) == (0.1, ["END"], 100)
    assert (second["temperature"], second["stop_sequences"], second["max_tokens"]) == (0.5, ["END"], 100)
    assert (first["metadata"]["user_id"], second["metadata"]["user_id"]) == ("above", "below")


async def test_the_model_of_the_call_where_the_target_names_none(own: Running) -> None:
    route = {"fallback": {"routes": [{"target": {"provider": "simulator"}}]}}
    assert calls.said(await own.stub.Chat(asked(route, model="text"), timeout=10)) == ECHO
    failure = await calls.chat_failure(own.stub, asked(route))
    assert (failure.reason, failure.fields) == ("INVALID_REQUEST", ["input.model"])
