"""A durable consumer: it handles the log at least once, in order, from a checkpoint that survives a crash."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from math import inf
from typing import Protocol, runtime_checkable

from domain.kernel import Commit
from domain.kernel.errors import Unavailable
from subscriptions.consumers.checkpoints import Checkpoint, Checkpoints
from subscriptions.consumers.failures import describe_failure
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.feed.background import BackgroundLoop, Backoff
from subscriptions.feed.feed import Feed

logger = logging.getLogger(__name__)


SAVE_DELAY = 0.02
"""Seconds that a checkpoint may wait after a batch in which the handler had nothing to do.

So many consumers of one log do not all write at every commit, and do not slow down the one that has work.
"""


DEFER_DELAY = 0.1
"""Seconds after which a handler that was not done with everything is asked again."""


FIRST_PART = 50
"""Commits that a handler gets at first, of a longer batch; then twice as many each time, up to whole batches.

So the checkpoint moves soon after a partition was taken, although the process may lose it again at once.
"""


LEAVE_TIMEOUT = 3.0
"""Seconds that saving the checkpoint may take when a process stops; MongoDB may well be down."""


HAND_OVER_TIMEOUT = 20.0
"""Seconds that it may take when another process has asked for the partition, which it need not get soon."""


class CommitHandler(Protocol):
    """What a consumer does with the log. Each method may be called again for what was done already."""

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Prepare for the commits after `checkpoint`; called before the first of them."""

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """Process these commits; they are done when it returns. Return whether any concerned the handler."""


@runtime_checkable
class DeferringHandler(CommitHandler, Protocol):
    """A handler that goes on working on commits after `handle` has returned."""

    async def settle(self, position: int, *, is_last: bool = False) -> int:
        """Return the position up to which all is done or recorded elsewhere, at most `position`.

        It is saved as the checkpoint: later commits are handled again after a crash. With `is_last` the
        handler is about to end, so what is not done yet is recorded at once.
        """

    async def end(self) -> None:
        """Stop all work; called after the last batch. `begin` may follow."""


@runtime_checkable
class InterruptibleHandler(DeferringHandler, Protocol):
    """A handler whose `handle` may wait for long, such as for an outside service."""

    def interrupt(self) -> None:
        """Make `handle` return at once, though it has not taken all commits; `settle` knows which."""

    async def drain(self) -> None:
        """Begin no other work, not after another `begin` either, and wait for the work under way.

        Return when its outcome is known, or after a limit of the handler.
        """


