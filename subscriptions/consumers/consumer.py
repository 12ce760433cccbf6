"""Durable consumers: what is handled at least once, in order, from a checkpoint that survives a crash."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import aclosing, suppress
from typing import Protocol

from domain.kernel import Commit
from domain.kernel.errors import Unavailable
from subscriptions.consumers.checkpoints import Checkpoint, Checkpoints
from subscriptions.consumers.failures import describe_failure
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.feed.backoff import Backoff
from subscriptions.feed.feed import Feed

logger = logging.getLogger(__name__)


QUIET = 0.02
"""Seconds for which a checkpoint may wait where there was nothing to do for a batch.

So many consumers of one log do not each write at every commit, in the way of the one that has work.
"""


class CommitHandler(Protocol):
    """What a consumer does with the log. All may be called again for what was done already."""

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Called before the first commits behind `checkpoint`."""

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """Do whatever these commits mean; they count as done when it returns: whether there was anything."""


class Consumer:
    """Hands the log to a handler under one lease, and moves the checkpoint after each batch.

    Without a handler it only holds the lease. It ends when it is stopped, or has lost the lease; so does
    `lead`, which runs at the same time. What the handler raises is logged, and tried again from the
    checkpoint after a growing pause. `announce` is called with each position that is done. `extended` is when
    the lease was extended last, on this process's monotonic clock.
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
    ) -> None:
        self.lease = lease
        self.extended = time.monotonic()
        self._position = position
        self._feed = feed
        self._checkpoints = checkpoints
        self._handler = handler
        self._announce = announce
        self._backoff = Backoff()
        self._busy = False
        self._leaving = False
        self._leading = asyncio.create_task(self._lead(lead)) if lead is not None else None
        self._events = 0
        self._unsaved_since: float | None = None
        self._task = asyncio.create_task(self._run())

    @property
    def ended(self) -> bool:
        """Whether it does nothing any more."""
        return all(task.done() for task in self._tasks)

    @property
    def _tasks(self) -> list[asyncio.Task[None]]:
        return [self._task] if self._leading is None else [self._task, self._leading]

    def leave(self) -> None:
        """Finish the batch in hand, and begin no other."""
        self._leaving = True
        if self._leading is not None:
            self._leading.cancel()
        if not self._busy:
            self._task.cancel()

    async def stop(self) -> None:
        """As `leave`; returns when it has ended."""
        self.leave()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _lead(self, lead: Callable[[PartitionLease], Awaitable[None]]) -> None:
        backoff = Backoff()
        while True:
            try:
                return await lead(self.lease)
            except Exception:
                pause = backoff.pause()
                logger.exception("%s is not led; again in %.1f s", self.lease.consumer, pause)
                await asyncio.sleep(pause)

    async def _run(self) -> None:
        if self._handler is None:
            await asyncio.Event().wait()
            return
        while not self._leaving:
            try:
                await self._consume(self._handler)
            except Exception as error:
                pause, failure = self._backoff.pause(error), describe_failure(error)
                # What is out of reach says it in its text, and will be so for many tries.
                trace = None if isinstance(error, Unavailable) else error
                logger.error(
                    "%s failed, try %d, again in %.1f s: %s, %s",
                    self.lease.consumer, self._backoff.failures, pause, *failure,
                    exc_info=trace,
                )  # fmt: skip
                with suppress(Unavailable):
                    await self._checkpoints.failed(self.lease, failure)
                await asyncio.sleep(pause)

    async def _consume(self, handler: CommitHandler) -> None:
        """Handle batches until told to leave."""
        generation, partition = self.lease.generation, self.lease.partition
        await handler.begin(Checkpoint(generation, self._position, partition))
        self._events, self._unsaved_since = 0, None
        async with aclosing(self._feed.follow(self._position, tick=self._due_in)) as batches:
            async for batch in batches:
                self._busy = True
                try:
                    await self._take(handler, batch.items, batch.position)
                finally:
                    self._busy = False
                if self._leaving:
                    return

    async def _take(self, handler: CommitHandler, commits: Sequence[Commit], position: int) -> None:
        worked = False
        if commits:
            worked = await handler.handle(commits)
            self._events += sum(len(commit.events) for commit in commits)
            if self._unsaved_since is None:
                self._unsaved_since = time.monotonic()
        due_in = self._due_in()
        if due_in is not None and (due_in <= 0 or worked):
            await self._save(position)

    def _due_in(self) -> float | None:
        """Seconds until the checkpoint is to be saved at the latest; None where it is."""
        if self._unsaved_since is None:
            return None
        return max(0.0, self._unsaved_since + QUIET - time.monotonic())

    async def _save(self, position: int) -> None:
        if not await self._checkpoints.save(self.lease, position, self._events):
            # Somebody else has taken the partition, or its generation is over.
            self.leave()
            return
        self._events, self._unsaved_since = 0, None
        self._position, self.extended = position, time.monotonic()
        self._backoff.reset()
        self._announce(self.lease.consumer, position)
