"""Pages by keyset: put together they are the list, also while it changes."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel.errors import ValidationFailed
from projections.querying.ordering import Direction, OrderBy
from projections.querying.pages import ListQuery
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.note_rows import TENANT, fill, moment, sides, stored
from tests.helpers.row_scopes import ALL_ROWS

Change = Callable[[], Awaitable[Any]]

WAYS: list[Direction] = ["asc", "desc"]
orders: st.SearchStrategy[OrderBy] = st.permutations(["text", "score", "scored_at"]).flatmap(
    lambda names: st.lists(st.sampled_from(WAYS), max_size=3).map(
        lambda ways: list(zip(names, ways, strict=False))
    )
)
small = st.none() | st.integers(0, 2)
contents = st.fixed_dictionaries(
    {"text": st.sampled_from(["a", "B", "ä"]), "score": small, "scored_at": small.map(moment)}
)
some_rows = st.lists(contents, max_size=9).map(
    lambda found: [{"id": f"note-{i}", **row} for i, row in enumerate(found)]
)
filters = st.sampled_from([None, {"score": {"gte": 1}}, {"text": {"ne": "a"}}, {"score": {"isNull": True}}])
changes = st.lists(st.tuples(st.sampled_from([1, 3, 5, 7, 9, 11]), st.none() | contents), max_size=3)
"""Between two pages: rows, by their number, that go away or come to hold something else."""


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def walk(
    rig: Rig,
    order: OrderBy,
    size: int,
    *,
    backward: bool,
    filter: Mapping[str, Any] | None = None,
    between: Change | None = None,
) -> list[str]:
    """All ids by following the pages from one end to the other; `between` is done behind each."""
    found: list[str] = []
    cursor: str | None = None
    for _ in range(200):
        if backward:
            page = await rig.reader.page(
                ALL_ROWS, ListQuery(size, filter, order, before=cursor, backward=True)
            )
            found = [row["id"] for row in page.rows] + found
            more, edge = page.has_previous, 0
        else:
            page = await rig.reader.page(ALL_ROWS, ListQuery(size, filter, order, after=cursor))
            found += [row["id"] for row in page.rows]
            more, edge = page.has_next, -1
        if not more:
            return found
        cursor = page.cursor(page.rows[edge])
        if between is not None:
            await between()
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


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=some_rows, order=orders, size=st.integers(1, 4))
async def test_pages_hold_every_row_once_and_in_order_in_both_directions(
    rig: Rig, rows: list[dict[str, Any]], order: OrderBy, size: int
) -> None:
    """Whatever the order, with nulls and ties: the pages of any size put together are the sorted list."""
    await fill(rig, rows)
    assert await walk(rig, order, size, backward=False) == expected(rows, order)
    assert await walk(rig, order, size, backward=True) == expected(rows, order)


def meets(row: Mapping[str, Any], filter: Mapping[str, Any] | None) -> bool:
    if filter is None:
        return True
    if "text" in filter:
        return bool(row["text"] != "a")
    return row["score"] is None if "isNull" in filter["score"] else (row["score"] or 0) >= 1


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=some_rows,
    order=orders,
    filter=filters,
    size=st.integers(1, 3),
    backward=st.booleans(),
    schedule=st.lists(changes, max_size=8),
)
async def test_what_does_not_change_is_on_one_page_exactly_whatever_else_changes(
    rig: Rig,
    rows: list[dict[str, Any]],
    order: OrderBy,
    filter: Mapping[str, Any] | None,
    size: int,
    backward: bool,
    schedule: list[list[tuple[int, dict[str, Any] | None]]],
) -> None:
    """Rows of an odd number come, move and go between two pages: also the one that a cursor was made of."""
    await fill(rig, rows)
    steps = iter(schedule)

    async def between() -> None:
        for number, content in next(steps, ()):
            await put(rig, f"note-{number}", content)

    found = await walk(rig, order, size, backward=backward, filter=filter, between=between)
    still = [row for row in rows if int(row["id"][5:]) % 2 == 0]
    wanted = expected([row for row in still if meets(row, filter)], order)
    assert [note for note in found if int(note[5:]) % 2 == 0] == wanted


async def put(rig: Rig, id: str, content: Mapping[str, Any] | None) -> None:
    """The row comes to hold this, or goes away."""
    rows = rig.rows()
    row = stored({"id": id, **(content or {})})
    await rows.delete_one({"_id": row["_id"]})
    if content is not None:
        await rows.insert_one(row)


@pytest.mark.parametrize("backward", [False, True])
async def test_what_does_not_change_is_on_one_page_exactly_under_a_writer_at_work(
    rig: Rig, backward: bool
) -> None:
    rows = [{"id": f"note-{i:03}", "text": "a", "score": i % 7, "scored_at": None} for i in range(300)]
    await fill(rig, rows)
    chance, written = random.Random(7), asyncio.Event()
    stored_rows = rig.rows()

    async def write() -> None:
        while True:
            key = f"{TENANT}/note-{chance.randrange(1, 300, 2):03}"
            await stored_rows.update_one({"_id": key}, {"$set": {"score": chance.randrange(7)}})
            written.set()

    async def between() -> None:
        written.clear()
        await written.wait()

    writer = asyncio.create_task(write())
    order: OrderBy = [("score", "desc")]
    found = await walk(rig, order, 5, backward=backward, between=between)
    writer.cancel()
    await asyncio.gather(writer, return_exceptions=True)
    assert [note for note in found if int(note[5:]) % 2 == 0] == expected(rows[::2], order)


async def test_what_lies_beside_a_page_is_told_as_it_is(rig: Rig) -> None:
    """Not by whether there is a cursor: the row that it was made of may be gone, and all beyond it."""
    rows = [{"id": f"note-{i}", "score": i} for i in range(6)]
    await fill(rig, rows)
    order: OrderBy = [("score", "desc")]
    whole = await rig.reader.page(ALL_ROWS, ListQuery(6, {"score": {"gte": 0}}, order))
    upper, lower = whole.cursor(whole.rows[1]), whole.cursor(whole.rows[4])

    async def look() -> list[tuple[bool, bool]]:
        """Of the page behind the upper cursor, the one before the lower, and of two without a row."""
        query = ListQuery(2, {"score": {"gte": 0}}, order)
        pages = [
            replace(query, after=upper),
            replace(query, before=lower, backward=True),
            replace(query, after=whole.cursor(whole.rows[5])),
            replace(query, before=whole.cursor(whole.rows[0]), backward=True),
        ]
        return [await sides(await rig.reader.page(ALL_ROWS, page)) for page in pages]

    assert await look() == [(True, True), (True, True), (True, False), (False, True)]
    await fill(rig, rows[2:5])
    assert await look() == [(True, False), (True, False), (True, False), (False, True)]
    await fill(rig, rows[2:4])
    assert await look() == [(False, False), (False, False), (True, False), (False, True)]
    await fill(rig, [])
    assert await look() == [(False, False)] * 4


async def test_a_cursor_of_another_filter_is_refused(rig: Rig) -> None:
    await fill(rig, [{"id": f"note-{i}", "score": i} for i in range(3)])
    page = await rig.reader.page(ALL_ROWS, ListQuery(1, {"score": {"gt": 0}}))
    cursor = page.cursor(page.rows[0])
    again = await rig.reader.page(ALL_ROWS, ListQuery(1, {"score": {"gt": 0}}, after=cursor))
    assert [row["id"] for row in again.rows] == ["note-2"]
    for other in ({"score": {"gt": 1}}, None):
        with pytest.raises(ValidationFailed, match="another list") as refused:
            await rig.reader.page(ALL_ROWS, ListQuery(1, other, after=cursor))
        assert refused.value.path == ("after",)


async def test_only_what_is_asked_for_is_looked_up(rig: Rig) -> None:
    await fill(rig, [{"id": f"note-{i}"} for i in range(6)])
    cursor = (whole := await rig.reader.page(ALL_ROWS, ListQuery(6))).cursor(whole.rows[3])
    await rig.database.command({"profile": 2})
    page = await rig.reader.page(ALL_ROWS, ListQuery(2, before=cursor, backward=True))
    assert await sides(page) == (True, True)
    await rig.database.command({"profile": 0})
    of_rows = {"op": "query", "ns": f"{rig.database.name}.{rig.rows().name}"}
    seen = await rig.database["system.profile"].find(of_rows).to_list(None)
    assert [entry["docsExamined"] for entry in seen] == [3, 1]
