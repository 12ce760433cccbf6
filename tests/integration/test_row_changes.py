"""The rows that changed since a mark: none is missed, and one that was read before is no change."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextvars import copy_context

import pytest

from domain.builtin.subjects.events import SubjectErased
from eventstore.reading.last_commits import LastCommits
from projections.querying.row_changes import MAX_CHANGES, ChangeTracker
from projections.querying.row_reads import QueryReads, RowMark, record_rows
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written
from tests.helpers.rebuilds import in_use

TENANT = "default"
NOTES = ("notes",)


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await rig.append("note-a", Written(text="a"))
        await rig.append("note-a", Written(text="a"), tenant="other")
        await rig.projected()
        yield rig


class Follower:
    """The changes as one process sees them, and marks of it."""

    def __init__(self, rig: Rig) -> None:
        self._changed = ChangeTracker({"notes": rig.locator}, LastCommits(rig.database), 10)

    async def marks(self, tenant: str = TENANT) -> Mapping[str, RowMark]:
        marks = await self._changed.marks(tenant, NOTES)
        assert marks is not None
        return marks

    async def read(self, *notes: str) -> QueryReads:
        """Return the reads of a query that has read these rows by now."""
        reads, context = QueryReads(await self.marks()), copy_context()
        reads.record_in(context)
        context.run(record_rows, "notes", notes)
        return reads

    async def concern(self, reads: QueryReads) -> bool:
        """Return whether changes up to now concern what was read."""
        marks = await self._changed.marks(TENANT, NOTES)
        return marks is None or self._changed.concern(TENANT, reads, marks)


async def place_ahead(rig: Rig, note: str, position: int) -> None:
    """Write a row as a projector does before it moves the checkpoint."""
    meta = {"_tenant": TENANT, "_gone": False, "_position": position, "_place": 0, "_created": position}
    row = {"id": note, **meta, "_generation": await rig.locator.generation()}
    await (await rig.locator.rows()).update_one({"_id": f"{TENANT}/{note}"}, {"$set": row}, upsert=True)


async def test_a_change_concerns_what_has_read_the_row(rig: Rig) -> None:
    """A change of another row does not, and neither does one of another tenant."""
    follower = Follower(rig)
    first, second = await follower.read("note-a"), await follower.read("note-b")
    assert not await follower.concern(first)
    await rig.append("note-a", Scored(by=1), tenant="other")
    await rig.projected()
    assert not await follower.concern(first)
    await rig.append("note-a", Scored(by=1))
    await rig.projected()
    assert await follower.concern(first)
    assert not await follower.concern(second)
    assert not await follower.concern(await follower.read("note-a"))


async def test_rows_ahead_of_the_checkpoint_are_changes_once_in_whatever_order_they_are_written(
    rig: Rig,
) -> None:
    """A read of MongoDB shows them too."""
    follower, head = Follower(rig), await rig.log.head()
    reads = await follower.read("note-x", "note-y")
    await place_ahead(rig, "note-x", head + 9)
    assert await follower.concern(reads)
    reads = await follower.read("note-x", "note-y")
    assert not await follower.concern(reads)
    await place_ahead(rig, "note-y", head + 5)
    assert await follower.concern(reads)
    reads = await follower.read("note-x", "note-y")
    await place_ahead(rig, "note-x", head + 10)
    assert await follower.concern(reads)
    # Once the checkpoint has passed them, they are no changes either.
    reads = await follower.read("note-x", "note-y")
    for _ in range(12):
        await rig.append("note-b", Scored(by=1))
    await rig.projected()
    assert not await follower.concern(reads)


async def test_after_too_many_changes_everything_counts_as_changed(rig: Rig) -> None:
    """And what is read from then on is followed again."""
    follower, head = Follower(rig), await rig.log.head()
    reads = await follower.read("note-z")
    meta = {"_tenant": TENANT, "_gone": False, "_place": 0, "_created": 1, "_generation": 1}
    rows = [
        {"_id": f"{TENANT}/note-{number}", "id": f"note-{number}", "_position": head + 1 + number, **meta}
        for number in range(MAX_CHANGES + 1)
    ]
    stored = await rig.locator.rows()
    await stored.insert_many(rows)
    assert await follower.concern(reads)
    await stored.delete_many({"_position": {"$gt": head}})
    assert await follower.concern(reads)
    assert not await follower.concern(await follower.read("note-z"))


async def test_a_rebuild_and_an_erasure_count_as_changes_of_all_rows(rig: Rig) -> None:
    follower = Follower(rig)
    reads = await follower.read("note-b")
    await rig.append("subject-ada", SubjectErased(subject="person-ada"))
    assert await follower.concern(reads)
    reads = await follower.read("note-b")
    assert not await follower.concern(reads)
    await rig.rebuilds.begin("notes")
    await in_use(rig, 2)
    await rig.locator.position()
    assert await follower.concern(reads)


async def test_the_changes_of_a_tenant_without_commits_are_not_followed(rig: Rig) -> None:
    """It may be one whose commits were erased, and whose rows are about to be."""
    follower = Follower(rig)
    reads = await follower.read("note-a")
    await rig.database["log"].update_many({"tenant": TENANT}, {"$unset": {"tenant": 1}})
    assert await follower.concern(reads)
    await rig.append("note-b", Written(text="b"))
    assert await follower.concern(reads)
