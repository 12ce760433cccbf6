"""Reading a view: one row, pages, counts, and waiting for a position."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel.errors import StaleRead, ValidationFailed
from projections.indexes import prepare
from projections.querying.ordering import Direction, OrderBy
from tests.notes import Erased, Rig, Scored, Written, open_rig, view

pytestmark = pytest.mark.usefixtures("driver")

TENANT = "default"


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def fill(rig: Rig, rows: list[dict[str, Any]]) -> None:
    """Put rows into the view as a projector would."""
    stored = rig.rows()
    await prepare(stored, view)
    await stored.delete_many({})
    own = {"_tenant": TENANT, "_gone": False, "_position": 1, "_place": 0, "_created": 1, "_generation": 1}
    if rows:
        await stored.insert_many(
            [{"_id": f"{row.get('_tenant', TENANT)}/{row['id']}", **own, **row} for row in rows]
        )


def moment(minutes: int | None) -> datetime | None:
    return None if minutes is None else datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)


small = st.none() | st.integers(0, 2)
some_rows = st.lists(
    st.fixed_dictionaries(
        {"text": st.sampled_from(["a", "B", "ä"]), "score": small, "scored_at": small.map(moment)}
    ),
    max_size=9,
).map(lambda found: [{"id": f"note-{i}", **row} for i, row in enumerate(found)])
WAYS: list[Direction] = ["asc", "desc"]
orders: st.SearchStrategy[OrderBy] = st.permutations(["text", "score", "scored_at"]).flatmap(
    lambda names: st.lists(st.sampled_from(WAYS), max_size=3).map(
        lambda ways: list(zip(names, ways, strict=False))
    )
)


async def walk(rig: Rig, order: OrderBy, size: int, *, backward: bool) -> list[str]:
    """All ids by following the pages from one end to the other."""
    found: list[str] = []
    cursor: str | None = None
    for _ in range(20):
        if backward:
            page = await rig.reader.page(TENANT, order=order, last=size, before=cursor)
            found = [row["id"] for row in page.rows] + found
            more, edge = page.has_previous, 0
        else:
            page = await rig.reader.page(TENANT, order=order, first=size, after=cursor)
            found += [row["id"] for row in page.rows]
            more, edge = page.has_next, -1
        if not more:
            return found
        cursor = page.cursor(page.rows[edge])
    raise AssertionError("the pages do not end")


def expected(rows: list[dict[str, Any]], order: OrderBy) -> list[str]:
    """All ids sorted as the promise says: nulls first, ties by id in the direction of the last field."""
    wanted = sorted(rows, key=lambda row: row["id"], reverse=bool(order) and order[-1][1] == "desc")
    for name, way in reversed(order):
        wanted.sort(
            key=lambda row: (row[name] is not None, row[name] or 0) if name != "text" else row[name],
            reverse=way == "desc",
        )
    return [row["id"] for row in wanted]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_pages_hold_every_row_once_and_in_order_in_both_directions(
    mongo_url: str, redis_url: str, database: str, data: st.DataObject
) -> None:
    """Whatever the order, with nulls and ties: the pages of any size put together are the sorted list."""
    rows, order = data.draw(some_rows), data.draw(orders)
    size = data.draw(st.integers(1, 4))

    async def check() -> None:
        async with open_rig(mongo_url, redis_url, database) as rig:
            await fill(rig, rows)
            assert await walk(rig, order, size, backward=False) == expected(rows, order)
            assert await walk(rig, order, size, backward=True) == expected(rows, order)

    asyncio.run(check())


async def test_a_page_between_two_cursors(rig: Rig) -> None:
    await fill(rig, [{"id": f"note-{i}"} for i in range(6)])
    whole = await rig.reader.page(TENANT, first=6)
    cursors = [whole.cursor(row) for row in whole.rows]
    page = await rig.reader.page(TENANT, first=9, after=cursors[1], before=cursors[4])
    assert [row["id"] for row in page.rows] == ["note-2", "note-3"]
    assert (page.has_next, page.has_previous) == (False, True)
    assert (whole.has_next, whole.has_previous) == (False, False)


@pytest.mark.parametrize("value", [None, 7])
@pytest.mark.parametrize("way", ["asc", "desc"])
async def test_a_page_deep_in_a_list_of_equals_costs_a_page(
    rig: Rig, way: Direction, value: int | None
) -> None:
    """MongoDB goes to the cursor's place by the index, it does not walk there."""
    await fill(rig, [{"id": f"note-{i:04}", "score": value} for i in range(1_000)])
    order: OrderBy = [("score", way)]
    row = await rig.reader.get(TENANT, "note-0500")
    assert row is not None
    cursor = (await rig.reader.page(TENANT, order=order, first=1)).cursor(row)
    await rig.database.command({"profile": 2})
    forward: dict[str, Any] = {"first": 10, "after": cursor}
    for arguments in forward, {"last": 10, "before": cursor}:
        page = await rig.reader.page(TENANT, {"links": {"isNull": True}}, order, **arguments)
        assert len(page.rows) == 10
    await rig.database.command({"profile": 0})
    of_rows = {"op": "query", "ns": f"{rig.database.name}.{rig.rows().name}"}
    seen = await rig.database["system.profile"].find(of_rows).to_list(None)
    assert all(entry["docsExamined"] <= 50 for entry in seen), [entry["docsExamined"] for entry in seen]
    assert len(seen) == 2


