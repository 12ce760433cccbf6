"""The watchdog of calls of user code that block the event loop."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from api.watchdog import CallWatchdog
from domain.kernel.context_calls import call_decide
from domain.process.keys import instance_of
from subscriptions.consumers.blocking_calls import BlockingCall

DEADLINE = 60
QUICK: dict[str, float] = {"look_every": 0.01, "slow_after": 0.02, "blocked_after": 0.04}


class Lend:
    """Stands for a command."""


class Shelf:
    """An aggregate whose decision does what the test wants."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work

    def decide(self, command: Any, facts: Any) -> Sequence[Any]:
        self._work()
        return []


def decide(work: Callable[[], object]) -> None:
    command: Any = Lend()
    call_decide(Shelf(work), (), command, None)


def test_a_decision_that_does_not_return_is_logged_and_reported_with_its_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    calls: list[BlockingCall] = []
    is_reported = threading.Event()

    def report(call: BlockingCall) -> None:
        calls.append(call)
        is_reported.set()

    with CallWatchdog(report, **QUICK), caplog.at_level(logging.WARNING, "api.watchdog"):
        for _ in range(2):
            decide(lambda: is_reported.wait(DEADLINE))
            is_reported.clear()
    assert {(call.called, call.subject) for call in calls} == {("Shelf.decide", "Lend")}
    assert all(re.fullmatch(r"tests/unit/test_watchdog\.py:\d+", call.place) for call in calls)
    assert all(call.seconds >= QUICK["blocked_after"] for call in calls)
    levels = [record.levelname for record in caplog.records]
    assert (levels.count("WARNING"), levels.count("ERROR")) == (1, 2)
    assert re.match(
        r"Shelf\.decide has run for \d+\.\d s for Lend \(tests/unit/test_wat", caplog.records[0].message
    )


def test_the_key_of_a_process_is_watched_too(caplog: pytest.LogCaptureFixture) -> None:
    watchdog = CallWatchdog(slow_after=0)

    class Fulfilment:
        category = "fulfilment"

        @staticmethod
        def key(event: Any) -> None:
            for _ in range(2):
                watchdog.look(sys._getframe())

    process, event = (
        cast(Any, Fulfilment),
        cast(Any, SimpleNamespace(type="order.placed", position=7, payload=object())),
    )
    assert instance_of(process, event) is None
    (record,) = caplog.records
    assert re.match(
        r"Fulfilment\.key has run for \d+\.\d s for the event 'order\.placed' at position", record.message
    )


def test_short_calls_one_after_the_other_do_not_add_up(caplog: pytest.LogCaptureFixture) -> None:
    """Each call is a new frame; only a look at the same one twice measures it."""
    watchdog = CallWatchdog(slow_after=0)

    def look() -> None:
        watchdog.look(sys._getframe())

    def look_twice() -> None:
        look()
        look()

    for _ in range(3):
        decide(look)
    watchdog.look(sys._getframe())
    assert caplog.records == []
    decide(look_twice)
    assert [record.levelname for record in caplog.records] == ["WARNING"]


COLLECTING = """
import gc, threading, time
from api.watchdog import CallWatchdog

class Cycle:
    def __init__(self):
        self.itself = self

    def __del__(self):
        time.sleep(0.0001)  # lets other threads run during the collection

def start_threads():
    while time.monotonic() < end:
        thread = threading.Thread(target=Cycle)
        thread.start()
        thread.join()

gc.set_threshold(1, 1, 1)
end = time.monotonic() + 2.5
with CallWatchdog(look_every=0.0):
    threads = [threading.Thread(target=start_threads) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
"""


def test_looking_during_collections_and_starts_of_threads_stops_nothing() -> None:
    """Otherwise Python 3.11 deadlocks: the interpreter's list of threads against its lock."""
    subprocess.run([sys.executable, "-c", COLLECTING], check=True, timeout=120)
