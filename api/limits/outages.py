"""Whether limits are shared by all processes, or kept in memory because Redis is away."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import TypeVar

from domain.kernel.errors import Unavailable

logger = logging.getLogger(__name__)

RETRY_AFTER = 1.0
"""Seconds without a call of a Redis that did not answer."""

T = TypeVar("T")


class Outages:
    """Calls Redis unless it was away a moment ago; logs when an outage begins and ends."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._away_until: float | None = None

    @property
    def is_away(self) -> bool:
        """Whether Redis did not answer the last call."""
        return self._away_until is not None

    async def call(self, function: Callable[[], Awaitable[T]]) -> T | None:
        """Return what the function returns; None where Redis is away."""
        if self._away_until is not None and self._clock() < self._away_until:
            return None
        try:
            result = await function()
        except Unavailable as error:
            if self._away_until is None:
                logger.warning("limits are kept by each process alone for now: %s", error)
            self._away_until = self._clock() + RETRY_AFTER
            return None
        if self._away_until is not None:
            self._away_until = None
            logger.info("limits are shared by all processes again")
        return result