async def test_a_cursor_stays_good_when_its_row_is_gone(rig: Rig) -> None:
    rows: list[dict[str, Any]] = [{"id": f"note-{i}", "score": i} for i in range(4)]
    await fill(rig, rows)
    page = await rig.reader.page(TENANT, order=[("score", "asc")], first=2)
    cursor = page.cursor(page.rows[-1])
    await fill(rig, [row for row in rows if row["id"] != "note-1"])
    following = await rig.reader.page(TENANT, order=[("score", "asc")], first=2, after=cursor)
    assert [row["id"] for row in following.rows] == ["note-2", "note-3"]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({}, ("first",)),
        ({"first": 1, "last": 1}, ("first",)),
        ({"first": -1}, ("first",)),
        ({"last": -1}, ("last",)),
        ({"first": 1, "after": "x"}, ("after",)),
        ({"last": 1, "before": "x"}, ("before",)),
        ({"first": 1, "filter": {"nothing": {}}}, ("filter", "nothing")),
        ({"first": 1, "order": [("links", "asc")]}, ("orderBy", 0)),
    ],
)
async def test_a_page_that_cannot_be_is_refused_where_it_is_wrong(
    rig: Rig, arguments: Mapping[str, Any], path: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await rig.reader.page(TENANT, **arguments)
    assert refused.value.path == path


async def test_an_empty_page_still_tells_whether_there_is_more(rig: Rig) -> None:
    await fill(rig, [{"id": "note-1"}])
    assert (await rig.reader.page(TENANT, first=0)).has_next
    await fill(rig, [])
    assert not (await rig.reader.page(TENANT, first=0)).has_next


async def test_a_tenant_sees_and_counts_its_own_rows_only(rig: Rig) -> None:
    await fill(rig, [{"id": "note-1", "score": 1}, {"id": "note-1", "score": 2, "_tenant": "other"}])
    row = await rig.reader.get("other", "note-1")
    assert row is not None
    assert row["score"] == 2
    assert await rig.reader.get("third", "note-1") is None
    assert [row["score"] for row in (await rig.reader.page(TENANT, first=5)).rows] == [1]
    assert await rig.reader.count(TENANT) == 1
    assert await rig.reader.count("other", {"score": {"gt": 1}}) == 1
    assert await rig.reader.count(TENANT, {"score": {"gt": 1}}) == 0


async def test_waiting_for_a_position_ends_when_the_view_is_there(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """With a poll interval beyond the deadline, only the announcement can end the wait."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=60, work=True) as rig:
        await asyncio.gather(*(rig.append(f"note-{i}", Written(text="a")) for i in range(20)))
        await rig.reader.wait_for(20, 10)
        for i in range(20):
            receipt = await rig.append(f"note-{i}", Scored(by=1))
            await rig.reader.wait_for(receipt.position, 10)
            row = await rig.reader.get(TENANT, f"note-{i}")
            assert row is not None
            assert row["score"] == 1
        await asyncio.gather(*(rig.reader.wait_for(position, 10) for position in range(41)))


async def test_waiting_for_a_position_that_does_not_come_tells_the_lag(rig: Rig) -> None:
    await rig.checkpoints.save(await rig.hold(), 4)
    with pytest.raises(StaleRead) as stale:
        await rig.reader.wait_for(7, 0.05)
    assert (stale.value.view, stale.value.lag) == ("notes", 3)


async def test_a_row_that_is_gone_is_in_no_answer(mongo_url: str, redis_url: str, database: str) -> None:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        await rig.write(["a", "b"])
        await rig.append("note-a", Erased())
        await rig.projected()
        assert await rig.reader.get(TENANT, "note-a") is None
        assert [row["id"] for row in (await rig.reader.page(TENANT, first=9)).rows] == ["note-b"]
        assert await rig.reader.count(TENANT) == 1
        assert await rig.reader.count(TENANT, {"text": {"eq": "a"}}) == 0
