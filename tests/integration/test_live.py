"""Live views: the changes that a subscriber receives, also those that it missed while it was away."""

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
from projections.querying.row_scope import RowScope
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.live.messages import CaughtUp, CursorExpired, Lagged
from subscriptions.live.ring import RingLimits
from tests.helpers.consumer_states import hold
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Erased, Linked, Scored, Written, view
from tests.helpers.row_scopes import ALL_ROWS
from tests.helpers.servers import Servers

DEADLINE = 120


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        yield rig


async def receive(messages: AsyncIterator[ViewMessage], count: int) -> list[ViewMessage]:
    async with asyncio.timeout(DEADLINE):
        return [await anext(messages) for _ in range(count)]


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
    async with aclosing(rig.live.watch_row(ALL_ROWS, "note-1")) as messages:
        assert [short(m) for m in await receive(messages, 2)] == [("SNAPSHOT",), ("CAUGHT UP",)]
        await rig.append("note-2", Written(text="b"))
        await rig.append("note-1", Written(text="a"))
        (added,) = await receive(messages, 1)
        await rig.append("note-1", Scored(by=3))
        (updated,) = await receive(messages, 1)
        await rig.append("note-1", Erased())
        (removed,) = await receive(messages, 1)
    assert short(added) == ("ADDED", "note-1", None)
    assert short(updated) == ("UPDATED", "note-1", ("folded", "score", "scored_at"))
    assert isinstance(removed, RowChange)
    assert removed.command_id is not None
    assert removed._replace(command_id=None) == RowChange(
        ChangeKind.REMOVED, "note-1", None, None, Place(4, 0)
    )
    assert isinstance(updated, RowChange)
    assert updated.row is not None
    assert (updated.row["score"], updated.place) == (3, Place(3, 0))


async def test_a_row_that_leaves_and_enters_the_filter(rig: Rig) -> None:
    await rig.append("note-1", Written(text="a"))
    await rig.projected()
    async with aclosing(rig.live.watch_rows(ALL_ROWS, {"score": {"gte": 0}})) as messages:
        assert [short(m) for m in await receive(messages, 2)] == [("SNAPSHOT", "note-1"), ("CAUGHT UP",)]
        await rig.append("note-1", Scored(by=-1))
        (left,) = await receive(messages, 1)
        await rig.append("note-1", Scored(by=1))
        (entered,) = await receive(messages, 1)
    assert isinstance(left, RowChange)
    assert left.row is not None
    assert (left.kind, left.row["score"]) == (ChangeKind.REMOVED, -1)
    assert short(entered) == ("ADDED", "note-1", None)


async def test_the_snapshot_has_the_latest_rows_and_then_come_all_new_matches(rig: Rig) -> None:
    for name in ("note-1", "note-2", "note-3"):
        await rig.append(name, Written(text="a"))
    await rig.append("note-1", Scored(by=1))
    await rig.projected()
    async with aclosing(rig.live.watch_rows(ALL_ROWS, first=2)) as messages:
        assert short((await receive(messages, 2))[0]) == ("SNAPSHOT", "note-1", "note-3")
        await rig.append("note-2", Erased())  # The subscriber never received it.
        await rig.append("note-3", Scored(by=1))
        assert short((await receive(messages, 1))[0])[:2] == ("UPDATED", "note-3")


