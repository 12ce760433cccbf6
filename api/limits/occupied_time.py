"""Measures for how long the work of one request occupies the event loop."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from time import perf_counter
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class TimedWork(Generic[T]):
    """Awaits a coroutine, and adds up the `seconds` of its steps. What it waits for does not count.

    While one step runs, the process does nothing else.
    """

    __slots__ = ("_clock", "_work", "seconds")

    def __init__(self, work: Coroutine[Any, Any, T], clock: Callable[[], float] = perf_counter) -> None:
        self.seconds = 0.0
        self._work = work
        self._clock = clock

    def __await__(self) -> Generator[Any, Any, T]:
        """Pass on values, errors and cancellation as ``yield from`` does (PEP 380)."""
        step: Callable[[Any], Any] = self._work.send
        value: Any = None
        while True:
            start = self._clock()
            try:
                waits_for = step(value)
            except StopIteration as end:
                result: T = end.value
                return result
            finally:
                self.seconds += self._clock() - start
            try:
                step, value = self._work.send, (yield waits_for)
            except GeneratorExit:
                self._work.close()
                raise
            except BaseException as error:
                step, value = self._work.throw, error
