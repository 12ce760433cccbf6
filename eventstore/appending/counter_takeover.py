"""The hold of one process on the counter of positions, as others see it: they wait for its end, or end it."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Any

from domain.dispatch.ports import Clock
from eventstore.mongo.driver import Collection
from eventstore.mongo.log_collections import LogCollections
from eventstore.reading.fence import close_positions

LEASE = 1.0
"""Seconds without a sign of life after which a holder is taken for dead, by the waiting process's clock."""

PAUSE = 0.01
"""Seconds between two looks at a counter that is held."""


class Hold:
    """Ends the hold of a process that gives no sign of life."""

    def __init__(self, collections: LogCollections, clock: Clock, durable: Collection) -> None:
        self._collections = collections
        self._clock = clock
        self._durable = durable

    async def end(self, held: dict[str, Any]) -> None:
        """Close what the holder may have under way, then free the counter behind that.

        A holder has at most `window` positions under way behind the last one that landed. If it is alive
        after all, it meets tombstones, and reserves its positions from then on.
        Raises what the driver raises.
        """
        log, window = self._collections.log, held["window"]
        same = {"_id": "log", **{f"held.{name}": held[name] for name in ("by", "hold", "beat")}}
        head = await self._collections.head()
        if await self._durable.find_one(same, {"_id": 1}) is None:
            # Another one has ended it, and what follows is free to be handed out.
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
        await self._durable.update_one(same, {"$max": end, "$unset": {"held": 1}})


class Patience:
    """Waits for the end of a hold, and brings it about where the holder is silent."""

    def __init__(self, hold: Hold) -> None:
        self._hold = hold
        self._seen: tuple[str, int, int] | None = None
        self._seen_at = 0.0

    async def wait(self, held: dict[str, Any]) -> None:
        """Wait a moment for the holder that is asked to let go. Raises what the driver raises."""
        sign = held["by"], held["hold"], held["beat"]
        if sign != self._seen:
            self._seen, self._seen_at = sign, monotonic()
        elif monotonic() - self._seen_at >= LEASE:
            await self._hold.end(held)
            return
        await asyncio.sleep(PAUSE)