async def test_a_resumed_stream_has_each_changed_row_once_and_none_that_came_and_went(
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
    async with aclosing(rig.live.watch_rows(ALL_ROWS, wanted, after=Place(4))) as messages:
        received = [short(m) for m in await receive(messages, 5)]
    assert received == [
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
    async with aclosing(rig.live.watch_rows(ALL_ROWS, after=Place(2))) as messages:
        first, second, _ = await receive(messages, 3)
    assert [(short(m)[1], m.place) for m in (first, second) if not isinstance(m, Lagged)] == [
        ("note-1", Place(3, 0)),
        ("note-2", Place(3, 1)),
    ]
    async with aclosing(rig.live.watch_rows(ALL_ROWS, after=Place(3, 0))) as messages:
        assert [short(m) for m in await receive(messages, 2)] == [("UPDATED", "note-2", None), ("CAUGHT UP",)]


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


async def test_nothing_is_delivered_twice_while_rows_are_ahead_of_the_checkpoint(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """A new subscriber receives the rows after a while, although the checkpoint does not follow."""
    read_limits = ReadLimits(checkpoint_wait=0.3, resume_checkpoint_wait=0.3)
    async with open_rig(mongo_url, redis_url, database) as rig:
        lease = await ahead_of_its_checkpoint(rig)
        live = LiveView(
            rig.reader, rig.changes, rig.log.head, rig.past.visible_since, read_limits=read_limits
        )
        async with (
            aclosing(live.watch_rows(ALL_ROWS)) as fresh,
            aclosing(live.watch_rows(ALL_ROWS, after=Place(0))) as resumed,
            aclosing(rig.changes.follow(0)) as batches,
        ):
            messages = await receive(fresh, 2), await receive(resumed, 2)
            assert [[short(m)[:2] for m in messages] for messages in messages] == [
                [("SNAPSHOT", "note-1"), ("CAUGHT UP",)],
                [("ADDED", "note-1"), ("CAUGHT UP",)],
            ]
            # To resume after more than the view holds would miss what is not there yet.
            assert all(not isinstance(m, Lagged) and m.place == Place(1) for ms in messages for m in ms)
            assert not (await anext(batches)).items
            await rig.checkpoints.save(lease, 3)
            rig.wakeups.announce("view.notes", 3)
            for stream in fresh, resumed:
                assert short((await receive(stream, 1))[0])[:2] == ("ADDED", "note-2")
            assert [row["id"] for row in (await anext(batches)).items] == ["note-2", "note-1"]


async def test_a_tenant_receives_nothing_of_another(rig: Rig) -> None:
    async with aclosing(rig.live.watch_rows(RowScope("one"))) as messages:
        await receive(messages, 2)
        await rig.append("note-1", Written(text="secret"), tenant="two")
        await rig.append("note-1", Written(text="own"), tenant="one")
        (added,) = await receive(messages, 1)
        await rig.append("note-2", Written(text="secret"), tenant="two")
        await rig.projected()
    async with aclosing(rig.live.watch_rows(RowScope("one"), after=Place(0))) as messages:
        assert [short(m) for m in await receive(messages, 2)] == [("ADDED", "note-1", None), ("CAUGHT UP",)]
    assert isinstance(added, RowChange)
    assert added.row is not None
    assert added.row["text"] == "own"


async def test_a_subscriber_that_falls_too_far_behind_can_resume_where_lagged_says(rig: Rig) -> None:
    live = LiveView(
        rig.reader, rig.changes, rig.log.head, rig.past.visible_since, max_lag=5, limits=RingLimits(entries=5)
    )
    async with aclosing(live.watch_rows(ALL_ROWS)) as messages:
        await receive(messages, 2)
        await rig.append("note-0", Written(text="a"))
        received = await receive(messages, 1)
        for i in range(1, 20):
            await rig.append(f"note-{i}", Written(text="a"))
        async with asyncio.timeout(DEADLINE):
            while rig.changes.reached < 20:
                await asyncio.sleep(0)
            received += [message async for message in messages]
    lagged = received[-1]
    assert isinstance(lagged, Lagged)
    missing = 21 - len(received)
    async with aclosing(live.watch_rows(ALL_ROWS, after=lagged.resume_after)) as messages:
        received += await receive(messages, missing)
    assert [short(m)[1] for m in received if isinstance(m, RowChange)] == [f"note-{i}" for i in range(20)]


async def test_a_wrong_filter_is_refused_before_the_stream_begins(rig: Rig) -> None:
    with pytest.raises(ValidationFailed) as refused:
        rig.live.watch_rows(ALL_ROWS, {"nothing": {"eq": 1}})
    assert refused.value.path == ("filter", "nothing")


async def test_many_subscribers_cost_one_read_for_each_batch(
    mongo_url: str, database: str, servers: Servers
) -> None:
    """40 subscribers with different filters: rows are read once for each wake-up, not for each subscriber."""
    redis = servers.redis()
    async with open_rig(mongo_url, redis.url, database, poll_interval=600, work=True) as rig:
        subscribers = [rig.live.watch_rows(ALL_ROWS, {"score": {"lt": 100 + i}}) for i in range(40)]
        for messages in subscribers:
            await receive(messages, 2)
        waiting = [asyncio.create_task(receive(messages, 10)) for messages in subscribers]
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
        for messages in subscribers:
            await messages.aclose()
