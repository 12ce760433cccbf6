"""I9: neither paging through a view nor following it shows that the view is rebuilt."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from functools import partial
from typing import Any

from eventstore.place import Place
from projections.live.live_view import ViewMessage
from projections.live.messages import ChangeKind, RowChange, Snapshot
from projections.querying.pages import ListQuery
from projections.storage.rows import fields
from subscriptions.live.messages import CaughtUp
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Linked, Scored, Written, folded
from tests.helpers.rebuilds import in_use, louder
from tests.helpers.row_scopes import ALL_ROWS

NOTES = 150
PATIENCE = 120.0


@asynccontextmanager
async def going_on(work: Any) -> AsyncIterator[asyncio.Task[Any]]:
    """Something that goes on meanwhile; what it raises is raised."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        if task.done():
            task.result()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def write(rig: Rig) -> None:
    dice = random.Random(9)
    while True:
        name = f"note-{dice.randrange(NOTES)}"
        await rig.append(name, Scored(by=dice.randint(-3, 3)), Linked(to=f"note-{dice.randrange(NOTES)}"))
        await asyncio.sleep(0.005)


class Pager:
    """Pages through all notes again and again, by what does not change of them."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self.passes = 0

    async def run(self) -> None:
        while True:
            ids: list[str] = []
            cursor, more = None, True
            while more:
                page = await self._rig.reader.page(
                    ALL_ROWS, ListQuery(20, order=[("text", "asc")], after=cursor)
                )
                ids += [row["id"] for row in page.rows]
                more, cursor = bool(page.has_next), page.cursor(page.rows[-1])
            assert len(ids) == len(set(ids)) == NOTES
            self.passes += 1


class Subscriber:
    """Keeps the rows that it receives, and checks each change against them."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.places: dict[str, Place] = {}
        self.changes = 0
        self.live = asyncio.Event()

    async def follow(self, messages: AsyncGenerator[ViewMessage, None]) -> None:
        async with aclosing(messages):
            async for message in messages:
                match message:
                    case Snapshot(rows, _):
                        self.rows = {row["id"]: fields(row) for row in rows}
                    case CaughtUp():
                        self.live.set()
                    case RowChange():
                        self._take(message)
                    case _:
                        raise AssertionError(message)

    def _take(self, change: RowChange) -> None:
        assert change.kind is ChangeKind.UPDATED, "rows change, none comes or goes"
        assert change.row is not None
        after = fields(change.row)
        assert after != self.rows[change.id], "each change changes something"
        assert change.place > self.places.get(change.id, Place(0, 0)), "none is delivered twice"
        self.rows[change.id], self.places[change.id] = after, change.place
        self.changes += 1


async def test_i9_paging_and_following_go_on_through_rebuilds_and_switches(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Twice, so that also the slot of the first one is used again."""
    options: Any = {"poll_interval": 0.05, "work": True, "partitions": 2}
    async with open_rig(mongo_url, redis_url, database, **options) as rig:
        for i in range(NOTES):
            await rig.append(f"note-{i}", Written(text=f"{i % 7}"))
        await rig.projected()
        pager, subscriber = Pager(rig), Subscriber()
        messages = rig.live.watch_rows(ALL_ROWS, {}, first=NOTES)
        async with (
            going_on(subscriber.follow(messages)) as following,
            going_on(pager.run()) as paging,
        ):
            await subscriber.live.wait()
            async with going_on(write(rig)):
                for number in (2, 3):
                    await rig.rebuilds.begin("notes")
                    await in_use(rig, number)
                    passes, changes = pager.passes, subscriber.changes
                    async with asyncio.timeout(PATIENCE):
                        while pager.passes < passes + 2 or subscriber.changes < changes + 10:
                            assert not following.done()
                            assert not paging.done()
                            await asyncio.sleep(0.01)
            await rig.projected()
            rows = folded(await rig.commits()).values()
            expected = {row["id"]: fields(row) for row in rows}
            async with asyncio.timeout(PATIENCE):
                while subscriber.rows != expected:
                    assert not following.done()
                    await asyncio.sleep(0.01)


async def test_a_subscriber_receives_the_rows_that_changed_code_makes_different(
    mongo_url: str, redis_url: str, database: str
) -> None:
    worker = partial(open_rig, mongo_url, redis_url, database, poll_interval=0.05, work=True)
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05) as rig:
        await rig.append("note-a", Written(text="a"))
        await rig.append("note-b", Written(text="B"))
        async with worker():
            await rig.projected()
        messages = rig.live.watch_rows(ALL_ROWS, {"text": {"in": ["a", "B"]}}, first=5)
        one = rig.live.watch_row(ALL_ROWS, "note-a")
        async with aclosing(messages), aclosing(one):
            for stream in (messages, one):
                assert isinstance(await anext(stream), Snapshot)
                assert isinstance(await anext(stream), CaughtUp)
            async with asyncio.timeout(PATIENCE), worker(view=louder):
                gone, changed = await anext(messages), await anext(one)
    assert isinstance(gone, RowChange)
    assert (gone.kind, gone.id) == (ChangeKind.REMOVED, "note-a")
    assert isinstance(changed, RowChange)
    assert changed.row is not None
    assert (changed.kind, changed.row["text"], changed.changed_fields) == (ChangeKind.UPDATED, "A", ("text",))
