"""Splits long work that never waits into slices, between which the event loop goes on.

Parsing and validating are plain functions of a library, which cannot be awaited. So they run in a greenlet
(https://greenlet.readthedocs.io): what they call now and then, `give_way`, switches back to the event loop
when the slice is used up, and the loop switches to them again later.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextvars import copy_context
from time import perf_counter
from typing import TypeVar

from greenlet import getcurrent, greenlet

T = TypeVar("T")

SLICE = 0.001
"""Seconds of a slice."""

FIRST_SLICE = 0.002
"""Seconds of the first one, in which most work ends."""

PAUSE = 0.0015
"""Seconds between two slices: others get most of the time."""


class _SlicedWork(greenlet):
    """Work that gives way at `end`, a time of `perf_counter`."""

    end = 0.0


async def run_in_slices(work: Callable[[], T]) -> T:
    """Return the result of `work`, which calls `give_way` from time to time."""
    sliced = _SlicedWork(work)
    sliced.gr_context = copy_context()
    sliced.end = perf_counter() + FIRST_SLICE
    try:
        while True:
            result: T = sliced.switch()
            if sliced.dead:
                return result
            await asyncio.sleep(PAUSE)
            sliced.end = perf_counter() + SLICE
    finally:
        if not sliced.dead:
            # Cancelled: the work ends where it is.
            sliced.throw()


def give_way() -> None:
    """Let the event loop go on if the slice of this work is used up; does nothing outside `run_in_slices`."""
    work = getcurrent()
    if isinstance(work, _SlicedWork) and perf_counter() >= work.end:
        assert work.parent is not None
        work.parent.switch()
