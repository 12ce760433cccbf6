"""Full-text search of a view that declares it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from domain.kernel.errors import Unavailable, ValidationFailed
from projections.querying.ordering import OrderBy
from projections.querying.pages import ListQuery
from projections.querying.row_scope import RowScope
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.note_rows import fill
from tests.helpers.notes import view
from tests.helpers.row_scopes import ALL_ROWS

TEXTS = [
    "Pay the invoice of March",
    "A payment that is late: Café Müller",
    "invoice task-01J, to be paid in April",
    "the MARCH report",
]


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    searched = replace(view, search=("text",))
    async with open_rig(mongo_url, redis_url, database, view=searched) as rig:
        rows = [{"id": f"note-{i}", "text": text, "score": -i} for i, text in enumerate(TEXTS)]
        other = {"id": "note-0", "text": "invoice", "score": 0, "_tenant": "other"}
        gone = {"id": "note-9", "text": "invoice", "score": 0, "_gone": True}
        await fill(rig, [*rows, other, gone])
        yield rig


async def found(rig: Rig, search: str, **arguments: Any) -> list[str]:
    page = await rig.reader.page(ALL_ROWS, ListQuery(10, search=search, **arguments))
    assert await rig.reader.count(ALL_ROWS, arguments.get("filter"), search) == len(page.rows)
    return [row["id"] for row in page.rows]


FINDS: dict[str, list[int]] = {
    "invoice": [0, 2],
    "INVOICE march": [0],
    "march": [0, 3],
    "pay": [0],
    "(invoice), & march!": [0],
    "cafe muller": [1],
    "CAFÉ": [1],
    "invoi": [],
    '"the invoice"': [0],
    '"invoice the"': [],
    '"the march report" the': [3],
    "the -invoice": [3],
    'march -"the invoice"': [3],
    "invoice -pay": [2],
    "march -rep": [0, 3],
    "task-01j": [2],
    "invoice -task-01j": [0],
    "invoice april march": [],
    '"unclosed': [],
    'invoice "april': [2],
    "paid\\": [2],
    '"paid\\': [2],
}


async def test_a_search_finds_the_rows_that_hold_all_its_words(rig: Rig) -> None:
    for search, numbers in FINDS.items():
        assert await found(rig, search) == [f"note-{number}" for number in numbers], search


async def test_a_search_keeps_filter_order_and_pages(rig: Rig) -> None:
    by_score: OrderBy = [("score", "asc")]
    assert await found(rig, "invoice", order=by_score) == ["note-2", "note-0"]
    assert await found(rig, "invoice", filter={"score": {"lt": 0}}) == ["note-2"]
    seen, cursor = [], None
    for _ in TEXTS:
        page = await rig.reader.page(ALL_ROWS, ListQuery(1, order=by_score, search="the", after=cursor))
        seen += [row["id"] for row in page.rows]
        if not page.has_next:
            break
        cursor = page.cursor(page.rows[0])
    assert seen == ["note-3", "note-0"]
    for search in ("report", None):
        with pytest.raises(ValidationFailed, match="another list"):
            await rig.reader.page(ALL_ROWS, ListQuery(1, order=by_score, search=search, after=cursor))


async def test_a_tenant_finds_its_own_rows_only(rig: Rig) -> None:
    page = await rig.reader.page(RowScope("other"), ListQuery(9, search="invoice"))
    assert [row["_tenant"] for row in page.rows] == ["other"]
    assert await rig.reader.count(RowScope("third"), search="invoice") == 0


async def test_what_is_no_search_is_refused(rig: Rig) -> None:
    for search in ("", " ", "...", "-word", "a" * 501, "a\0", "a " * 21, "\ud800"):
        with pytest.raises(ValidationFailed) as refused:
            await rig.reader.page(ALL_ROWS, ListQuery(1, search=search))
        assert refused.value.path == ("search",)


async def test_a_view_without_search_cannot_be_searched(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with open_rig(mongo_url, redis_url, database) as rig:
        with pytest.raises(ValidationFailed, match="cannot be searched"):
            await rig.reader.page(ALL_ROWS, ListQuery(1, search="a"))


async def test_a_search_before_its_index_is_there_says_so(rig: Rig) -> None:
    await rig.rows().drop_index("search_text")
    with pytest.raises(Unavailable, match="cannot be searched until"):
        await rig.reader.page(ALL_ROWS, ListQuery(1, search="a"))
    with pytest.raises(Unavailable, match="cannot be searched until"):
        await rig.reader.count(ALL_ROWS, search="a")
