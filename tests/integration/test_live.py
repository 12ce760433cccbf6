"""Live views: what a subscriber is told of each change, and of what changed while it was away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from domain.kernel.errors import ValidationFailed
from eventstore.place import Place
from projections.live.aligned_reader import ReadLimits
from projections.live.live_view import LiveView, ViewMessage
from projections.live.messages import ChangeKind, RowChange, Snapshot
from projections.projecting.projector import Projector
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged
from subscriptions.live.ring import RingLimits
from tests.consumed import hold
from tests.notes import Erased, Linked, Rig, Scored, Written, open_rig, view
from tests.support import Servers

pytestmark = pytest.mark.usefixtures("driver")

DEADLINE = 30


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        yield rig


async def hear(told: AsyncIterator[ViewMessage], count: int) -> list[ViewMessage]:
    async with asyncio.timeout(DEADLINE):
        return [await anext(told) for _ in range(count)]


def short(message: ViewMessage) -> tuple[object, ...]:
    match message:
        case Snapshot(rows):
            return ("SNAPSHOT", *(row["id"] for row in rows))
        case RowChange():
            return (message.kind.value, message.id, message.changed_fields)
        case CaughtUp():
            return ("CAUGHT UP",)
        case Lagged():
            return ("LAGGED",)
        case CursorExpired():
            return ("EXPIRED",)


async def test_one_row_from_before_it_exists_until_it_is_gone(rig: Rig) -> None:
    async with aclosing(rig.live.watch_row("default", "note-1")) as told:
        assert [short(m) for m in await hear(told, 2)] == [("SNAPSHOT",), ("CAUGHT UP",)]
        await rig.append("note-2", Written(text="b"))
        await rig.append("note-1", Written(text="a"))
        (added,) = await hear(told, 1)
        await rig.append("note-1", Scored(by=3))
        (updated,) = await hear(told, 1)
        await rig.append("note-1", Erased())
        (removed,) = await hear(told, 1)
    assert short(added) == ("ADDED", "note-1", None)
    assert short(updated) == ("UPDATED", "note-1", ("folded", "score", "scored_at"))
    assert removed == RowChange(ChangeKind.REMOVED, "note-1", None, None, Place(4, 0))
    assert isinstance(updated, RowChange)
    assert updated.row is not None
    assert (updated.row["score"], updated.place) == (3, Place(3, 0))


async def test_a_row_that_leaves_and_enters_the_filter(rig: Rig) -> None:
    await rig.append("note-1", Written(text="a"))
    await rig.projected()
    async with aclosing(rig.live.watch_rows("default", {"score": {"gte": 0}})) as told:
        assert [short(m) for m in await hear(told, 2)] == [("SNAPSHOT", "note-1"), ("CAUGHT UP",)]
        await rig.append("note-1", Scored(by=-1))
        (left,) = await hear(told, 1)
        await rig.append("note-1", Scored(by=1))
        (entered,) = await hear(told, 1)
    assert isinstance(left, RowChange)
    assert left.row is not None
    assert (left.kind, left.row["score"]) == (ChangeKind.REMOVED, -1)
    assert short(entered) == ("ADDED", "note-1", None)


async def test_the_snapshot_holds_what_changed_last_first_and_then_whatever_comes_to_match(rig: Rig) -> None:
    for name in ("note-1", "note-2", "note-3"):
        await rig.append(name, Written(text="a"))
    await rig.append("note-1", Scored(by=1))
    await rig.projected()
    async with aclosing(rig.live.watch_rows("default", first=2)) as told:
        assert short((await hear(told, 2))[0]) == ("SNAPSHOT", "note-1", "note-3")
        await rig.append("note-2", Erased())  # Was never told, so its end is not.
        await rig.append("note-3", Scored(by=1))
        assert short((await hear(told, 1))[0])[:2] == ("UPDATED", "note-3")


async def test_resuming_tells_each_changed_row_once_as_it_is_and_nothing_of_what_came_and_went(
    rig: Rig,
) -> None:
    for name in ("note-1", "note-2", "note-3", "note-4"):
        await rig.append(name, Written(text="a"))
    await rig.projected()
    wanted = {"score": {"gte": 0}}
    for name, event in [
        ("note-1", Scored(by=1)),
        ("note-1", Scored(by=1)),
        ("note-2", Scored(by=-1)),
        ("note-3", Erased()),
        ("note-5", Written(text="new")),
        ("note-6", Written(text="brief")),
        ("note-6", Erased()),
        ("note-7", Written(text="never matching")),
        ("note-7", Scored(by=-5)),
    ]:
        await rig.append(name, event)
    await rig.projected()
    async with aclosing(rig.live.watch_rows("default", wanted, after=Place(4))) as told:
        heard = [short(m) for m in await hear(told, 5)]
    assert heard == [
        ("UPDATED", "note-1", None),
        ("REMOVED", "note-2", None),
        ("REMOVED", "note-3", None),
        ("ADDED", "note-5", None),
        ("CAUGHT UP",),
    ]


async def test_resuming_between_two_rows_that_one_commit_changed(rig: Rig) -> None:
    await rig.append("note-1", Written(text="a"))
    await rig.append("note-2", Written(text="b"))
    await rig.projected()
    await rig.append("note-1", Linked(to="note-2"))
    await rig.projected()
    async with aclosing(rig.live.watch_rows("default", after=Place(2))) as told:
        first, second, _ = await hear(told, 3)
    assert [(short(m)[1], m.place) for m in (first, second) if not isinstance(m, Lagged)] == [
        ("note-1", Place(3, 0)),
        ("note-2", Place(3, 1)),
    ]
    async with aclosing(rig.live.watch_rows("default", after=Place(3, 0))) as told:
        assert [short(m) for m in await hear(told, 2)] == [("UPDATED", "note-2", None), ("CAUGHT UP",)]


async def ahead_of_its_checkpoint(rig: Rig) -> PartitionLease:
    """A view with a batch in progress: its rows are at position 3, its checkpoint is at 1."""
    projector = Projector(view, rig.database, rig.log)
    lease = await hold(rig)
    await projector.begin(Checkpoint(lease.generation, 0))
    await rig.append("note-1", Written(text="a"))
    await rig.append("note-2", Written(text="b"))
    await rig.append("note-1", Scored(by=1))
    await projector.handle(await rig.commits())
    await rig.checkpoints.save(lease, 1)
    return lease


async def test_nothing_is_told_twice_when_the_rows_are_ahead_of_the_checkpoint(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Who comes then is told what is there after a while, as the checkpoint does not follow."""
    read_limits = ReadLimits(checkpoint_wait=0.3, resume_checkpoint_wait=0.3)
    async with open_rig(mongo_url, redis_url, database) as rig:
        lease = await ahead_of_its_checkpoint(rig)
        live = LiveView(rig.reader, rig.changes, rig.log.head, read_limits=read_limits)
        async with (
            aclosing(live.watch_rows("default")) as fresh,
            aclosing(live.watch_rows("default", after=Place(0))) as resumed,
            aclosing(rig.changes.follow(0)) as batches,
        ):
            told = await hear(fresh, 2), await hear(resumed, 2)
            assert [[short(m)[:2] for m in messages] for messages in told] == [
                [("SNAPSHOT", "note-1"), ("CAUGHT UP",)],
                [("ADDED", "note-1"), ("CAUGHT UP",)],
            ]
            # To resume after more than the view holds would miss what is not there yet.
            assert all(not isinstance(m, Lagged) and m.place == Place(1) for ms in told for m in ms)
            assert not (await anext(batches)).items
            await rig.checkpoints.save(lease, 3)
            rig.wakeups.announce("view.notes", 3)
            for stream in fresh, resumed:
                assert short((await hear(stream, 1))[0])[:2] == ("ADDED", "note-2")
            assert [row["id"] for row in (await anext(batches)).items] == ["note-2", "note-1"]


