"""The agenda of a partition: what is being done now, what is to be done later, and what MongoDB has of it.

Most work is done within milliseconds and is never written: the checkpoint waits for it. What takes longer, is
due later, or finds no room is written to `OpenWork`, and read from there when it is due and there is room.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf

from domain.dispatch.ports import Clock
from domain.kernel.errors import Unavailable
from subscriptions.feed.background import BackgroundLoop, Backoff
from subscriptions.processes.held_work import EffectRequest, HeldWork, Perform, WorkKey
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import OpenWork, Work

logger = logging.getLogger(__name__)

HOLD_TIME = 1.0
"""Seconds for which the checkpoint waits for work, before the work is written to MongoDB."""

SOON = 2.0
"""Seconds before work is due at which it is read from MongoDB; more than `HOLD_TIME`."""

MOST_UNWRITTEN = 1_000
"""Pieces of work that wait in memory; more are written at once."""

TIMER_STEP = 0.001
"""Seconds by which a timer of the event loop may be early, because it counts whole milliseconds."""

LONGEST_PAUSE = 60.0
"""Seconds after which the clocks are compared again."""


class Agenda:
    """Does the work of a partition, at most so many pieces at a time as `limits` has for each channel.

    `perform` may raise: the work is done again after a growing pause.
    """

    def __init__(
        self, open_work: OpenWork, limits: Mapping[str, int], perform: Perform, clock: Clock
    ) -> None:
        self._open_work = open_work
        self._limits = limits
        self._perform = perform
        self._clock = clock
        self._clock_lead = timedelta(0)
        self._clocks_compared_at = -inf
        self._held: dict[WorkKey, HeldWork] = {}
        self._counts: Counter[str] = Counter()
        self._queues: dict[str, dict[WorkKey, HeldWork]] = {channel: {} for channel in limits}
        self._later: dict[WorkKey, HeldWork] = {}
        self._removed: set[WorkKey] = set()
        # When to read a channel again, on the monotonic clock.
        self._check_at = dict.fromkeys(limits, 0.0)
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        symptom = "open work of processes is not done"
        self._loop = BackgroundLoop(self._read_due, symptom, logger, sleep=self._sleep)

    @property
    def size(self) -> int:
        """The number of pieces of work in memory."""
        return len(self._held) + len(self._later) + sum(map(len, self._queues.values()))

    @property
    def now(self) -> datetime:
        """The time by the server's clock."""
        return self._clock() + self._clock_lead

    async def start(self) -> None:
        """Begin to do what is written in MongoDB. Raises Unavailable."""
        await self._compare_clocks()
        self._loop.start()

    async def stop(self) -> None:
        """Stop all work, and forget it. All of it is cancelled at once, even if this call is cancelled."""
        self._loop.cancel()
        for works in (self._later, *self._queues.values()):
            works.clear()
        held_work, self._held = list(self._held.values()), {}
        self._counts.clear()
        tasks = [held.task for held in held_work if held.task is not None]
        for held in held_work:
            if held.timer is not None:
                held.timer.cancel()
        for task in tasks:
            task.cancel()
        await self._loop.join()
        if tasks:
            await asyncio.wait(tasks)

    def has(self, instance: InstanceKey, id: str) -> bool:
        """Return whether the work is in memory."""
        key = (instance, id)
        return key in self._held or key in self._later or any(key in queue for queue in self._queues.values())

    def add(self, work: Work, request: EffectRequest | None = None) -> None:
        """Do the work, at once if there is room and it is due; nothing if it is in memory already."""
        if not self.has(work.instance, work.id):
            self._add(HeldWork(work, request))

    def remove(self, instance: InstanceKey, id: str) -> None:
        """Forget the work: it is done, or does not have to be done any more."""
        key = (instance, id)
        held = self._held.get(key)
        if held is None:
            waiting = self._take_waiting(key)
            if waiting is None or self._may_be_written(waiting):
                self._removed.add(key)
        elif held.task is None:
            self._end(held)
        elif held.task is not asyncio.current_task():
            held.task.cancel()

    async def settle(self, position: int) -> int:
        """Write what has waited for long, and return the position before the first work that is not written.

        Raises Unavailable.
        """
        await self._write()
        unwritten = [
            held.work.position
            for works in (self._held, self._later, *self._queues.values())
            for held in works.values()
            if not held.is_written and held.work.position <= position
        ]
        return min(unwritten) - 1 if unwritten else position

    async def _write(self) -> None:
        async with self._writing:
            before = time.monotonic() - HOLD_TIME
            added = [held for held in self._held.values() if not held.is_written and held.since <= before]
            for works in (self._later, *self._queues.values()):
                is_long = len(works) > MOST_UNWRITTEN
                added += [held for held in works.values() if is_long or held.since <= before]
            removed, self._removed = self._removed, set()
            try:
                await self._open_work.save([held.work for held in added], removed)
            except BaseException:
                self._removed |= removed
                raise
            for held in added:
                held.is_written = True
                if self._is_waiting(held):
                    self._take_waiting(held.key)
                    self._expect(held.work)
        if added:
            self._wake.set()

    def _is_waiting(self, held: HeldWork) -> bool:
        works = (self._later, *self._queues.values())
        return any(each.get(held.key) is held for each in works)

    def _take_waiting(self, key: WorkKey) -> HeldWork | None:
        """Take out work that waits in memory."""
        for works in (self._later, *self._queues.values()):
            if key in works:
                return works.pop(key)
        return None

    def _expect(self, work: Work) -> None:
        """Read a channel when this work, which MongoDB has, is due."""
        due = time.monotonic() + self._delay(work) - SOON
        self._check_at[work.channel] = min(self._check_at[work.channel], due)

    def _delay(self, work: Work) -> float:
        """Return the seconds until work is due by the server's clock."""
        return 0.0 if work.due is None else (work.due - self.now).total_seconds()

    def _has_room(self, channel: str) -> bool:
        return self._counts[channel] < self._limits[channel]

    def _add(self, held: HeldWork) -> None:
        self._removed.discard(held.key)
        channel = held.work.channel
        if self._delay(held.work) > SOON:
            self._later[held.key] = held
            if held.is_written:
                self._wake.set()
        elif self._has_room(channel):
            self._hold(held)
        else:
            self._queues[channel][held.key] = held

    def _hold(self, held: HeldWork) -> None:
        self._held[held.key] = held
        self._counts[held.work.channel] += 1
        delay = self._delay(held.work)
        if delay > 0:
            held.timer = asyncio.get_running_loop().call_later(delay + TIMER_STEP, self._begin, held)
        else:
            self._begin(held)

    def _begin(self, held: HeldWork) -> None:
        held.timer = None
        held.task = asyncio.create_task(self._run(held))
        # Not within the task: a task that is cancelled before it starts never runs.
        held.task.add_done_callback(lambda _: self._end(held))

    async def _run(self, held: HeldWork) -> None:
        try:
            again = await self._perform(held)
        except Exception as error:
            again = self._after_failure(held.work, error)
        if again is not None and self._held.get(held.key) is held:
            # What is written already stays so: only its time changes. Without its request the state is looked
            # up again, because the instance may have been cancelled by then.
            since = -inf if held.is_written else held.since
            self._drop(held)
            self._add(HeldWork(again, None, since, held.is_written))

    def _after_failure(self, work: Work, error: Exception) -> Work:
        if not isinstance(error, Unavailable):
            logger.error("%s of %s fails for now", work.id, work.instance.stream, exc_info=error)
        pause = Backoff(cap=LONGEST_PAUSE, failures=work.attempts).pause(error)
        return replace(work, due=self.now + timedelta(seconds=pause), attempts=work.attempts + 1)

    def _end(self, held: HeldWork) -> None:
        """Let go of work that is done, unless it was taken out before."""
        if self._held.get(held.key) is held:
            self._drop(held)
            if self._may_be_written(held):
                self._removed.add(held.key)

    def _may_be_written(self, held: HeldWork) -> bool:
        return held.is_written or self._writing.locked()

    def _drop(self, held: HeldWork) -> None:
        """Take held work out, and begin the next one of its channel."""
        if held.timer is not None:
            held.timer.cancel()
        channel = held.work.channel
        del self._held[held.key]
        self._counts[channel] -= 1
        queue = self._queues[channel]
        if queue:
            self._hold(queue.pop(next(iter(queue))))
        elif self._check_at[channel] <= time.monotonic():
            self._wake.set()

    async def _sleep(self, pause: float) -> None:
        # What woke it while it was busy has changed `_check_at`, from which the pause was made.
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def _read_due(self) -> float:
        """Read the work that is due, as far as there is room. Return the seconds until more is due."""
        if self._clocks_compared_at + LONGEST_PAUSE <= time.monotonic():
            await self._compare_clocks()
        if self._removed or self._later or any(self._queues.values()):
            await self._write()
        for channel in self._limits:
            if self._check_at[channel] <= time.monotonic() and self._has_room(channel):
                await self._read(channel)
        checks = [at for channel, at in self._check_at.items() if self._has_room(channel)]
        longest = HOLD_TIME if self._later or any(self._queues.values()) else LONGEST_PAUSE
        return max(0.0, min([longest, *(at - time.monotonic() for at in checks)]))

    async def _compare_clocks(self) -> None:
        server_time = await self._open_work.server_time()
        # The local clock is read later, so that the server's time is never overestimated.
        self._clock_lead = server_time - self._clock()
        self._clocks_compared_at = time.monotonic()

    async def _read(self, channel: str) -> None:
        room = self._limits[channel] - self._counts[channel]
        known = [held.work for held in self._held.values() if held.work.channel == channel]
        self._check_at[channel] = inf
        try:
            works = await self._open_work.earliest(channel, room, known)
        except BaseException:
            self._check_at[channel] = 0.0
            raise
        for work in works:
            if self._delay(work) > SOON:
                self._expect(work)
                return
            if not self.has(work.instance, work.id) and self._has_room(channel):
                self._hold(HeldWork(work, None, is_written=True))
        if len(works) == room:
            self._check_at[channel] = 0.0
