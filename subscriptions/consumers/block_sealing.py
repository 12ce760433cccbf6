"""Sealing of the log by a worker, without slowing its consumers down."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import perf_counter

from domain.kernel.errors import NerveError
from eventstore.integrity.block_sealer import BlockSealer
from subscriptions.feed.background import BackgroundLoop

logger = logging.getLogger(__name__)

SHARE = 0.1
"""The part of the time that sealing may take while many blocks are full."""


class BlockSealing:
    """Seals full blocks in the background, and has the record times of each one measured.

    `poll_interval`: seconds between two looks for a full block. `measure` compares the record times, so that
    no query by time has to.
    """

    def __init__(
        self, sealer: BlockSealer, poll_interval: float, measure: Callable[[], Awaitable[object]]
    ) -> None:
        self._sealer = sealer
        self._measure = measure
        self._poll_interval = poll_interval
        symptom = "blocks of the log are not sealed"
        self._loop = BackgroundLoop(self._seal, symptom, logger, expected=(NerveError,))

    async def start(self) -> None:
        """Begin to seal."""
        self._loop.start()

    async def stop(self) -> None:
        """Stop, and leave the block in hand to the next process that seals."""
        await self._loop.stop()

    async def _seal(self) -> float:
        """Seal a block, if one is full. Return the seconds to wait after that."""
        started = perf_counter()
        if await self._sealer.seal_next() is None:
            return self._poll_interval
        await self._measure()
        return (perf_counter() - started) * (1 / SHARE - 1)
