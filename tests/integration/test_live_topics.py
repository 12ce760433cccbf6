"""Live views that are shared: whoever is in a group holds what is right, whenever it came, however slow."""

from __future__ import annotations

import random
from functools import partial
from typing import Any

import pytest

from eventstore.place import Place
from projections.live.aligned_reader import ReadLimits, RowQuery
from projections.live.live_view import LiveView
from projections.live.shared_rows import SharedRows
from projections.querying.filters import Condition
from projections.storage.rows import fields
from subscriptions.live.renderer import SharedRenderer
from subscriptions.live.ring import RingLimits
from subscriptions.live.subscriber import Subscriber
from tests.integration.test_live_clients import churn
from tests.integration.test_rebuild import louder
from tests.notes import Rig, Scored, Written, open_rig
from tests.row_clients import AsTheyAre, RowClient, Shared, until

FILTERS: list[dict[str, Any]] = [{}, {"score": {"gt": 0}}, {"text": {"in": ["x", "y"]}}]


@pytest.mark.parametrize(("later", "latest_only"), [(False, False), (True, False), (False, True)])
async def test_i10_subscribers_of_one_group_hold_what_the_view_holds_whenever_they_came(
    mongo_url: str, redis_url: str, database: str, later: bool, latest_only: bool
) -> None:
    """They are told fewer rows at first than there are; they pause, are cut off and go on."""
    async with (
        open_rig(mongo_url, redis_url, database, work=True) as writer,
        open_rig(mongo_url, redis_url, database) as server,
    ):
        dice, subscribers = random.Random(3), list[RowClient]()
        groups = [
            Shared(server.live, wanted, 2, AsTheyAre(later=later), latest_only=latest_only)
            for wanted in FILTERS
        ]
        first = [group.join(RowClient()) for group in groups]
        for seed in range(12):
            for group in groups:
                subscribers.append(group.join(RowClient()))
                subscribers[-1].pausing = dice.randint(0, 3)
            await churn(writer, 8, seed)
            for at in dice.sample(range(len(subscribers)), len(subscribers) // 2):
                one = subscribers[at]
                assert one.member is not None
                if one.place is not None and dice.random() < 0.3:
                    subscribers[at] = groups[at % 3].join(one.back(), one.place)
                else:
                    dice.choice([one.member.pause, one.member.resume])()
        await writer.projected()
        for one in subscribers:
            assert one.member is not None
            one.pausing = 0
            one.member.resume()
        await writer.append("note-end", Written(text="x"))
        await writer.append("note-end", Scored(by=1))
        head = await writer.projected()
        await until(lambda: all(one.place and one.place.position >= head for one in (*first, *subscribers)))
        for at, one in enumerate((*first, *subscribers)):
            page = await server.reader.page("default", FILTERS[at % 3], first=100)
            stored = {row["id"]: fields(row) for row in page.rows}
            assert not one.wrong, one.wrong
            assert one.rows.items() <= stored.items()
        # Of these nothing is missing: all was told them.
        for at, one in enumerate(first):
            page = await server.reader.page("default", FILTERS[at], first=100)
            assert one.rows == {row["id"]: fields(row) for row in page.rows}
            assert one.member is not None
            one.member.close()
        for one in subscribers:
            assert one.member is not None
            one.member.close()
        await until(lambda: not server.changes.cursors)


async def settled_group(
    rig: Rig, filter: dict[str, Any], first: int, **options: Any
) -> tuple[Shared, AsTheyAre, RowClient]:
    renderer = AsTheyAre()
    group = Shared(rig.live, filter, first, renderer, **options)
    one = group.join(RowClient())
    await until(lambda: one.live)
    return group, renderer, one


async def caught_up(one: RowClient) -> RowClient:
    await until(lambda: one.live)
    return one


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> Any:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        yield rig


async def test_what_changes_is_rendered_once_and_who_joins_between_two_changes_shares_a_snapshot(
    rig: Rig,
) -> None:
    await rig.write("ab")
    await rig.projected()
    group, renderer, one = await settled_group(rig, {}, 5)
    others = [group.join(RowClient()) for _ in range(20)]
    await until(lambda: all(other.live for other in others))
    assert renderer.rendered == 2, "a snapshot, and that it is all"
    await rig.append("note-a", Scored(by=1))
    await until(lambda: all(other.kinds == [("UPDATED", "note-a")] for other in (one, *others)))
    assert renderer.rendered == 3


async def test_who_was_told_fewer_rows_is_told_of_the_others_as_they_come(rig: Rig) -> None:
    await rig.write("abc")
    await rig.projected()
    group, _, one = await settled_group(rig, {"score": {"gte": 0}}, 2)
    assert set(one.rows) == {"note-b", "note-c"}
    await rig.append("note-a", Scored(by=1))
    await until(lambda: one.kinds == [("ADDED", "note-a")])
    other = group.join(RowClient())
    await until(lambda: other.live)
    assert set(other.rows) == {"note-a", "note-c"}
    await rig.append("note-b", Scored(by=-1))  # One holds it, and the other does not.
    await until(lambda: one.kinds[1:] == [("REMOVED", "note-b")])
    await rig.append("note-b", Scored(by=2))
    await until(lambda: other.kinds == [("ADDED", "note-b")])
    assert one.kinds[2:] == [("ADDED", "note-b")]
    assert (one.wrong, other.wrong) == ([], [])
    await until(lambda: isinstance(other.member, Subscriber) and not other.member.is_filtered)


async def test_one_that_comes_back_does_not_change_what_the_others_hold(rig: Rig) -> None:
    """For it the group learns of rows that the others were never told."""
    await rig.write("abcd")
    await rig.projected()
    group, _, one = await settled_group(rig, {"score": {"gte": 0}}, 2)
    back = group.join(RowClient(exact=False), Place(4))
    await until(lambda: back.live)
    await rig.append("note-a", Scored(by=-1))
    await until(lambda: back.kinds == [("REMOVED", "note-a")])
    await rig.append("note-b", Scored(by=1))
    await until(lambda: back.kinds[1:] == [("UPDATED", "note-b")])
    assert one.kinds == [("ADDED", "note-b")]
    assert not one.wrong


async def test_one_that_is_slow_is_told_the_last_state_of_each_row_where_it_asks_for_that(rig: Rig) -> None:
    await rig.write("a")
    await rig.projected()
    _, _, one = await settled_group(rig, {}, 5, latest_only=True)
    assert one.member is not None
    one.member.pause()
    for _ in range(5):
        await rig.append("note-a", Scored(by=1))
    await rig.write("b")
    await rig.append("note-b", Scored(by=1))
    head = await rig.projected()
    await until(lambda: rig.changes.reached >= head)
    one.member.resume()
    await until(lambda: one.place is not None and one.place.position >= head)
    assert one.kinds == [("UPDATED", "note-a"), ("ADDED", "note-b")]
    assert one.rows["note-a"]["score"] == 5


async def test_one_that_the_ring_has_passed_reads_again_what_it_missed(rig: Rig) -> None:
    live = LiveView(rig.reader, rig.changes, rig.log.head, limits=RingLimits(entries=2))
    await rig.write("ab")
    await rig.projected()
    group = Shared(live, {}, 5, AsTheyAre())
    one = group.join(RowClient(exact=False))
    await until(lambda: one.live)
    assert one.member is not None
    one.member.pause()
    for name in "abab":
        await rig.append(f"note-{name}", Scored(by=1))
        await rig.projected()
    await rig.write("c")
    head = await rig.projected()
    await until(lambda: rig.changes.reached >= head)
    one.member.resume()
    await until(lambda: len(one.kinds) >= 3)
    assert one.kinds == [("UPDATED", "note-a"), ("UPDATED", "note-b"), ("ADDED", "note-c")]
    await rig.append("note-a", Scored(by=1))
    await until(lambda: one.kinds[3:] == [("UPDATED", "note-a")])
    assert (one.snapshots, one.wrong) == (1, [])


async def test_a_place_beyond_the_log_has_expired_and_one_that_too_much_changed_since(
    rig: Rig,
) -> None:
    read_limits = ReadLimits(missed_rows=2)
    live = LiveView(rig.reader, rig.changes, rig.log.head, read_limits=read_limits)
    await rig.write("abc")
    await rig.projected()
    for after, expired in ((Place(1_000), 1), (Place(0), 1), (Place(2), 0)):
        one = Shared(live, {}, 5, AsTheyAre()).join(RowClient(), after)
        await until(lambda one=one: one.live)
        assert one.member is not None
        assert (one.expired, one.snapshots, len(one.rows)) == (expired, expired, 3 if expired else 1)
        one.member.close()


async def test_ten_thousand_groups_of_as_many_rows_cost_a_change_no_more_than_one(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    await rig.write("a")
    await rig.projected()
    renderer = AsTheyAre()
    for i in range(10_000):
        shared: Any = SharedRenderer(renderer, rig.live.stats, lambda _message: 1)
        rig.live._topic(RowQuery("default", rig.live.id_filter(f"note-{i}"), 1), shared)
    _, _, one = await settled_group(rig, {"id": {"eq": "note-a"}}, 1)
    took: list[Any] = []
    take = SharedRows.apply

    def noted(self: SharedRows, row: Any) -> Any:
        took.append(row)
        return take(self, row)

    monkeypatch.setattr(SharedRows, "apply", noted)
    await rig.append("note-a", Scored(by=1))
    await until(lambda: one.kinds == [("UPDATED", "note-a")])
    assert len(took) == 1
    assert renderer.rendered == 0


async def test_one_that_comes_back_begins_anew_where_changed_code_has_made_rows_others(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Rows that read otherwise now changed at no place behind which it could be told them."""
    worker = partial(open_rig, mongo_url, redis_url, database, poll_interval=0.05, work=True)
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05) as rig:
        async with worker():
            await rig.write("ab")
            await rig.projected()
            group, _, one = await settled_group(rig, {}, 5)
            assert one.place is not None
            again = await caught_up(group.join(one.back(), one.place))
            assert (again.expired, again.kinds) == (0, [])
        async with worker(view=louder):
            staying = await caught_up(Shared(rig.live, {}, 5, AsTheyAre()).join(RowClient()))
            await until(lambda: {row["text"] for row in staying.rows.values()} == {"A", "B"})
            back = await caught_up(group.join(again.back(), again.place))
            assert (back.expired, back.snapshots) == (1, 1)
            assert back.rows == staying.rows
            await rig.append("note-a", Scored(by=1))
            await until(lambda: back.kinds == [("UPDATED", "note-a")])
            later = await caught_up(group.join(back.back(), back.place))
            assert (later.expired, later.kinds) == (0, [])


async def test_a_filter_that_a_row_breaks_ends_its_own_streams_and_no_others(rig: Rig) -> None:
    """No client can ask so: rows are made by code, which may put anything into a field."""
    group, _, one = await settled_group(rig, {}, 5)
    broken = RowClient()
    wanted = Condition("text", "lt", 5)
    broken.member = rig.live.open(
        "default", wanted, 5, None, broken, key="broken", renderer=AsTheyAre, weigh=lambda _message: 1
    )
    await caught_up(broken)
    await rig.write("a")
    await until(lambda: one.kinds == [("ADDED", "note-a")])
    assert broken.ended
    await rig.write("b")
    await until(lambda: len(one.rows) == 2)
    assert (await caught_up(group.join(RowClient()))).rows == one.rows
