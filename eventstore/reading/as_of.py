"""Points in the past, and the positions of the log that they stand for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from domain.dispatch.ports import Clock
from domain.kernel.errors import OutsideLog, Unavailable, ValidationFailed
from eventstore.mongo.driver import unavailable_if_down
from eventstore.mongo.log_collections import LogCollections
from eventstore.reading.high_water_mark import HighWaterMark
from eventstore.reading.record_times import RecordTimes

PATIENCE = 5.0
"""Seconds to wait for open positions before the point asked for."""

PAUSE = 0.02
"""Seconds between two looks at positions that are open."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """A point in the past: after the commit at a position, or at a moment of the time of record.

    Exactly one is given, the moment with its time zone; else ValidationFailed.

    As of position p, all commits at positions up to p have happened and none behind it. As of a moment t
    means as of the tenant's last commit before its first one that was recorded after t. So it is always a
    beginning of the log: never a later commit without an earlier one, of the same stream or of another.
    Where a part of the log is not in the order of its times, some of what was recorded at t or before lies
    behind that position, and does not show until the moment of all before it.
    Once a later commit of the tenant is settled the answer never changes; until then it grows with those of
    the tenant. Commits of other tenants do not change it, so that a client learns nothing of them.
    """

    position: int | None = None
    time: datetime | None = None

    def __post_init__(self) -> None:
        if (self.position is None) == (self.time is None):
            raise ValidationFailed("give either a position or a moment")
        if self.time is not None and self.time.tzinfo is None:
            raise ValidationFailed(f"{self.time} has no time zone; write it as 2026-01-31T12:00:00Z")


class PointResolver:
    """Finds the position that a point in the past stands for, all positions up to it settled."""

    def __init__(
        self, collections: LogCollections, times: RecordTimes, watermark: HighWaterMark, clock: Clock
    ) -> None:
        self._collections = collections
        self._times = times
        self._watermark = watermark
        self._clock = clock

    async def position(self, tenant: str, as_of: AsOf) -> int:
        """The position itself, or the tenant's last one that had been recorded at a moment.

        Raises OutsideLog before the tenant's first commit, for a position that the log does not have yet and
        for a moment to come. Raises Unavailable where a position before it stays open.
        """
        if as_of.position is not None:
            return await self._at(as_of.position)
        assert as_of.time is not None
        if as_of.time > self._clock():
            await self._require_later(as_of.time)
        upto = await self._before(tenant, as_of.time, inclusive=False)
        position = await self._times.last_upto(tenant, as_of.time, upto)
        if position is None:
            raise OutsideLog(f"{as_of.time.isoformat()} is before the log begins; ask for a later moment")
        return position

    async def high_water_mark(self) -> int:
        """The highest position up to which all are settled, now."""
        return await self._watermark.advance()

    async def before(self, tenant: str, time: datetime) -> int:
        """The position before the tenant's first commit recorded at `time` or later, or the head."""
        return await self._before(tenant, time, inclusive=True)

    async def _require_later(self, time: datetime) -> None:
        """Raises OutsideLog where neither this process's clock nor the log has come to a moment."""
        await self._times.measure(await self._watermark.advance())
        if time >= self._times.latest:
            raise OutsideLog(f"{time.isoformat()} is still to come; ask for a moment of the past")

    async def _at(self, position: int) -> int:
        if position < 1:
            raise OutsideLog(f"position {position} is before the log begins; its first is 1")
        return await self._settled(partial(self._reached, position))

    async def _before(self, tenant: str, time: datetime, *, inclusive: bool) -> int:
        with unavailable_if_down():
            head = await self._collections.head()
        return await self._settled(partial(self._found, tenant, time, head, inclusive=inclusive))

    async def _settled(self, find: Callable[[int], Awaitable[int]]) -> int:
        """The position that `find` gives, once all positions up to it are settled."""
        try:
            async with asyncio.timeout(PATIENCE):
                while True:
                    settled = await self._watermark.advance()
                    position = await find(settled)
                    if position <= settled:
                        return position
                    await asyncio.sleep(PAUSE)
        except TimeoutError:
            raise Unavailable(
                "a position before the point asked for is still being written; try again"
            ) from None

    async def _reached(self, position: int, _settled: int) -> int:
        with unavailable_if_down():
            head = await self._collections.head()
        if head < position:
            raise OutsideLog("the log has not come to the position asked for; ask for an earlier one")
        return position

    async def _found(self, tenant: str, time: datetime, head: int, settled: int, *, inclusive: bool) -> int:
        """The position before the first commit that is later, of those that are settled; else the head."""
        await self._times.measure(settled)
        first = await self._times.first(tenant, time, inclusive=inclusive)
        return head if first is None else first - 1
