"""Pauses between attempts, and loops that repeat work in the background."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

import pytest

from domain.kernel.errors import Unavailable
from subscriptions.feed.background import OUTAGE_CAP, BackgroundLoop, Backoff

logger = logging.getLogger("test.background")


def test_pauses_grow_up_to_the_cap() -> None:
    backoff = Backoff(first=0.1, cap=5.0)
    pauses = [backoff.pause() for _ in range(2000)]
    assert 0.05 <= pauses[0] <= 0.1
    assert all(2.5 <= pause <= 5.0 for pause in pauses[6:])
    assert backoff.failures == 2000


def test_half_of_a_pause_is_random() -> None:
    pauses = {Backoff(first=0.1).pause() for _ in range(10)}
    assert len(pauses) > 1


def test_an_outage_is_not_prolonged_by_long_pauses() -> None:
    backoff = Backoff(first=0.1, cap=5.0)
    pauses = [backoff.pause(Unavailable("MongoDB did not answer")) for _ in range(20)]
    assert max(pauses) <= OUTAGE_CAP


def test_after_a_success_the_pauses_are_short_again() -> None:
    backoff = Backoff(first=0.1, cap=5.0)
    for _ in range(20):
        backoff.pause()
    backoff.reset()
    assert backoff.pause() <= 0.1


class Script:
    """Work that does one scripted step in each run, and then ends the loop."""

    def __init__(self, *steps: float | Exception) -> None:
        self._steps = list(steps)
        self.slept: list[float] = []

    async def work(self) -> float | None:
        if not self._steps:
            return None
        step = self._steps.pop(0)
        if isinstance(step, Exception):
            raise step
        return step

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)

    async def run(self, on_failure: Callable[[Exception], Awaitable[None]] | None = None) -> list[float]:
        """Run a loop of this work to its end; return how long it slept after each step."""
        loop = BackgroundLoop(
            self.work,
            "nothing is done",
            logger,
            backoff=Backoff(first=2.0, cap=8.0),
            sleep=self.sleep,
            on_failure=on_failure,
        )
        loop.start()
        async with asyncio.timeout(60):
            await loop.join()
        assert not loop.is_running
        return self.slept


async def test_a_loop_sleeps_as_long_as_its_work_says() -> None:
    assert await Script(0.0, 3.0, 0.5).run() == [0.0, 3.0, 0.5]


async def test_a_loop_survives_failures_with_growing_pauses() -> None:
    broken = [ValueError("broken") for _ in range(4)]
    slept = await Script(*broken[:3], 0.5, broken[3]).run()
    assert 1 <= slept[0] <= 2 <= slept[1] <= 4 <= slept[2] <= 8
    assert slept[3] == 0.5
    assert 1 <= slept[4] <= 2, "a success ends the series"


async def test_each_failure_is_reported_to_the_owner_of_the_loop() -> None:
    failures: list[Exception] = []

    async def remember(error: Exception) -> None:
        failures.append(error)

    errors = [ValueError("first"), Unavailable("second")]
    await Script(*errors).run(remember)
    assert failures == errors


async def test_a_series_of_failures_is_logged_once_for_each_type(caplog: pytest.LogCaptureFixture) -> None:
    down, bug = Unavailable("MongoDB did not answer"), ValueError("broken")
    await Script(down, down, bug, down, bug, 0.0, down).run()
    entries = [(record.levelname, record.getMessage(), bool(record.exc_info)) for record in caplog.records]
    outage = ("WARNING", "nothing is done for now: MongoDB did not answer", False)
    assert entries == [outage, ("ERROR", "nothing is done for now", True), outage]


async def test_a_stopped_loop_has_ended_with_its_cleanup() -> None:
    begun, cleaned = asyncio.Event(), False

    async def work() -> float:
        nonlocal cleaned
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            cleaned = True
        return 0.0

    loop = BackgroundLoop(work, "nothing is done", logger)
    await loop.stop()
    loop.start()
    await begun.wait()
    await loop.stop()
    assert cleaned
    assert not loop.is_running


async def test_a_cancelled_loop_can_be_started_again_at_once() -> None:
    runs = 0

    async def work() -> float:
        nonlocal runs
        runs += 1
        await asyncio.Event().wait()
        return 0.0

    loop = BackgroundLoop(work, "nothing is done", logger)
    loop.start()
    await asyncio.sleep(0)
    loop.start()
    await asyncio.sleep(0)
    assert runs == 1, "it was running already"
    loop.cancel()
    loop.start()
    await asyncio.sleep(0.01)
    assert loop.is_running
    assert runs == 2
    await loop.stop()


async def test_a_lost_cancellation_is_repeated() -> None:
    begun = asyncio.Event()

    async def work() -> float:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await asyncio.Event().wait()
        return 0.0

    loop = BackgroundLoop(work, "nothing is done", logger)
    loop.start()
    await begun.wait()
    async with asyncio.timeout(60):
        await loop.stop(insist=True)
    assert not loop.is_running
