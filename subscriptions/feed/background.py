"""Work in the background: it is repeated, retried after failures, and ended cleanly.

Every loop of a process that must survive an outage is a `BackgroundLoop`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from redis.backoff import EqualJitterBackoff

from domain.kernel.errors import Unavailable

OUTAGE_CAP = 1.0
"""Longest pause in seconds while a server is out of reach.

Each attempt has waited for the server itself by then, so a longer pause would only prolong the outage.
"""

MAX_EXPONENT = 30
"""Failures that still double the pause: beyond it every cap is reached, and a float would overflow."""

CANCEL_AGAIN_AFTER = 0.1
"""Seconds after which `BackgroundLoop.stop` repeats a cancellation, if it is asked to."""


class Backoff:
    """Pauses in seconds between attempts: they double from `first` up to `cap`.

    Half of each pause is random, so that many processes do not retry at once: the "equal jitter" of M.
    Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog, 2015). `failures` counts the failures in
    a row.
    """

    def __init__(self, first: float = 0.05, cap: float = 5.0, failures: int = 0) -> None:
        self._pauses = EqualJitterBackoff(cap, first)
        self._outage_pauses = EqualJitterBackoff(min(cap, OUTAGE_CAP), first)
        self.failures = failures

    def pause(self, error: Exception | None = None) -> float:
        """Count a failure, and return the pause after it: at most `OUTAGE_CAP` for Unavailable."""
        pauses = self._outage_pauses if isinstance(error, Unavailable) else self._pauses
        pause = pauses.compute(min(self.failures, MAX_EXPONENT))
        self.failures += 1
        return pause

    def reset(self) -> None:
        """Forget the failures after a success."""
        self.failures = 0


class BackgroundLoop:
    """Repeats `work` in a task of its own until it is stopped, or until `work` returns None.

    `work` returns the seconds to wait before its next run. An exception counts in `backoff`, and `work` runs
    again after that pause; work that runs for long resets the backoff itself once it succeeds. A series of
    failures is logged once for each type of error: `symptom` says what does not happen meanwhile. An error in
    `expected` is logged as a warning, any other one with its traceback.

    `sleep` waits for so many seconds, or returns earlier if there is something to do. `on_failure` is called
    with each exception, after it was logged.
    """

    def __init__(
        self,
        work: Callable[[], Awaitable[float | None]],
        symptom: str,
        logger: logging.Logger,
        *,
        backoff: Backoff | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        expected: tuple[type[Exception], ...] = (Unavailable,),
        on_failure: Callable[[Exception], Awaitable[None]] | None = None,
    ) -> None:
        self._work = work
        self._symptom = symptom
        self._logger = logger
        self._backoff = backoff or Backoff()
        self._sleep = sleep
        self._expected = expected
        self._on_failure = on_failure
        self._logged: set[type[Exception]] = set()
        self._task: asyncio.Task[None] | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was started, and has not ended yet."""
        return self._task is not None and not self._task.done()

    def start(self) -> None:
        """Begin to repeat the work, unless it is running."""
        if self._task is None or self._task.done() or self._task.cancelling():
            self._task = asyncio.create_task(self._run())

    def cancel(self) -> None:
        """Cancel the work without waiting for its end; `start` may be called at once."""
        if self._task is not None:
            self._task.cancel()

    async def stop(self, *, insist: bool = False) -> None:
        """Cancel the work, and return when it has ended.

        With `insist` the cancellation is repeated, for libraries that may lose one.
        """
        task = self._task
        while task is not None and not task.done():
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_AGAIN_AFTER if insist else None)

    async def join(self) -> None:
        """Return when the work has ended, by itself or because it was cancelled."""
        if self._task is not None:
            await asyncio.wait({self._task})

    async def _run(self) -> None:
        while True:
            try:
                pause = await self._work()
            except Exception as error:
                self._log(error)
                if self._on_failure is not None:
                    await self._on_failure(error)
                pause = self._backoff.pause(error)
            else:
                self._backoff.reset()
            if pause is None:
                return
            await self._sleep(pause)

    def _log(self, error: Exception) -> None:
        if not self._backoff.failures:
            self._logged.clear()
        if type(error) in self._logged:
            return
        self._logged.add(type(error))
        if isinstance(error, self._expected):
            self._logger.warning("%s for now: %s", self._symptom, error)
        else:
            self._logger.error("%s for now", self._symptom, exc_info=error)
