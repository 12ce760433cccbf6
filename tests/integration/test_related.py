"""Rows by what they belong to: many owners at once are told what each would be told alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel.errors import NotIndexed
from projections.querying.ordering import OrderBy
from projections.querying.pages import ListQuery
from projections.querying.related import RelatedQuery, RelatedRows
from projections.querying.row_scope import RowScope
from projections.storage.indexes import update_query_indexes
from projections.storage.rows import Row
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import view
from tests.helpers.row_scopes import ALL_ROWS

TENANTS = ["default", "other"]
OWNERS = ["a", "B", "ä", "$a", "nobody"]
ENOUGH = 1_000

row = st.fixed_dictionaries(
    {
        "text": st.sampled_from(OWNERS[:-1]),
        "score": st.none() | st.integers(0, 2),
        "_tenant": st.sampled_from(TENANTS),
        "_gone": st.integers(0, 5).map(lambda number: not number),
    }
)
orders: st.SearchStrategy[OrderBy] = st.sampled_from(
    [[], [("score", "asc")], [("score", "desc")], [("text", "desc"), ("score", "asc")]]
)
filters: st.SearchStrategy[dict[str, Any] | None] = st.sampled_from(
    [None, {"score": {"gte": 1}}, {"score": {"isNull": True}}, {"or": []}]
)


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def fill(rig: Rig, rows: list[dict[str, Any]]) -> None:
    stored = rig.rows()
    await update_query_indexes(stored, view)
    await stored.delete_many({})
    own = {"_position": 1, "_place": 0, "_created": 1, "_generation": 1}
    keyed = [{"id": f"note-{number:02}", **one, **own} for number, one in enumerate(rows)]
    if keyed:
        await stored.insert_many([{"_id": f"{one['_tenant']}/{one['id']}", **one} for one in keyed])


async def followed(related: RelatedRows, tenant: str, wanted: RelatedQuery) -> dict[str, list[Row]]:
    """All rows of each owner: the first pages of all at once, and what follows by their cursors."""
    pages = await related.pages(RowScope(tenant), OWNERS, wanted, ENOUGH)
    found: dict[str, list[Row]] = {}
    for owner, page in pages.items():
        found[owner] = list(page.rows)
        while page.has_previous if wanted.backward else page.has_next:
            if wanted.backward:
                next_one = replace(wanted, before=page.cursor(page.rows[0]))
            else:
                next_one = replace(wanted, after=page.cursor(page.rows[-1]))
            page = (await related.pages(RowScope(tenant), [owner], next_one, ENOUGH))[owner]
            assert await related.beyond(RowScope(tenant), [owner, "nobody"], next_one) == {owner}
            found[owner] = [*page.rows, *found[owner]] if wanted.backward else [*found[owner], *page.rows]
    return found


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(row, max_size=25),
    order=orders,
    filter=filters,
    size=st.integers(1, 4),
    backward=st.booleans(),
)
async def test_pages_of_many_owners_are_those_of_each(
    rig: Rig,
    rows: list[dict[str, Any]],
    order: OrderBy,
    filter: dict[str, Any] | None,
    size: int,
    backward: bool,
) -> None:
    await fill(rig, rows)
    related = RelatedRows(rig.locator)
    for tenant in TENANTS:
        fields = frozenset({"id", "score"})
        wanted = RelatedQuery(size, filter, order, backward=backward, fields=fields, by="text")
        found = await followed(related, tenant, wanted)
        counts = await related.counts(RowScope(tenant), OWNERS, wanted)
        for owner in OWNERS:
            of_owner = {"and": [filter or {}, {"text": {"eq": owner}}]}
            alone = await rig.reader.page(RowScope(tenant), ListQuery(100, of_owner, order))
            assert [one["id"] for one in found[owner]] == [one["id"] for one in alone.rows]
            assert counts[owner] == len(alone.rows)
        ids = [f"note-{number:02}" for number in range(len(rows) + 1)]
        there = await related.get(RowScope(tenant), ids)
        singly = [await rig.reader.get(RowScope(tenant), one) for one in ids]
        assert [there.get(one) for one in ids] == singly


async def test_no_more_rows_are_read_than_allowed(mongo_url: str, redis_url: str, database: str) -> None:
    """Beside one for each owner, which tells whether its page is all."""
    async with open_rig(mongo_url, redis_url, database) as rig:
        rows = [{"text": owner, "score": 1, "_tenant": "default", "_gone": False} for owner in OWNERS * 40]
        await fill(rig, rows)
        related = RelatedRows(rig.locator)
        pages = await related.pages(ALL_ROWS, OWNERS, RelatedQuery(20, by="text"), 30)
        assert 30 <= sum(len(page.rows) for page in pages.values()) <= 30 + len(OWNERS)
        pages = await related.pages(ALL_ROWS, OWNERS, RelatedQuery(20, by="text"), ENOUGH)
        assert [len(page.rows) for page in pages.values()] == [20] * len(OWNERS)


async def test_what_no_index_serves_is_refused_where_owners_have_too_many_rows(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """As of a list: here of those who are asked for."""
    async with open_rig(mongo_url, redis_url, database) as rig:
        rows = [{"text": owner, "score": 1, "_tenant": "default", "_gone": False} for owner in "aaaaab"]
        await fill(rig, rows)
        related = RelatedRows(rig.locator, scan_limit=4)
        unserved = RelatedQuery(1, {"links": {"ne": 1}, "score": {"gt": 0}}, by="text")
        with pytest.raises(NotIndexed):
            await related.pages(ALL_ROWS, ["a", "b"], unserved, ENOUGH)
        assert len((await related.pages(ALL_ROWS, ["b"], unserved, ENOUGH))["b"].rows) == 1
        assert (await related.counts(ALL_ROWS, ["a"], RelatedQuery(1, by="text")))["a"] == 5
