"""For how long refused requests of one client may occupy a process."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from api.access.callers import ANONYMOUS, Caller
from api.limits.occupied_time import TimedWork
from api.limits.refused_work import LARGE_BODY, RefusedWork, client_of, is_large_body, is_large_document
from domain.kernel.limit_errors import RateLimited


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_client_with_a_debt_waits_until_it_is_paid_back() -> None:
    """Another client does not."""
    clock, refused = Clock(), list[str]()
    work = RefusedWork(share=0.01, burst=0.05, on_refused=refused.append, clock=clock)
    work.note("client", 0.05)
    work.check("client")
    work.note("client", 0.02)
    with pytest.raises(RateLimited) as limited:
        work.check("client")
    assert limited.value.retry_after == pytest.approx(2.0)
    assert refused == ["refused_work"]
    work.check("other")
    clock.now = 2.5
    work.check("client")


def test_without_credentials_the_address_is_the_client() -> None:
    """With them it is the caller, wherever it is."""
    caller, other = Caller(subject="alice"), Caller(subject="bob")
    assert client_of(caller, "10.0.0.1") == client_of(caller, None) != client_of(other, "10.0.0.1")
    first, second = client_of(ANONYMOUS, "2001:db8::1"), client_of(ANONYMOUS, "2001:db8::2")
    assert first == second != client_of(ANONYMOUS, None)


def test_quick_refusals_are_not_counted() -> None:
    work = RefusedWork(share=0.01, burst=0.05, clock=Clock())
    for _ in range(1_000):
        work.note("client", 0.0009)
    work.check("client")


def test_what_may_take_long_to_refuse() -> None:
    """Large bodies and documents, and those whose size is not known."""
    sizes = (0, LARGE_BODY, LARGE_BODY + 1, None)
    assert [is_large_body(size) for size in sizes] == [False, False, True, True]
    assert [is_large_document(weight) for weight in (101, 500, 501, None)] == [False, False, True, True]


async def test_only_the_steps_of_timed_work_count() -> None:
    """What it waits for does not; results, errors and cancellation pass."""
    clock = Clock()

    async def work(result: Any) -> Any:
        clock.now += 1
        await other()
        clock.now += 2
        if isinstance(result, Exception):
            raise result
        return result

    async def other() -> None:
        elsewhere = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_soon(take_long, elsewhere)
        await elsewhere

    def take_long(elsewhere: asyncio.Future[None]) -> None:
        clock.now += 10
        elsewhere.set_result(None)

    timed = TimedWork(work("result"), clock)
    assert (await timed, timed.seconds) == ("result", 3)
    timed = TimedWork(work(ValueError("wrong")), clock)
    with pytest.raises(ValueError, match="wrong"):
        await timed
    assert timed.seconds == 3


async def test_timed_work_is_cancelled_as_any() -> None:
    seen = SimpleNamespace(cancelled=False)

    async def work() -> None:
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            seen.cancelled = True
            raise

    async def run() -> None:
        await TimedWork(work())

    task = asyncio.create_task(run())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert seen.cancelled
