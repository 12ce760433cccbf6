"""A worker's share in sealing the log: beside its consumers, and never in their way."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

from domain.kernel.errors import NerveError
from eventstore.integrity.block_sealer import BlockSealer
from subscriptions.feed.backoff import Backoff

logger = logging.getLogger(__name__)

SHARE = 0.1
"""The part of the time that may go into sealing while there is much to seal."""


class BlockSealing:
    """Seals in the background, and has the record times of each block that is full compared.

    `poll_interval`: seconds between two looks for a block that is full. `measure` compares the times, so that
    no reader of a moment has to.
    """

    def __init__(
        self, sealer: BlockSealer, poll_interval: float, measure: Callable[[], Awaitable[object]]
    ) -> None:
        self._sealer = sealer
        self._measure = measure
        self._poll_interval = poll_interval
        self._backoff = Backoff()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to seal."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Leave the block in hand to the next one who seals, and stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            pause = await self._seal()
            await asyncio.sleep(pause)

    async def _seal(self) -> float:
        """Seal a block, if one is full; the seconds to wait after that."""
        started = perf_counter()
        try:
            block = await self._sealer.seal_next()
            if block is not None:
                await self._measure()
        except NerveError as error:
            if not self._backoff.failures:
                logger.warning("blocks of the log are not sealed for now: %s", error)
            return self._backoff.pause()
        except Exception:
            logger.exception("blocks of the log are not sealed for now")
            return self._backoff.pause()
        self._backoff.reset()
        if block is None:
            return self._poll_interval
        return (perf_counter() - started) * (1 / SHARE - 1)
