"""Waiting for another process that holds the counter of positions, and taking the counter over if it died."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from domain.dispatch.ports import Clock
from eventstore.mongo.driver import Collection
from eventstore.mongo.log_collections import LogCollections
from eventstore.reading.fence import close_positions

POLL_EVERY = 0.01
"""Seconds between two looks at a counter that another process holds."""


class CounterTakeover:
    """Waits until the holder releases the counter, and releases it for a holder that is silent.

    `held` is the field of that name in the counter's document. Methods raise what the driver raises.
    """

    def __init__(
        self, collections: LogCollections, clock: Clock, durable_counters: Collection, dead_after: float
    ) -> None:
        self._collections = collections
        self._clock = clock
        self._counters = durable_counters
        self._dead_after = dead_after
        self._last_beat: tuple[str, int, int] | None = None
        self._last_beat_at = 0.0

    async def wait(self, held: dict[str, Any]) -> None:
        """Wait a moment for the holder; release the counter where the holder was silent for too long."""
        beat = held["by"], held["hold"], held["beat"]
        if beat != self._last_beat:
            self._last_beat, self._last_beat_at = beat, monotonic()
        elif monotonic() - self._last_beat_at >= self._dead_after:
            await self._release(held)
            return
        await asyncio.sleep(POLL_EVERY)

    async def _release(self, held: dict[str, Any]) -> None:
        """Close the positions that the holder may have in flight, then free the counter behind them.

        A holder has at most `window` positions in flight behind the last commit that landed. If it is alive
        after all, its inserts meet tombstones, and it reserves its positions from then on.
        """
        log, window = self._collections.log, held["window"]
        same_hold = {"_id": "log", **{f"held.{name}": held[name] for name in ("by", "hold", "beat")}}
        head = await self._collections.head()
        if await self._counters.find_one(same_hold, {"_id": 1}) is None:
            # Another process has released the counter, and may use the positions behind `head`.
            return
        while True:
            closed = range(head + 1, head + window + 1)
            await close_positions(log, closed, self._clock)
            within = {"_id": {"$gt": head, "$lte": closed[-1]}, "tenant": {"$exists": True}}
            landed = await log.find_one(within, {"_id": 1}, sort=[("_id", -1)])
            if landed is None:
                break
            head = landed["_id"]
        latest = await self._collections.last_time(self._clock())
        end = {"head": closed[-1], **({"time": latest} if latest else {})}
        await self._counters.update_one(same_hold, {"$max": end, "$unset": {"held": 1}})
