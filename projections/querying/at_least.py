"""The requirement that a row contains the log up to a position, and waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

from domain.kernel.errors import RowParked
from projections.folding.parking import EventName, letter_id, parked_in
from projections.storage.rows import Row

AT_LEAST = ("_position", "_version", "_parked")
"""The stored fields of a row that show whether it meets an `AtLeast`."""


class AtLeast(NamedTuple):
    """A requirement of a row: the log up to `position`, or its own stream up to an `event` of that stream."""

    position: int
    event: EventName | None = None

    def is_met_by(self, row: Row) -> bool:
        """Return whether the row's own fields show that it meets the requirement."""
        if row["_position"] >= self.position:
            return True
        return self.event is not None and row.get("_version", 0) >= self.event.version

    def check(self, view: str, id: str | None, row: Row) -> None:
        """Raise RowParked if one of the events is parked in the row `id`; None stands for unknown rows."""
        for parked in parked_in(row):
            is_wanted = self.event is None or parked.stream == self.event.stream
            if is_wanted and parked.position <= self.position:
                letter = letter_id(view, id, parked.name)
                raise RowParked(view, id, parked.stream, parked.version, letter)


async def wait_briefly(seconds: float, awaitable: Awaitable[object]) -> None:
    """Wait until `awaitable` is done, for at most `seconds`."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await awaitable


async def finishes_first(coroutine: Coroutine[Any, Any, object], other: asyncio.Task[None]) -> bool:
    """Wait until one of both is done. Return whether `other` is not."""
    task = asyncio.create_task(coroutine)
    try:
        await asyncio.wait({task, other}, return_when=asyncio.FIRST_COMPLETED)
        return not other.done()
    finally:
        task.cancel()
