"""Points in the past, and their positions in the log."""

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
from eventstore.options import LogOptions
from eventstore.reading.high_water_mark import HighWaterMark
from eventstore.reading.record_times import RecordTimes

POLL_EVERY = 0.02
"""Seconds between two looks at open positions."""


@dataclass(frozen=True, slots=True)
class AsOf:
    """A point in the past: after the commit at a position, or at a moment of record time.

    Give exactly one of them, the moment with its time zone; anything else raises ValidationFailed.

    As of position p, all commits up to p have happened and none after it. As of a moment t means as of the
    tenant's last commit before its first one that was recorded after t. So the point always includes a first
    part of the log: never a later commit without an earlier one. Where a part of the log is not in the order
    of record times, some commits recorded at t or before lie after that position, and are not included.

    The position of a moment is final once a later commit of the tenant is settled; until then it grows with
    the tenant's commits. Commits of other tenants do not change it, so a client learns nothing about them.
    """

    position: int | None = None
    time: datetime | None = None

    def __post_init__(self) -> None:
        if (self.position is None) == (self.time is None):
            raise ValidationFailed("give either a position or a moment")
        if self.time is not None and self.time.tzinfo is None:
            raise ValidationFailed(f"{self.time} has no time zone; write it as 2026-01-31T12:00:00Z")


class PointResolver:
    """Finds the positions of points in the past, and waits until all positions up to them are settled."""

    def __init__(
        self,
        collections: LogCollections,
        times: RecordTimes,
        high_water_mark: HighWaterMark,
        clock: Clock,
        options: LogOptions,
    ) -> None:
        self._collections = collections
        self._times = times
        self._high_water_mark = high_water_mark
        self._clock = clock
        self._settle_within = options.settle_within

    async def position(self, tenant: str, as_of: AsOf) -> int:
        """Return the position of the point, or the tenant's last position recorded at its moment.

        Raises OutsideLog before the tenant's first commit, for a position that the log does not have yet, and
        for a moment in the future. Raises Unavailable where a position before it stays open.
        """
        if as_of.position is not None:
            return await self._at_position(as_of.position)
        assert as_of.time is not None
        if as_of.time > self._clock():
            await self._require_past(as_of.time)
        upto = await self._before_moment(tenant, as_of.time, inclusive=False)
        position = await self._times.last_upto(tenant, as_of.time, upto)
        if position is None:
            raise OutsideLog(f"{as_of.time.isoformat()} is before the log begins; ask for a later moment")
        return position

    async def high_water_mark(self) -> int:
        """Return the last position below which the log has no hole, as of now."""
        return await self._high_water_mark.advance()

    async def before(self, tenant: str, time: datetime) -> int:
        """Return the position before the tenant's first commit recorded at `time` or later, or the head."""
        return await self._before_moment(tenant, time, inclusive=True)

    async def _require_past(self, time: datetime) -> None:
        """Raise OutsideLog where neither this process's clock nor the log has come to the moment."""
        await self._times.measure(await self._high_water_mark.advance())
        if time >= self._times.latest:
            raise OutsideLog(f"{time.isoformat()} is still to come; ask for a moment of the past")

    async def _at_position(self, position: int) -> int:
        if position < 1:
            raise OutsideLog(f"position {position} is before the log begins; its first is 1")
        return await self._wait_until_settled(partial(self._require_in_log, position))

    async def _before_moment(self, tenant: str, time: datetime, *, inclusive: bool) -> int:
        with unavailable_if_down():
            head = await self._collections.head()
        return await self._wait_until_settled(
            partial(self._find_before, tenant, time, head, inclusive=inclusive)
        )

    async def _wait_until_settled(self, find: Callable[[int], Awaitable[int]]) -> int:
        """Return the position that `find` gives for the high-water mark, once the mark has come to it."""
        try:
            async with asyncio.timeout(self._settle_within):
                while True:
                    high_water_mark = await self._high_water_mark.advance()
                    position = await find(high_water_mark)
                    if position <= high_water_mark:
                        return position
                    await asyncio.sleep(POLL_EVERY)
        except TimeoutError:
            raise Unavailable(
                "a position before the point asked for is still being written; try again"
            ) from None

    async def _require_in_log(self, position: int, _high_water_mark: int) -> int:
        with unavailable_if_down():
            head = await self._collections.head()
        if head < position:
            raise OutsideLog("the log has not come to the position asked for; ask for an earlier one")
        return position

    async def _find_before(
        self, tenant: str, time: datetime, head: int, high_water_mark: int, *, inclusive: bool
    ) -> int:
        """Return the position before the first settled commit that is later, or else the head."""
        await self._times.measure(high_water_mark)
        first = await self._times.first(tenant, time, inclusive=inclusive)
        return head if first is None else first - 1
