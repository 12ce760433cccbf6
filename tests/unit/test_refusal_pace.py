"""How many refusals one client gets in a second."""

from __future__ import annotations

import asyncio

from api.limits.rate_settings import RateSettings
from api.limits.refusal_pace import LONGEST_DELAY, RefusalPace


class Clock:
    """Seconds that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_refusals_beyond_the_rate_are_sent_one_after_the_other() -> None:
    """Those of another client are not late."""
    pace = RefusalPace(10, Clock())
    assert [pace.delay("client") for _ in range(13)] == [0.0] * 10 + [0.1, 0.2, 0.3]
    assert pace.delay("other") == 0.0


def test_a_client_for_which_too_many_wait_is_disconnected() -> None:
    """Disconnecting it makes nothing later for it."""
    clock = Clock()
    pace = RefusalPace(10, clock)
    delays = [pace.delay("client") for _ in range(1_000)]
    waiting = [delay for delay in delays if delay is not None]
    assert len(waiting) == 10 + 10 * LONGEST_DELAY
    assert max(waiting) <= LONGEST_DELAY
    clock.now = LONGEST_DELAY
    assert pace.delay("client") == 0.1


def test_a_client_that_sends_one_request_after_the_other_gets_them_at_the_rate() -> None:
    """Each refusal is late by less than the time between two."""
    clock = Clock()
    pace = RefusalPace(10, clock)
    for _ in range(30):
        delay = pace.delay("client")
        assert delay is not None
        assert delay < 0.1001
        clock.now += delay
    assert round(clock.now, 6) == 2.0


async def test_waiting_for_a_refusal() -> None:
    pace = RefusalPace(1_000)
    assert all(await asyncio.gather(*(pace.wait("client") for _ in range(1_500))))
    assert not all(await asyncio.gather(*(pace.wait("client") for _ in range(2_000))))


def test_without_limits_of_callers_there_is_no_pace() -> None:
    assert RefusalPace.of(None) is None
    pace = RefusalPace.of(RateSettings(refusals=1))
    assert pace is not None
    assert pace.delay("client") == 0.0
