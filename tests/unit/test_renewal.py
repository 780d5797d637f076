"""Values that are fetched again before they get too old."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from trunkline.v1 import error_reason_pb2
from trunkline_service.errors import GatewayError
from trunkline_service.upstream.renewal import Fetched, Renewed, rejected, unreachable


class Source:
    """Gives the numbers from 1 on, each so long good, and fails as told; waits for `gate` if it is closed."""

    def __init__(self, fresh_for: float = 100, good_for: float = 100) -> None:
        self.times = 0
        self.threads: set[int] = set()
        self.gate = threading.Event()
        self.gate.set()
        self.failure: Callable[[str], Exception] | None = None
        self._lives = fresh_for, good_for
        self.value = Renewed(self._fetch)

    def _fetch(self) -> Fetched[int]:
        self.times += 1
        self.threads.add(threading.get_ident())
        number = self.times
        assert self.gate.wait(5)
        if self.failure is not None:
            raise self.failure("no value")
        return Fetched(number, *self._lives)


async def test_a_value_is_fetched_once_off_the_loop() -> None:
    source = Source()
    assert await asyncio.gather(*(source.value.get() for _ in range(20))) == [1] * 20
    assert await source.value.get() == 1
    assert source.times == 1
    assert threading.get_ident() not in source.threads


async def test_the_loop_goes_on_meanwhile_and_a_cancelled_call_harms_no_other() -> None:
    source = Source()
    source.gate.clear()
    first, second = asyncio.create_task(source.value.get()), asyncio.create_task(source.value.get())
    await asyncio.sleep(0.01)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    assert not second.done()
    source.gate.set()
    assert await second == 1
    assert source.times == 1


async def test_all_leave_and_the_next_finds_the_value() -> None:
    source = Source()
    source.gate.clear()
    only = asyncio.create_task(source.value.get())
    await asyncio.sleep(0.01)
    only.cancel()
    source.gate.set()
    await asyncio.sleep(0.05)
    assert await source.value.get() == 1
    assert source.times == 1


async def test_an_old_value_serves_while_the_next_is_fetched() -> None:
    source = Source(fresh_for=0)
    assert await source.value.get() == 1
    source.gate.clear()
    assert await asyncio.gather(*(source.value.get() for _ in range(5))) == [1] * 5
    source.gate.set()
    await asyncio.sleep(0.05)
    assert source.times == 2
    assert await source.value.get() == 2


async def test_a_value_that_is_no_more_good_is_waited_for() -> None:
    source = Source(fresh_for=0, good_for=0)
    assert [await source.value.get() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (rejected, error_reason_pb2.ERROR_REASON_UPSTREAM_CREDENTIALS_REJECTED),
        (unreachable, error_reason_pb2.ERROR_REASON_UPSTREAM_UNREACHABLE),
    ],
)
async def test_a_failure_is_each_callers_own_and_is_not_kept(failure: Callable[[str], Exception], reason: int) -> None:
    source = Source()
    source.failure = failure
    source.gate.clear()
    calls = [asyncio.create_task(source.value.get()) for _ in range(3)]
    await asyncio.sleep(0.01)
    source.gate.set()
    failures = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(each, GatewayError) and each.reason == reason for each in failures)
    assert len({id(each) for each in failures}) == 3
    assert source.times == 1
    source.failure = None
    assert await source.value.get() == 2


async def test_a_good_value_outlives_failures_which_come_seldom() -> None:
    source = Source(fresh_for=0)
    assert await source.value.get() == 1
    source.failure = unreachable
    for _ in range(5):
        assert await source.value.get() == 1
        await asyncio.sleep(0.02)
    assert source.times == 2


async def test_closing_waits_for_nothing() -> None:
    source = Source()
    source.gate.clear()
    waiting = asyncio.create_task(source.value.get())
    await asyncio.sleep(0.01)
    await asyncio.wait_for(source.value.close(), 1)
    source.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await waiting