class Consumer:
    """Passes the log to a handler under one lease, and saves the checkpoint after each batch.

    Without a handler it only keeps the lease. It ends when it is stopped or has lost the lease, and so does
    `lead`, which runs at the same time as the handler. An exception of the handler is recorded with the
    checkpoint, and the batch is tried again from there after a growing pause. `announce` is called with each
    saved position.
    `concerns` returns whether a commit concerns the handler; if it does not, the handler may get the commit a
    moment later, so that those that have work come first.
    `extended` is the time of the last extension of the lease, on this process's monotonic clock.

    A deferring handler may have done more than the checkpoint says. That is saved before the partition is
    left: it is not done again, and partitions that change hands all the time still make progress.
    """

    def __init__(
        self,
        lease: PartitionLease,
        position: int,
        feed: Feed,
        checkpoints: Checkpoints,
        handler: CommitHandler | None,
        announce: Callable[[str, int], None],
        lead: Callable[[PartitionLease], Awaitable[None]] | None = None,
        concerns: Callable[[Commit], bool] | None = None,
    ) -> None:
        self.lease = lease
        self.extended = time.monotonic()
        self._position = position
        self._feed = feed
        self._checkpoints = checkpoints
        self._handler = handler
        # Checked once: a check against a protocol looks at all of its members.
        self._deferring = handler if isinstance(handler, DeferringHandler) else None
        self._interruptible = handler if isinstance(handler, InterruptibleHandler) else None
        self._announce = announce
        self._concerns = concerns
        self._backoff = Backoff()
        self._handled = position
        self._part = FIRST_PART
        self._is_busy = False
        self._is_leaving = False
        self._is_lost = False
        self._last_save_within: float | None = None
        self._events = 0
        self._unsaved_since: float | None = None
        self._consuming = BackgroundLoop(
            self._run,
            f"{lease.consumer} makes no progress",
            logger,
            backoff=self._backoff,
            on_failure=self._record_failure,
        )
        self._loops = [self._consuming]
        if lead is not None:
            self._loops.append(BackgroundLoop(partial(lead, lease), f"{lease.consumer} is not led", logger))
        for loop in self._loops:
            loop.start()

    @property
    def has_ended(self) -> bool:
        """Whether neither the handler nor `lead` runs any more."""
        return not any(loop.is_running for loop in self._loops)

    async def drain(self) -> None:
        """Let the handler end the work that another process would repeat, as long as it allows that."""
        if self._interruptible is not None:
            await self._interruptible.drain()

    def leave(self) -> None:
        """Finish the batch in hand, and begin no other."""
        if self._is_leaving:
            # Another cancellation would interrupt the last save.
            return
        self._is_leaving = True
        if self._is_busy and self._interruptible is not None:
            self._interruptible.interrupt()
        for loop in self._loops:
            if loop is not self._consuming or not self._is_busy:
                loop.cancel()

    def lose(self) -> None:
        """Leave without saving anything, because another process has the lease."""
        self._is_lost = True
        self.leave()

    async def stop(self, within: float | None = None) -> None:
        """Leave, and return when the consumer has ended.

        The last save may take `within` seconds, by default `LEAVE_TIMEOUT`.
        """
        self._last_save_within = within
        self.leave()
        for loop in self._loops:
            await loop.join()

    async def _run(self) -> None:
        """Handle batches until the consumer leaves."""
        if self._handler is None:
            await asyncio.Event().wait()
        elif not self._is_leaving:
            await self._consume(self._handler)

    async def _record_failure(self, error: Exception) -> None:
        with suppress(Unavailable):
            await self._checkpoints.failed(self.lease, describe_failure(error))

    async def _consume(self, handler: CommitHandler) -> None:
        generation, partition = self.lease.generation, self.lease.partition
        try:
            self._events, self._unsaved_since, self._handled = 0, None, self._position
            self._part = FIRST_PART
            await handler.begin(Checkpoint(generation, self._position, partition))
            following = self._feed.follow(self._position, tick=self._due_in, concerns=self._concerns)
            async with aclosing(following) as batches:
                async for batch in batches:
                    self._is_busy = True
                    try:
                        if batch.held_back and self._unsaved_since is None:
                            # The checkpoint has waited long enough while the batch was held back.
                            self._unsaved_since = -inf
                        await self._take(handler, batch.items, batch.position)
                    finally:
                        self._is_busy = False
                    if self._is_leaving:
                        return
        finally:
            if self._deferring is not None:
                # A consumer that leaves now, after a failure, does not interrupt the last save.
                self._is_busy = True
                try:
                    await self._end(self._deferring)
                finally:
                    self._is_busy = False

    async def _end(self, handler: DeferringHandler) -> None:
        """Save what the handler has done since the checkpoint, and end it."""
        within = LEAVE_TIMEOUT if self._last_save_within is None else self._last_save_within
        try:
            if not self._is_lost:
                with suppress(Unavailable, TimeoutError):
                    async with asyncio.timeout(within):
                        await self._save_last(handler)
        finally:
            await handler.end()

    async def _save_last(self, handler: DeferringHandler) -> None:
        """Save what is done; for a partition that is handed over, until MongoDB answers."""
        backoff = Backoff()
        while True:
            try:
                done = await handler.settle(self._handled, is_last=True)
                if done > self._position:
                    await self._save(done)
            except Unavailable as error:
                if self._last_save_within is None:
                    raise
                await asyncio.sleep(backoff.pause(error))
            else:
                return

    async def _take(self, handler: CommitHandler, commits: Sequence[Commit], position: int) -> None:
        while len(commits) > self._part and not self._is_leaving:
            part, commits = commits[: self._part], commits[self._part :]
            self._part *= 2
            await self._take_part(handler, part, part[-1].position)
        if not self._is_leaving:
            await self._take_part(handler, commits, position)

    async def _take_part(self, handler: CommitHandler, commits: Sequence[Commit], position: int) -> None:
        has_worked = False
        if commits:
            has_worked = await handler.handle(commits)
            self._handled = position
            self._events += sum(len(commit.events) for commit in commits)
            if self._unsaved_since is None:
                self._unsaved_since = time.monotonic()
        due_in = self._due_in()
        if due_in is not None and (due_in <= 0 or has_worked):
            await self._save_done(position)

    async def _save_done(self, position: int) -> None:
        """Save the position that is done, and come back for the rest after a moment."""
        done = position if self._deferring is None else await self._deferring.settle(position)
        if done > self._position:
            await self._save(done)
        if done < position:
            self._unsaved_since = time.monotonic() + DEFER_DELAY - SAVE_DELAY

    def _due_in(self) -> float | None:
        """Return the seconds until the checkpoint must be saved; None if it is saved."""
        if self._unsaved_since is None:
            return None
        return max(0.0, self._unsaved_since + SAVE_DELAY - time.monotonic())

    async def _save(self, position: int) -> None:
        if not await self._checkpoints.save(self.lease, position, self._events):
            # Another process has taken the partition, or its generation was cancelled.
            self.lose()
            return
        self._events, self._unsaved_since = 0, None
        self._position, self.extended = position, time.monotonic()
        self._backoff.reset()
        self._announce(self.lease.consumer, position)
