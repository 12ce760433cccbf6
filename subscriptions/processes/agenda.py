"""The agenda of a partition: what is being done now, what is to be done later, and what MongoDB has of it.

Most work is done within milliseconds and is never written: the checkpoint waits for it. What takes longer, is
due later, or finds no room is written to `OpenWork`, and read from there when it is due and there is room.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta
from math import inf

from domain.dispatch.ports import Clock
from domain.kernel.errors import Unavailable
from subscriptions.feed.background import BackgroundLoop, Backoff
from subscriptions.processes.held_work import EffectRequest, HeldWork, Perform, WorkKey
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import OpenWork, Work
from subscriptions.processes.server_clock import ServerClock
from subscriptions.processes.work_memory import WorkMemory

logger = logging.getLogger(__name__)

HOLD_TIME = 1.0
"""Most seconds for which the checkpoint waits for work, before the work is written to MongoDB."""

HOLD_SHARE = 0.1
"""The part of the lease time for which the checkpoint waits at most: it has to move within each lease."""

SOON = 2.0
"""Seconds before work is due at which it is read from MongoDB; more than `HOLD_TIME`."""

MAX_UNWRITTEN = 1_000
"""Pieces of work that wait in memory; more are written at once."""

TIMER_STEP = 0.001
"""Seconds by which a timer of the event loop may be early, because it counts whole milliseconds."""

LONGEST_PAUSE = 60.0
"""Most seconds until work is looked for again, and between two attempts."""


def hold_time(lease_time: float) -> float:
    """Return the seconds for which the checkpoint waits for work under leases of this time."""
    return min(HOLD_TIME, HOLD_SHARE * lease_time)


class Agenda:
    """Does the work of a partition, at most so many pieces at a time as `limits` has for each channel.

    `perform` may raise: the work is done again after a growing pause. `hold` is the time in seconds for which
    the checkpoint waits for work.
    """

    def __init__(
        self,
        open_work: OpenWork,
        limits: Mapping[str, int],
        perform: Perform,
        clock: Clock,
        hold: float = HOLD_TIME,
    ) -> None:
        self._open_work = open_work
        self._perform = perform
        self._clock = ServerClock(open_work.server_time, clock)
        self._hold_time = hold
        self._memory = WorkMemory(limits)
        self._removed: set[WorkKey] = set()
        self.reached = 0
        """The position up to which the process has reacted to the log."""
        # When to read a channel again, on the monotonic clock.
        self._check_at = dict.fromkeys(limits, 0.0)
        self._wake = asyncio.Event()
        self._writing = asyncio.Lock()
        symptom = "open work of processes is not done"
        self._loop = BackgroundLoop(self._read_due, symptom, logger, sleep=self._sleep)

    @property
    def size(self) -> int:
        """The number of pieces of work in memory."""
        return len(self._memory)

    @property
    def now(self) -> datetime:
        """The time by the server's clock."""
        return self._clock.now

    async def start(self) -> None:
        """Begin to do what is written in MongoDB. Raises Unavailable."""
        await self._clock.compare()
        self._loop.start()

    async def stop(self) -> None:
        """Stop all work, and forget it. All of it is cancelled at once, even if this call is cancelled."""
        self._loop.cancel()
        held_work = self._memory.clear()
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
        return (instance, id) in self._memory

    def add(self, work: Work, request: EffectRequest | None = None, *, was_left: bool = False) -> None:
        """Do the work, at once if there is room and it is due; nothing if it is in memory already.

        Work that `was_left` by an earlier session is written at the next occasion: the checkpoint has waited
        for it before.
        """
        if not self.has(work.instance, work.id):
            now = time.monotonic()
            self._add(HeldWork(work, request, now, -inf if was_left else now + self._hold_time))

    def remove(self, instance: InstanceKey, id: str) -> None:
        """Forget the work: it is done, or does not have to be done any more."""
        key = (instance, id)
        held = self._memory.under_way.get(key)
        if held is None:
            waiting = self._memory.take_waiting(key)
            if waiting is None or self._may_be_written(waiting):
                self._removed.add(key)
        elif held.task is None:
            self._end(held)
        elif held.task is not asyncio.current_task():
            held.task.cancel()

    def reach(self, position: int) -> None:
        """Go on with the work that waits until the process has reacted to the log up to `position`."""
        self.reached = position
        for held in self._memory.take_awaiting(position):
            self._begin(held)

    async def settle(self, position: int, *, is_last: bool = False) -> int:
        """Write what has waited for long, and return the position before the first work that is not written.

        With `is_last` everything is written. Raises Unavailable.
        """
        await self._write(until=inf if is_last else time.monotonic())
        unwritten = [
            held.work.position
            for held in self._memory
            if not held.is_written and held.work.position <= position
        ]
        return min(unwritten) - 1 if unwritten else position

    async def _write(self, until: float) -> None:
        """Write the work for which the checkpoint waits until this time at most, and what is done."""
        async with self._writing:
            added = self._unwritten(until)
            removed, self._removed = self._removed, set()
            try:
                await self._open_work.save([held.work for held in added], removed)
            except BaseException:
                self._removed |= removed
                raise
            for held in added:
                held.is_written = True
                if self._memory.is_waiting(held):
                    self._memory.take_waiting(held.key)
                    self._expect(held.work)
        if added:
            self._wake.set()

    def _unwritten(self, until: float) -> list[HeldWork]:
        """Return the work to write. What waits in memory is written again, because its time has changed."""
        under_way = self._memory.under_way.values()
        unwritten = [held for held in under_way if not held.is_written and held.held_until <= until]
        for works in self._memory.waiting():
            is_long = len(works) > MAX_UNWRITTEN
            unwritten += [held for held in works.values() if is_long or held.held_until <= until]
        return unwritten

    def _expect(self, work: Work) -> None:
        """Read a channel when this work, which MongoDB has, is due."""
        due = time.monotonic() + self._delay(work) - SOON
        self._check_at[work.channel] = min(self._check_at[work.channel], due)

    def _delay(self, work: Work) -> float:
        """Return the seconds until work is due by the server's clock."""
        return 0.0 if work.due is None else (work.due - self.now).total_seconds()

    def _add(self, held: HeldWork) -> None:
        self._removed.discard(held.key)
        if self._delay(held.work) > SOON:
            self._memory.later[held.key] = held
            if held.is_written:
                self._wake.set()
        elif self._memory.room(held.work.channel) > 0:
            self._start(held)
        else:
            self._memory.enqueue(held)

    def _start(self, held: HeldWork) -> None:
        """Do work now, or after the moment until it is due."""
        self._memory.enter(held)
        delay = self._delay(held.work)
        if delay > 0:
            held.timer = asyncio.get_running_loop().call_later(delay + TIMER_STEP, self._begin, held)
        else:
            self._begin(held)

    def _begin(self, held: HeldWork) -> None:
        held.timer = None
        held.task = asyncio.create_task(self._run(held))
        # Not within the task: a task that is cancelled before it starts never runs.
        held.task.add_done_callback(lambda task: self._end(held) if held.task is task else None)

    async def _run(self, held: HeldWork) -> None:
        try:
            again = await self._perform(held)
        except Exception as error:
            again = self._after_failure(held.work, error)
        if held.awaited is not None:
            held.task = None
            self._memory.set_awaiting(held, held.awaited)
        elif again is not None and self._memory.is_under_way(held):
            # What is written already stays so: only its time changes. Without its request the state is looked
            # up again, because the instance may have been cancelled by then.
            held_until = -inf if held.is_written else held.held_until
            self._drop(held)
            self._add(HeldWork(again, None, held.since, held_until, held.is_written))

    def _after_failure(self, work: Work, error: Exception) -> Work:
        if not isinstance(error, Unavailable):
            logger.error("%s of %s fails for now", work.id, work.instance.stream, exc_info=error)
        pause = Backoff(cap=LONGEST_PAUSE, failures=work.attempts).pause(error)
        return work._replace(due=self.now + timedelta(seconds=pause), attempts=work.attempts + 1)

    def _end(self, held: HeldWork) -> None:
        """Let go of work that is done, unless it was taken out before."""
        if self._memory.is_under_way(held):
            self._drop(held)
            if self._may_be_written(held):
                self._removed.add(held.key)

    def _may_be_written(self, held: HeldWork) -> bool:
        return held.is_written or self._writing.locked()

    def _drop(self, held: HeldWork) -> None:
        """Take out work that was under way, and begin the next one of its channel."""
        if held.timer is not None:
            held.timer.cancel()
        following = self._memory.leave(held)
        if following is not None:
            self._start(following)
        elif self._check_at[held.work.channel] <= time.monotonic():
            self._wake.set()

    async def _sleep(self, pause: float) -> None:
        # What woke it while it was busy has changed `_check_at`, from which the pause was made.
        self._wake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(pause):
                await self._wake.wait()

    async def _read_due(self) -> float:
        """Read the work that is due, as far as there is room. Return the seconds until more is due."""
        await self._clock.compare()
        if self._removed or self._memory.has_waiting:
            await self._write(until=time.monotonic())
        for channel, check_at in self._check_at.items():
            if check_at <= time.monotonic() and self._memory.room(channel) > 0:
                await self._read(channel)
        checks = [at for channel, at in self._check_at.items() if self._memory.room(channel) > 0]
        longest = self._hold_time if self._memory.has_waiting else LONGEST_PAUSE
        return max(0.0, min([longest, *(at - time.monotonic() for at in checks)]))

    async def _read(self, channel: str) -> None:
        room = self._memory.room(channel)
        known = [held.work for held in self._memory.under_way.values() if held.work.channel == channel]
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
            if not self.has(work.instance, work.id) and self._memory.room(channel) > 0:
                self._start(HeldWork(work, None, is_written=True))
        if len(works) == room:
            self._check_at[channel] = 0.0
