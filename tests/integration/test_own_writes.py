"""Reading what one has just written: as soon as its row is there, and never before."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from functools import partial

import pytest

from domain.kernel.errors import RowParked, StaleRead
from projections.folding.parking import EventName
from projections.live.messages import Snapshot
from projections.projecting.projector import Projector
from projections.querying.locator import rows_topic
from subscriptions.consumers.checkpoints import Checkpoint
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Erased, Linked, Written, view
from tests.helpers.poison_notes import NOWHERE, Dose, poisoned
from tests.helpers.row_scopes import ALL_ROWS

LONG = 60


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    """No worker: what is written into the view, a test writes."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05) as rig:
        yield rig


async def project(rig: Rig) -> None:
    """Write the rows of the whole log as a worker does that dies before it saves its checkpoint."""
    projector = Projector(view, rig.database, rig.log, partial(rig.wakeups.announce, rows_topic(view)))
    await projector.begin(Checkpoint(1, 0))
    await projector.handle(await rig.commits())


async def reading(rig: Rig, position: int, within: float = LONG) -> asyncio.Task[object]:
    """Somebody who reads note-a at `position` at least, and waits already."""
    read = asyncio.create_task(rig.reader.get_at_least(ALL_ROWS, "note-a", position, within))
    await asyncio.sleep(0)
    return read


async def test_a_row_that_says_that_it_has_the_write_is_read_before_the_checkpoint(rig: Rig) -> None:
    position = await rig.write("a")
    read = await reading(rig, position)
    await project(rig)
    row = await read
    assert isinstance(row, dict)
    assert row["text"] == "a"
    assert await rig.reader.position() == 0


async def test_a_row_that_is_gone_by_the_write_is_none(rig: Rig) -> None:
    await rig.write("a")
    position = (await rig.append("note-a", Erased())).position
    read = await reading(rig, position)
    await project(rig)
    assert await read is None
    assert await rig.reader.position() == 0


async def test_a_row_that_was_there_before_the_write_is_not_enough(rig: Rig) -> None:
    """Whatever is announced: anybody may announce."""
    await rig.write("a")
    await project(rig)
    position = (await rig.append("note-a", Written(text="b"))).position
    read = await reading(rig, position, 0.5)
    rig.wakeups.announce(rows_topic(view), position + 1)
    with pytest.raises(StaleRead):
        await read


async def test_a_row_that_the_write_does_not_touch_is_read_once_the_view_is_there(rig: Rig) -> None:
    await rig.write("a")
    position = await rig.write("b")
    read = await reading(rig, position)
    worker = rig.worker()
    await worker.start()
    row = await read
    await worker.stop()
    assert isinstance(row, dict)
    assert row["text"] == "a"
    assert await rig.reader.position() == position


async def test_a_subscriber_begins_with_what_a_query_has_told_already(rig: Rig) -> None:
    """The row is there before the checkpoint, behind which a snapshot does not look."""
    await rig.write("a")
    await project(rig)
    assert await rig.reader.get(ALL_ROWS, "note-a") is not None
    async with aclosing(rig.live.watch_rows(ALL_ROWS, first=5)) as messages:
        first = asyncio.create_task(anext(messages))
        worker = rig.worker()
        await worker.start()
        snapshot = await first
        await worker.stop()
    assert isinstance(snapshot, Snapshot)
    assert [row["id"] for row in snapshot.rows] == ["note-a"]


async def test_each_waits_for_a_position_of_its_own(rig: Rig) -> None:
    waiters = rig.wakeups.position_waiters("topic")
    with waiters.announced(1) as first, waiters.announced(3) as third:
        rig.wakeups.announce("topic", 2)
        assert (first.is_set(), third.is_set()) == (True, False)
        rig.wakeups.announce("topic", 3)
        assert third.is_set()


@pytest.fixture
async def broken(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    """With a worker whose view cannot fold some links."""
    parts = (mongo_url, redis_url, database)
    async with open_rig(*parts, poll_interval=0.05, view=poisoned(Dose()), work=True) as rig:
        await rig.append("note-a", Written(text="a"))
        yield rig


async def test_b3_an_event_whose_rows_are_not_known_fails_the_wait_for_its_stream(broken: Rig) -> None:
    receipt = await broken.append("note-a", Linked(to=NOWHERE))
    event = EventName("note-a", receipt.version)
    with pytest.raises(RowParked) as parked:
        await broken.reader.get_at_least(ALL_ROWS, "note-a", receipt.position, LONG, event=event)
    assert (parked.value.row, parked.value.letter) == (None, "notes//note-a@2")
    # Another stream whose id begins alike is none of its business.
    other = await broken.append("note-a2", Written(text="b"))
    row = await broken.reader.get_at_least(
        ALL_ROWS, "note-a2", other.position, LONG, event=EventName("note-a2", 1)
    )
    assert row is not None


async def test_b3_a_parked_event_of_another_stream_fails_the_position_and_not_the_own_write(
    broken: Rig,
) -> None:
    await broken.append("note-b", Linked(to="note-a"))
    own = await broken.append("note-a", Written(text="again"))
    event = EventName("note-a", own.version)
    row = await broken.reader.get_at_least(ALL_ROWS, "note-a", own.position, LONG, event=event)
    assert row is not None
    assert row["text"] == "again"
    with pytest.raises(RowParked) as parked:
        await broken.reader.get_at_least(ALL_ROWS, "note-a", own.position, LONG)
    assert (parked.value.stream, parked.value.letter) == ("note-b", "notes/note-a/note-b@1")
