"""The indexes of a view's rows: made as declared, and removed when no longer declared."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from typing import Any, TypedDict

import pytest

from domain.kernel import Json
from domain.kernel.errors import DeclarationError
from eventstore.mongo.driver import Collection, open_client
from projections.kernel import View, by_stream
from projections.storage.indexes import (
    check_indexes,
    create_folding_indexes,
    remove_query_indexes,
    update_query_indexes,
)
from tests.helpers.drivers import chosen_driver
from tests.helpers.note_rig import open_rig
from tests.helpers.notes import context, view

pytestmark = pytest.mark.usefixtures("driver")

USUAL = {"_id_", "changes", "subjects", "by_id", "by_text", "by_score", "by_links", "by_written_at"}
USUAL |= {"by_scored_at"}


@pytest.fixture
async def rows(mongo_url: str, database: str) -> AsyncIterator[Collection]:
    async with open_client(mongo_url, chosen_driver()) as client:
        yield client[database]["rows"]


async def keys(rows: Collection) -> Mapping[str, list[tuple[str, Any]]]:
    return {name: index["key"] for name, index in (await rows.index_information()).items()}


async def test_the_indexes_of_a_view_follow_its_declaration(rows: Collection) -> None:
    """What is declared is made over the rows that are there; what no longer is goes, others' own stay."""
    await update_query_indexes(rows, view)
    await rows.insert_one({"_id": "default/note-1", "_tenant": "default", "text": "a b"})
    await rows.create_index([("text", 1)], name="of_an_operator")
    assert (await keys(rows)).keys() == {*USUAL, "of_an_operator"}

    declared = replace(
        view, indexes=(("text", "-score"), ("links", "-id"), ("links", "id")), search=("text",)
    )
    await update_query_indexes(rows, declared)
    made = await keys(rows)
    assert made.keys() == {*USUAL, "of_an_operator", "by_text,-score", "by_links,-id", "search_text"}
    live = [("_tenant", 1), ("_gone", 1)]
    assert made["by_text,-score"] == [*live, ("text", 1), ("score", -1), ("id", -1)]
    assert made["by_links,-id"] == [*live, ("links", 1), ("id", -1)]
    assert made["search_text"][:3] == [*live, ("_fts", "text")]

    await update_query_indexes(
        rows, replace(declared, indexes=(("text", "score"),), search=("text", "id"), filters=("text",))
    )
    expected = {*USUAL, "of_an_operator", "by_text,score", "search_text,id"} - {"by_links"}
    assert (await keys(rows)).keys() == expected
    await update_query_indexes(rows, view)
    assert (await keys(rows)).keys() == {*USUAL, "of_an_operator"}


async def test_several_workers_make_and_remove_indexes_at_once(rows: Collection) -> None:
    declared = replace(view, indexes=(("text", "score"),), search=("text",))
    for wanted in (declared, view, declared):
        await asyncio.gather(*(update_query_indexes(rows, wanted) for _ in range(3)))
    assert (await keys(rows)).keys() == {*USUAL, "by_text,score", "search_text"}


async def test_an_index_of_an_operator_serves_as_well(rows: Collection) -> None:
    """MongoDB would refuse a second one of the same keys, and the view would stand."""
    own = [(name, 1) for name in ("_tenant", "_gone", "text", "score", "id")]
    await rows.create_index(own, name="of_an_operator")
    await update_query_indexes(rows, replace(view, indexes=(("text", "score"),)))
    assert (await keys(rows)).keys() == {*USUAL, "of_an_operator"}


async def test_a_worker_makes_new_indexes_without_a_rebuild(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with open_rig(mongo_url, redis_url, database, work=True) as rig:
        await rig.write(["a"])
        await rig.projected()
        before = await _stored(rig.rows())
    declared = replace(view, indexes=(("text", "score"),))
    async with open_rig(mongo_url, redis_url, database, work=True, view=declared) as rig:
        await rig.write(["b"])
        await rig.projected()
        async with asyncio.timeout(60):
            while "by_text,score" not in await keys(rig.rows()):
                await asyncio.sleep(0.02)
        after = await _stored(rig.rows())
        assert after["default/note-a"] == before["default/note-a"]


async def test_rows_that_are_built_anew_come_to_their_indexes_behind_the_others(rows: Collection) -> None:
    """A place that held a generation before has indexes, which would slow the building down."""
    await update_query_indexes(rows, replace(view, search=("text",)))
    await create_folding_indexes(rows)
    assert (await keys(rows)).keys() == {*USUAL, "search_text"}
    await remove_query_indexes(rows)
    assert (await keys(rows)).keys() == {"_id_", "subjects"}
    await update_query_indexes(rows, view)
    assert (await keys(rows)).keys() == USUAL


async def _stored(rows: Collection) -> dict[str, dict[str, Any]]:
    return {row["_id"]: row for row in await rows.find().to_list(None)}


class Tagged(TypedDict):
    id: str
    tags: list[str]
    marks: list[str]
    content: Json | None
    count: int


def declare(**parts: Any) -> View[Tagged]:
    return View(
        name="tagged", singular="one", context=context, row=Tagged, key=by_stream,
        apply=lambda _id, row, _event: row, filters=("tags", "marks", "count"), **parts,
    )  # fmt: skip


@pytest.mark.parametrize(
    "parts",
    [
        {"indexes": (("tags", "marks"),)},
        {"indexes": (("count", "-count"),)},
        {"indexes": (("content",),)},
        {"indexes": ((),)},
        {"search": ("count",)},
        {"search": ("nothing",)},
    ],
)
def test_an_index_that_cannot_be_is_refused_at_the_start(parts: Mapping[str, Any]) -> None:
    with pytest.raises(DeclarationError, match="tagged"):
        check_indexes(declare(**parts))


def test_texts_lists_of_texts_and_json_can_be_searched() -> None:
    check_indexes(declare(indexes=(("tags", "-count"),), search=("id", "tags", "content")))
