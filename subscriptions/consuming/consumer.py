"""Durable consumers: what is handled at least once, in order, from a checkpoint that survives a crash."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import aclosing
from typing import Protocol

from domain.kernel import Commit
from subscriptions.backoff import Backoff
from subscriptions.consuming.checkpoints import Checkpoint, Checkpoints
from subscriptions.feed import Feed

logger = logging.getLogger(__name__)


class Handler(Protocol):
    """What a consumer does with the log. Both may be called again for what was done already."""

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Called before the first commits behind `checkpoint`."""

    async def handle(self, commits: Sequence[Commit]) -> None:
        """Do whatever these commits mean; they count as done when it returns."""


class Consumer:
    """Hands the log to a handler, and moves the checkpoint after each batch.

    What the handler raises is logged, and tried again from the checkpoint after a growing pause. `announce`
    is told each position that is done. `tick`, in seconds, is how late a removed checkpoint is noticed.
    """

    def __init__(
        self,
        name: str,
        feed: Feed,
        checkpoints: Checkpoints,
        handler: Handler,
        *,
        announce: Callable[[str, int], None],
        tick: float,
    ) -> None:
        self.name = name
        self._feed = feed
        self._checkpoints = checkpoints
        self._handler = handler
        self._announce = announce
        self._tick = tick
        self._backoff = Backoff()
        self._busy = False
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to consume in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the batch in hand, and stop."""
        self._stopping = True
        if self._task is not None:
            if not self._busy:
                self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while not self._stopping:
            try:
                await self._consume(await self._checkpoints.open(self.name))
            except Exception:
                pause = self._backoff.pause()
                logger.exception(
                    "%s failed, try %d; again in %.1f s", self.name, self._backoff.failures, pause
                )
                await asyncio.sleep(pause)

    async def _consume(self, checkpoint: Checkpoint) -> None:
        """Handle batches until told to stop, or until the checkpoint was removed meanwhile."""
        await self._handler.begin(checkpoint)
        async with aclosing(self._feed.follow(checkpoint.position, tick=self._tick)) as batches:
            async for batch in batches:
                self._busy = True
                try:
                    going_on = await self._take(
                        batch.items, Checkpoint(checkpoint.generation, batch.position)
                    )
                finally:
                    self._busy = False
                if self._stopping or not going_on:
                    return

    async def _take(self, commits: Sequence[Commit], done: Checkpoint) -> bool:
        if not commits:
            return await self._checkpoints.holds(self.name, done.generation)
        await self._handler.handle(commits)
        if not await self._checkpoints.save(self.name, done):
            return False
        self._backoff.reset()
        self._announce(self.name, done.position)
        return True
