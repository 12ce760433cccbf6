"""Reading a view: one row, pages, counts, and waiting for a position."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from domain.kernel.errors import StaleRead, ValidationFailed
from projections.querying.ordering import Direction, OrderBy
from projections.querying.pages import ListQuery
from projections.querying.row_scope import RowScope
from tests.helpers.consumer_states import hold
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.note_rows import fill, sides
from tests.helpers.notes import Erased, Scored, Written
from tests.helpers.row_scopes import ALL_ROWS

pytestmark = pytest.mark.usefixtures("driver")


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def test_a_page_between_two_cursors(rig: Rig) -> None:
    await fill(rig, [{"id": f"note-{i}"} for i in range(6)])
    whole = await rig.reader.page(ALL_ROWS, ListQuery(6))
    cursors = [whole.cursor(row) for row in whole.rows]
    page = await rig.reader.page(ALL_ROWS, ListQuery(9, after=cursors[1], before=cursors[4]))
    assert [row["id"] for row in page.rows] == ["note-2", "note-3"]
    assert await sides(page) == (True, False)
    assert await sides(whole) == (False, False)


@pytest.mark.parametrize("value", [None, 7])
@pytest.mark.parametrize("way", ["asc", "desc"])
async def test_a_page_deep_in_a_list_of_equals_costs_a_page(
    rig: Rig, way: Direction, value: int | None
) -> None:
    """MongoDB goes to the cursor's place by the index, it does not walk there."""
    await fill(rig, [{"id": f"note-{i:04}", "score": value} for i in range(1_000)])
    order: OrderBy = [("score", way)]
    row = await rig.reader.get(ALL_ROWS, "note-0500")
    assert row is not None
    without_links = {"links": {"isNull": True}}
    cursor = (await rig.reader.page(ALL_ROWS, ListQuery(1, without_links, order))).cursor(row)
    await rig.database.command({"profile": 2})
    query = ListQuery(10, without_links, order)
    for page_query in replace(query, after=cursor), replace(query, before=cursor, backward=True):
        page = await rig.reader.page(ALL_ROWS, page_query)
        assert len(page.rows) == 10
    await rig.database.command({"profile": 0})
    of_rows = {"op": "query", "ns": f"{rig.database.name}.{rig.rows().name}"}
    seen = await rig.database["system.profile"].find(of_rows).to_list(None)
    assert all(entry["docsExamined"] <= 50 for entry in seen), [entry["docsExamined"] for entry in seen]
    assert len(seen) == 2


async def test_a_cursor_stays_good_when_its_row_is_gone(rig: Rig) -> None:
    rows: list[dict[str, Any]] = [{"id": f"note-{i}", "score": i} for i in range(4)]
    await fill(rig, rows)
    page = await rig.reader.page(ALL_ROWS, ListQuery(2, order=[("score", "asc")]))
    cursor = page.cursor(page.rows[-1])
    await fill(rig, [row for row in rows if row["id"] != "note-1"])
    following = await rig.reader.page(ALL_ROWS, ListQuery(2, order=[("score", "asc")], after=cursor))
    assert [row["id"] for row in following.rows] == ["note-2", "note-3"]


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ({"after": "x"}, ("after",)),
        ({"before": "x", "backward": True}, ("before",)),
        ({"filter": {"nothing": {}}}, ("filter", "nothing")),
        ({"order": [("links", "asc")]}, ("orderBy", 0)),
    ],
)
async def test_a_page_that_cannot_be_is_refused_where_it_is_wrong(
    rig: Rig, arguments: Mapping[str, Any], path: tuple[str, ...]
) -> None:
    with pytest.raises(ValidationFailed) as refused:
        await rig.reader.page(ALL_ROWS, ListQuery(1, **arguments))
    assert refused.value.path == path


async def test_an_empty_page_still_tells_whether_there_is_more(rig: Rig) -> None:
    await fill(rig, [{"id": "note-1"}])
    assert (await rig.reader.page(ALL_ROWS, ListQuery(0))).has_next
    await fill(rig, [])
    assert not (await rig.reader.page(ALL_ROWS, ListQuery(0))).has_next


async def test_a_tenant_sees_and_counts_its_own_rows_only(rig: Rig) -> None:
    await fill(rig, [{"id": "note-1", "score": 1}, {"id": "note-1", "score": 2, "_tenant": "other"}])
    row = await rig.reader.get(RowScope("other"), "note-1")
    assert row is not None
    assert row["score"] == 2
    assert await rig.reader.get(RowScope("third"), "note-1") is None
    assert [row["score"] for row in (await rig.reader.page(ALL_ROWS, ListQuery(5))).rows] == [1]
    assert await rig.reader.count(ALL_ROWS) == 1
    assert await rig.reader.count(RowScope("other"), {"score": {"gt": 1}}) == 1
    assert await rig.reader.count(ALL_ROWS, {"score": {"gt": 1}}) == 0


async def test_waiting_for_a_position_ends_when_the_view_is_there(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """With a poll interval beyond the deadline, only the announcement can end the wait."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=600, work=True) as rig:
        await asyncio.gather(*(rig.append(f"note-{i}", Written(text="a")) for i in range(20)))
        await rig.reader.wait_for(20, 60)
        for i in range(20):
            receipt = await rig.append(f"note-{i}", Scored(by=1))
            await rig.reader.wait_for(receipt.position, 60)
            row = await rig.reader.get(ALL_ROWS, f"note-{i}")
            assert row is not None
            assert row["score"] == 1
        await asyncio.gather(*(rig.reader.wait_for(position, 60) for position in range(41)))


async def test_waiting_for_a_position_that_does_not_come_tells_the_lag(rig: Rig) -> None:
    await rig.checkpoints.save(await hold(rig), 4)
    with pytest.raises(StaleRead) as stale:
        await rig.reader.wait_for(7, 0.05)
    assert (stale.value.view, stale.value.lag) == ("notes", 3)


async def test_a_row_that_is_gone_is_in_no_answer(mongo_url: str, redis_url: str, database: str) -> None:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        await rig.write(["a", "b"])
        await rig.append("note-a", Erased())
        await rig.projected()
        assert await rig.reader.get(ALL_ROWS, "note-a") is None
        assert [row["id"] for row in (await rig.reader.page(ALL_ROWS, ListQuery(9))).rows] == ["note-b"]
        assert await rig.reader.count(ALL_ROWS) == 1
        assert await rig.reader.count(ALL_ROWS, {"text": {"eq": "a"}}) == 0
