"""What a reader requires of a row before it is read, and waiting for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from contextlib import suppress
from typing import Any, NamedTuple

from domain.kernel.errors import RowParked
from projections.folding.parking import EventName, letter_id, parked_in
from projections.storage.rows import Row

AT_LEAST = ("_position", "_version", "_parked")
"""The stored fields of a row that show whether it holds enough."""


class AtLeast(NamedTuple):
    """All of the log up to `position`, or with an `event` of the row's own stream all of that up to it."""

    position: int
    event: EventName | None = None

    def is_in(self, row: Row) -> bool:
        """Whether the row says of itself that it holds this, or that an event of it is parked."""
        if row["_position"] >= self.position:
            return True
        return self.event is not None and row.get("_version", 0) >= self.event.version

    def check(self, view: str, id: str | None, row: Row) -> None:
        """Raise RowParked where one of these events waits in the row `id`, None where rows are not known."""
        for parked in parked_in(row):
            is_wanted = self.event is None or parked.stream == self.event.stream
            if is_wanted and parked.position <= self.position:
                letter = letter_id(view, id, parked.name)
                raise RowParked(view, id, parked.stream, parked.version, letter)


async def wait_briefly(seconds: float, what: Awaitable[object]) -> None:
    """Wait until it is done, or for so long."""
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await what


async def is_first(this: Coroutine[Any, Any, object], other: asyncio.Task[None]) -> bool:
    """Wait until one of both is done. Return whether the other one is not."""
    task = asyncio.create_task(this)
    try:
        await asyncio.wait({task, other}, return_when=asyncio.FIRST_COMPLETED)
        return not other.done()
    finally:
        task.cancel()
