"""Where a view's rows are by now, and how far they are: what every reader of the view asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any

from domain.kernel.obstacles import Obstacle
from eventstore.fingerprint import same_fold
from eventstore.mongo.driver import Collection, Database, Document
from projections.kernel.view import View
from projections.querying.filters import Filter
from projections.querying.gaps import RowGaps, row_gaps
from projections.storage.fingerprint import view_fingerprint
from projections.storage.rows import Row, collection
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.state import ConsumerState, GenerationState
from subscriptions.feed.polled_position import PolledPosition
from subscriptions.feed.position_waiters import TopicListener
from subscriptions.feed.wakeups import Wakeups


def consumer_name(view: View[Any]) -> str:
    """The name of the view's durable consumer, and the topic under which its progress is announced."""
    return f"view.{view.name}"


def switch_topic(view: View[Any]) -> str:
    """The topic under which it is announced that another generation has become the active one."""
    return f"{consumer_name(view)}.active"


def rows_topic(view: View[Any]) -> str:
    """The topic under which it is announced that rows are written up to a position, before the checkpoint."""
    return f"{consumer_name(view)}.rows"


class ViewLocator:
    """One for each view of a process. Its methods raise Unavailable where MongoDB does not answer.

    `poll_interval`, in seconds, is how late a new active generation is noticed at most; whoever reads the
    position notices it at once. Until then the rows of the one before are read, right as far as it came.
    """

    def __init__(
        self,
        view: View[Any],
        database: Database,
        checkpoints: Checkpoints,
        wakeups: Wakeups,
        poll_interval: float,
    ) -> None:
        self.view = view
        self._database = database
        self._checkpoints = checkpoints
        self._wakeups = wakeups
        self._poll_interval = poll_interval
        name = consumer_name(view)
        self._polled = PolledPosition(name, self.position, self.listen(), poll_interval)
        self.rows_written = wakeups.position_waiters(rows_topic(view))
        self._switches = wakeups.listen(switch_topic(view))
        self._known: tuple[int, int] | None = None
        self._gaps: dict[str, RowGaps | None] = {}
        self._read_at = 0.0
        self._code: str | None = None
        self._active_code: str | None = None
        self._has_gaps = False
        self.edition = 0
        """The generation with which rows came to be others, when the view was looked at last."""
        self.edition_since = 0
        """The position that was reached then: whoever was told no more may hold rows as they were before."""

    async def is_of_this_code(self) -> bool:
        """Whether this process's code made what `rows` gives.

        False also where its rows lack a field that the view declares. True where there is no such generation.
        """
        await self.rows()
        if self._active_code is None:
            return True
        if self._code is None:
            # The first time it reads the source of the modules, which takes up to a second.
            self._code = await asyncio.to_thread(view_fingerprint, self.view)
        return not self._has_gaps and same_fold(self._active_code, self._code)

    def listen(self) -> TopicListener:
        """A listener of its own to the view's progress."""
        return self._wakeups.listen(consumer_name(self.view))

    async def rows(self) -> Collection:
        """The rows of the active generation; of what it is to be, where the view has none."""
        due = time.monotonic() - self._poll_interval
        if self._known is None or self._read_at <= due or self._switches.take():
            # Whoever asks while this is read need not read it too.
            self._read_at = time.monotonic()
            await self._look()
        assert self._known is not None
        return collection(self._database, self.view, self._known[1])

    def gaps(self, rows: Collection) -> RowGaps | None:
        """What rows that were read there lack of the fields that the view declares; None where nothing."""
        return self._gaps.get(rows.name)

    def adapted(self, rows: Collection, filter: Filter, others: Iterable[str] = ()) -> Filter:
        """The filter for the rows there: see `RowGaps.adapt`.

        Raises ViewRebuilding, also where the rows lack one of the `others` that are sorted or searched by.
        """
        gaps = self._gaps.get(rows.name)
        if gaps is None:
            return filter
        gaps.require(others)
        return gaps.adapt(filter)

    def filled(self, rows: Collection, found: list[Document]) -> list[Row]:
        """What was found there, with the defaults of fields that it lacks: see `RowGaps.fill`."""
        gaps = self._gaps.get(rows.name)
        return list(found) if gaps is None else [gaps.fill(row) for row in found]

    async def position(self) -> int:
        """The position up to which the active generation holds every change."""
        return (await self._look()).position

    async def reached(self) -> tuple[Collection, int]:
        """The rows of the active generation, and the position up to which these hold every change."""
        state = await self._look()
        return collection(self._database, self.view, _readable(state)), state.position

    async def reach(self, position: int, within: float) -> int:
        """The position once that is `position` or more, or as it is after `within` seconds."""
        return await self._polled.reach(position, within)

    async def obstacle(self) -> Obstacle:
        """What keeps the view from coming further, as its consumer's state shows it."""
        return obstacle(await self._look())

    async def _look(self) -> ConsumerState:
        state = await self._checkpoints.state(consumer_name(self.view))
        known = (state.revision, _readable(state))
        gaps = row_gaps(self.view, state)
        self._gaps[collection(self._database, self.view, known[1]).name] = gaps
        # Never back: of two reads at once, the one that began first may end last.
        if self._known is None or known >= self._known:
            self._known = known
            self.edition, self.edition_since = edition(state)
            active = None if state.active is None else state.generations[state.active]
            self._active_code = None if active is None else active.code
            self._has_gaps = gaps is not None
        self._read_at = time.monotonic() if state.active is not None else 0.0
        return state


def _readable(state: ConsumerState) -> int:
    return state.last + 1 if state.active is None else state.active


def obstacle(state: ConsumerState) -> Obstacle:
    """What keeps the active generation from coming further."""
    active = None if state.active is None else state.generations[state.active]
    if active is None or any(partition.owner is None for partition in active.partitions):
        return Obstacle.NO_WORKER
    codes = [partition.owner_code for partition in active.partitions if partition.owner_code is not None]
    if not all(same_fold(code, active.code) for code in codes):
        is_held = state.of_state(GenerationState.HELD) is not None
        return Obstacle.HELD if is_held else Obstacle.REBUILDING
    return Obstacle.BEHIND if active.failing is None else Obstacle.FAILING


def edition(state: ConsumerState) -> tuple[int, int]:
    """What was noted when the active generation took its place, or its own number; and where that was."""
    if state.active is None:
        return 0, 0
    active = state.generations[state.active]
    number = active.notes.get("edition", active.number)
    return number, active.switched if number == active.number else active.notes.get("since", 0)
