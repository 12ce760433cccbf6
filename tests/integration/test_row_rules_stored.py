"""Rules of access use indexes, refuse no query, and hold while rows lack the fields that they depend on."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from domain.kernel.access import owner, where
from domain.kernel.errors import DeclarationError, NotIndexed, ViewRebuilding
from projections.kernel.field_kinds import kinds
from projections.kernel.view import View
from projections.querying.filters import EVERYTHING, FieldCondition
from projections.querying.pages import ListQuery
from projections.querying.queries import ViewReader
from projections.querying.related import RelatedQuery, RelatedRows
from projections.querying.row_scope import RowScope, check_rule
from tests.helpers.hot_notes import hot, hot_by_default, reading
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.note_rows import fill
from tests.helpers.notes import NoteRow, view
from tests.helpers.rebuilds import some_notes
from tests.helpers.row_scopes import ALL_ROWS


class DataRow(NoteRow):
    """A row with an object."""

    data: dict[str, str]


OWNED = replace(view, filters=("links", "score"), orders=("score",), access=owner("text"))
ANN = RowScope("default", FieldCondition("text", "eq", "ann"))
BOB = RowScope("default", FieldCondition("text", "eq", "bob"))
COLD = RowScope("default", FieldCondition("hot", "eq", False))
OWN_ROWS, OTHER_ROWS, LIMIT = 6, 60, 10


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncGenerator[Rig]:
    """Some rows of Ann and many of Bob."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=60, view=OWNED) as rig:
        texts = ["ann"] * OWN_ROWS + ["bob"] * OTHER_ROWS
        await fill(
            rig,
            [
                {"id": f"note-{i:03}", "text": text, "score": -i, "links": i % 2, "folded": [i]}
                for i, text in enumerate(texts)
            ],
        )
        yield rig


async def test_the_field_of_a_rule_has_an_index_which_serves_the_lists_of_a_caller(rig: Rig) -> None:
    """A page reads the caller's rows, however many others there are."""
    assert "by_text" in await rig.rows().index_information()
    await rig.database.command({"profile": 2})
    page = await rig.reader.page(ANN, ListQuery(99))
    count = await rig.reader.count(ANN)
    await rig.database.command({"profile": 0})
    assert len(page.rows) == count == OWN_ROWS
    of_rows = {"ns": f"{rig.database.name}.{rig.rows().name}"}
    reads = await rig.database["system.profile"].find(of_rows).to_list(None)
    assert len(reads) == 2
    assert all(read["docsExamined"] <= OWN_ROWS for read in reads), [read["planSummary"] for read in reads]


async def test_a_rule_never_makes_a_query_refused(rig: Rig) -> None:
    """Also of a caller with many rows, together with a filter or an order that another index serves."""
    reader = ViewReader(rig.locator, LIMIT)
    for query in (ListQuery(3), ListQuery(3, {"links": {"eq": 1}}), ListQuery(3, order=[("score", "asc")])):
        for scope in (ALL_ROWS, ANN, BOB):
            assert len((await reader.page(scope, query)).rows) == 3
            assert await reader.count(scope, query.filter)


async def test_a_rule_that_leaves_few_rows_allows_what_no_index_serves(rig: Rig) -> None:
    reader = ViewReader(rig.locator, LIMIT)
    unserved = {"links": {"gte": 0}, "score": {"lte": 0}}
    for scope in (ALL_ROWS, BOB):
        with pytest.raises(NotIndexed):
            await reader.count(scope, unserved)
    assert await reader.count(ANN, unserved) == OWN_ROWS


def test_a_rule_by_a_field_that_cannot_be_compared_is_refused_at_the_start() -> None:
    """It is refused where the schema and the readers are made; so is a value that the field cannot have."""
    assert kinds(replace(view, access=owner("folded")))["folded"].is_list
    with pytest.raises(DeclarationError, match="cannot decide access by 'data'"):
        kinds(replace(view, row=DataRow, access=owner("data")))
    check_rule(replace(view, access=where("score", 1) | where("text", "1")))
    with pytest.raises(DeclarationError, match=r"where\('score', '1'\) can never be met, .* has an integer"):
        check_rule(replace(view, access=where("score", "1")))


READS: dict[str, Callable[[Rig, RowScope], Awaitable[Any]]] = {
    "one": lambda rig, scope: rig.reader.get(scope, "note-0"),
    "one at least": lambda rig, scope: rig.reader.get_at_least(scope, "note-0", 1, 30),
    "page": lambda rig, scope: rig.reader.page(scope, ListQuery(5)),
    "count": lambda rig, scope: rig.reader.count(scope),
    "ids": lambda rig, scope: rig.reader.ids(scope, unchanged_since=99),
    "places": lambda rig, scope: rig.reader.places(scope, EVERYTHING),
    "matching": lambda rig, scope: rig.reader.matching(scope, EVERYTHING),
    "linked": lambda rig, scope: RelatedRows(rig.locator).get(scope, ["note-0"]),
    "linked pages": lambda rig, scope: RelatedRows(rig.locator).pages(
        scope, ["x"], RelatedQuery(5, by="text"), 9
    ),
    "linked counts": lambda rig, scope: RelatedRows(rig.locator).counts(
        scope, ["x"], RelatedQuery(5, by="text")
    ),
    "live": lambda rig, scope: first_message(rig, scope),
}


async def first_message(rig: Rig, scope: RowScope) -> Any:
    async with aclosing(rig.live.watch_rows(scope)) as messages:
        return await anext(messages)


@pytest.fixture
async def places(mongo_url: str, redis_url: str, database: str) -> tuple[str, str, str]:
    """A database whose rows lack the fields of the rule."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await some_notes(rig, 4)
        await rig.projected()
    return mongo_url, redis_url, database


@pytest.mark.parametrize("version", [hot, hot_by_default], ids=["without a default", "with a default"])
async def test_nothing_is_read_by_a_rule_while_rows_lack_its_field(
    places: tuple[str, str, str], version: View[Any]
) -> None:
    """Not even by the default of the field, which may not be what a row will have."""
    async with reading(version, places) as rig:
        for name, read in READS.items():
            assert await read(rig, ALL_ROWS), name
            with pytest.raises(ViewRebuilding, match="'hot'"):
                await read(rig, COLD)


async def test_the_past_is_read_by_a_rule_whose_field_stored_rows_lack(places: tuple[str, str, str]) -> None:
    """The rows are folded by the present code, which gives them the field."""
    async with reading(hot, places) as rig:
        then = rig.past.at(await rig.log.high_water_mark())
        rows = {row["id"]: row for row in (await then.page(ALL_ROWS, ListQuery(9))).rows}
        cold = {row_id for row_id, row in rows.items() if not row["hot"]}
        assert 0 < len(cold) < len(rows)
        assert {row["id"] for row in (await then.page(COLD, ListQuery(9))).rows} == cold
        assert await then.count(COLD) == len(cold)
        assert (await then.rows(COLD, list(rows))).keys() == cold