async def test_a_tenant_is_told_nothing_of_another(rig: Rig) -> None:
    async with aclosing(rig.live.watch_rows("one")) as told:
        await hear(told, 2)
        await rig.append("note-1", Written(text="secret"), tenant="two")
        await rig.append("note-1", Written(text="own"), tenant="one")
        (added,) = await hear(told, 1)
        await rig.append("note-2", Written(text="secret"), tenant="two")
        await rig.projected()
    async with aclosing(rig.live.watch_rows("one", after=Place(0))) as told:
        assert [short(m) for m in await hear(told, 2)] == [("ADDED", "note-1", None), ("CAUGHT UP",)]
    assert isinstance(added, RowChange)
    assert added.row is not None
    assert added.row["text"] == "own"


async def test_who_falls_too_far_behind_is_told_where_to_resume_and_can(rig: Rig) -> None:
    live = LiveView(rig.reader, rig.changes, rig.log.head, max_lag=5, limits=RingLimits(entries=5))
    async with aclosing(live.watch_rows("default")) as told:
        await hear(told, 2)
        await rig.append("note-0", Written(text="a"))
        heard = await hear(told, 1)
        for i in range(1, 20):
            await rig.append(f"note-{i}", Written(text="a"))
        async with asyncio.timeout(DEADLINE):
            while rig.changes.reached < 20:
                await asyncio.sleep(0)
            heard += [message async for message in told]
    lagged = heard[-1]
    assert isinstance(lagged, Lagged)
    missing = 21 - len(heard)
    async with aclosing(live.watch_rows("default", after=lagged.resume_after)) as told:
        heard += await hear(told, missing)
    assert [short(m)[1] for m in heard if isinstance(m, RowChange)] == [f"note-{i}" for i in range(20)]


async def test_a_wrong_filter_is_refused_before_anything_is_told(rig: Rig) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rig.live.watch_rows("default", {"nothing": {"eq": 1}})
    assert refused.value.path == ("filter", "nothing")


async def test_many_subscribers_cost_one_read_for_each_batch(
    mongo_url: str, database: str, servers: Servers
) -> None:
    """40 subscribers with filters of their own: rows are read once for each wake-up, not for each of them."""
    redis = servers.redis()
    async with open_rig(mongo_url, redis.url, database, poll_interval=60, work=True) as rig:
        subscribers = [rig.live.watch_rows("default", {"score": {"lt": 100 + i}}) for i in range(40)]
        for told in subscribers:
            await hear(told, 2)
        waiting = [asyncio.create_task(hear(told, 10)) for told in subscribers]
        async with asyncio.timeout(DEADLINE):
            while rig.live.stats.subscriptions < 40:
                await asyncio.sleep(0)
        await rig.write(["warm"])
        await rig.projected()
        await rig.database.command({"profile": 2})
        await rig.write(map(str, range(9)))
        await asyncio.gather(*waiting)
        await rig.database.command({"profile": 0})
        reads = {
            "ns": f"{database}.view_notes_1",
            "op": "query",
            "command.filter._position": {"$exists": True},
        }
        assert 1 <= await rig.database["system.profile"].count_documents(reads) <= 18
        for told in subscribers:
            await told.aclose()
