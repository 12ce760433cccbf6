"""B2: fields that the rows lack until they are rebuilt are read with their default, or refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from domain.kernel.errors import DeclarationError, ViewRebuilding
from projections.live.messages import Snapshot
from projections.querying.filters import parse_filter
from projections.querying.gaps import stored_defaults
from projections.querying.pages import ListQuery
from projections.querying.related import RelatedQuery, RelatedRows
from projections.rebuilding.rebuild import Rebuild
from tests.helpers.hot_notes import HotRow, hot, hot_by_default, next_version, reading
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import NoteRow, view
from tests.helpers.rebuilds import broken, defer_switch, held, in_use, some_notes
from tests.helpers.row_scopes import ALL_ROWS

NOTES = 4


@pytest.fixture
async def places(mongo_url: str, redis_url: str, database: str) -> tuple[str, str, str]:
    """A database whose rows the version before has made."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await some_notes(rig, NOTES)
        await rig.projected()
    return mongo_url, redis_url, database


def related(rig: Rig) -> RelatedRows:
    return RelatedRows(rig.locator)


FIELD_READS: dict[str, Callable[[Rig], Awaitable[Any]]] = {
    "filter": lambda rig: rig.reader.page(ALL_ROWS, ListQuery(5, {"hot": {"eq": True}})),
    "filter inside": lambda rig: rig.reader.page(
        ALL_ROWS, ListQuery(5, {"not": {"or": [{"hot": {"ne": True}}]}})
    ),
    "order": lambda rig: rig.reader.page(ALL_ROWS, ListQuery(5, order=[("hot", "desc")])),
    "search": lambda rig: rig.reader.page(ALL_ROWS, ListQuery(5, search="note")),
    "count": lambda rig: rig.reader.count(ALL_ROWS, {"hot": {"isNull": True}}),
    "count of a search": lambda rig: rig.reader.count(ALL_ROWS, search="note"),
    "ids": lambda rig: rig.reader.ids(ALL_ROWS, {"hot": {"eq": False}}, unchanged_since=99),
    "places": lambda rig: rig.reader.places(ALL_ROWS, parse_filter(hot, {"hot": {"eq": False}})),
    "linked pages": lambda rig: related(rig).pages(ALL_ROWS, ["note-0"], RelatedQuery(5, by="owner"), 9),
    "linked counts": lambda rig: related(rig).counts(ALL_ROWS, ["note-0"], RelatedQuery(5, by="owner")),
    "linked filter": lambda rig: related(rig).counts(
        ALL_ROWS, ["x"], RelatedQuery(5, {"hot": {"eq": True}}, by="text")
    ),
}


@pytest.mark.parametrize("read", FIELD_READS.values(), ids=FIELD_READS)
async def test_b2_a_query_that_needs_a_new_field_is_refused(
    places: tuple[str, str, str], read: Callable[[Rig], Awaitable[Any]]
) -> None:
    async with reading(hot, places) as rig:
        with pytest.raises(ViewRebuilding) as refused:
            await read(rig)
        assert refused.value.code == "VIEW_REBUILDING"
        assert refused.value.details().keys() == {"view", "field", "events", "total"}
        assert "no rebuild is running" in str(refused.value)


async def rows_of(rig: Rig) -> list[Any]:
    """The same row by every way that leads to rows."""
    one = await rig.reader.get(ALL_ROWS, "note-0")
    some = await rig.reader.get(ALL_ROWS, "note-0", fields=frozenset({"text", "hot"}))
    page = await rig.reader.page(ALL_ROWS, ListQuery(1, {"id": {"eq": "note-0"}}))
    matching = await rig.reader.matching(ALL_ROWS, parse_filter(view, {"id": {"eq": "note-0"}}))
    stored = await rig.reader.stored_rows(["default/note-0"])
    changed = [row for row in await rig.reader.changed_since("default", 0, 99) if row["id"] == "note-0"]
    by_id = (await related(rig).get(ALL_ROWS, ["note-0"]))["note-0"]
    linked = await related(rig).pages(ALL_ROWS, [stored[0]["text"]], RelatedQuery(9, by="text"), 99)
    (pages,) = linked.values()
    found = [one, some, *page.rows, *matching, *stored, *changed, by_id]
    return [*found, *(row for row in pages.rows if row["id"] == "note-0")]


async def test_b2_a_row_is_read_as_it_is_but_for_the_field_that_it_lacks(
    places: tuple[str, str, str],
) -> None:
    async with reading(hot, places) as rig:
        rows = await rows_of(rig)
        assert len(rows) == 8
        for row in rows:
            assert row["text"] in "xyz"
            for name in ("hot", "owner"):
                with pytest.raises(ViewRebuilding, match=f"the rows of notes have no '{name}' yet"):
                    row.get(name)
                with pytest.raises(ViewRebuilding):
                    row[name]
            assert row.get("none", 7) == 7


async def test_b2_a_field_with_a_default_is_read_and_filtered_by_it(places: tuple[str, str, str]) -> None:
    async with reading(hot_by_default, places) as rig:
        assert [row["hot"] for row in await rows_of(rig)] == [False] * 8
        cold: list[dict[str, Any]] = [
            {"hot": {"eq": False}},
            {"not": {"hot": {"eq": True}}},
            {"hot": {"in": [False, None]}},
            {"or": [{"hot": {"eq": True}}, {"hot": {"isNull": False}}]},
        ]
        for condition in cold:
            assert await rig.reader.count(ALL_ROWS, condition) == NOTES
            assert await rig.reader.count(ALL_ROWS, {"not": condition}) == 0
            page = await rig.reader.page(ALL_ROWS, ListQuery(9, {"and": [condition, {"links": {"gte": 0}}]}))
            assert len(page.rows) == NOTES
        with pytest.raises(ViewRebuilding, match="'hot'"):
            await rig.reader.page(ALL_ROWS, ListQuery(5, order=[("hot", "asc")]))
        with pytest.raises(ViewRebuilding, match="'owner'"):
            await rig.reader.count(ALL_ROWS, {"owner": {"isNull": True}})


async def test_b2_it_says_how_far_the_rebuild_is_and_is_read_once_that_is_done(
    places: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Rebuild, "_switch", defer_switch)
    async with open_rig(*places, poll_interval=0.05, work=True, view=hot) as rig:

        async def refusal() -> ViewRebuilding:
            with pytest.raises(ViewRebuilding) as refused:
                await rig.reader.count(ALL_ROWS, {"hot": {"eq": True}})
            return refused.value

        async with asyncio.timeout(60):
            while "a rebuild has folded 12 of about 12 events" not in str(error := await refusal()):
                await asyncio.sleep(0.01)
        assert error.details() == {"view": "notes", "field": "hot", "events": 12, "total": 12}
        monkeypatch.undo()
        await in_use(rig, 2)
        rows = [row for row in (await rig.documents()).values() if row["hot"]]
        # Whoever has read the position reads the rows that are there.
        await rig.reader.position()
        assert await rig.reader.count(ALL_ROWS, {"hot": {"eq": True}}) == len(rows)


async def test_b2_it_says_that_the_rows_with_it_are_held(places: tuple[str, str, str]) -> None:
    both = replace(broken, row=HotRow, filters=(*view.filters, "hot"))
    async with open_rig(*places, poll_interval=0.05, work=True, view=both) as rig:
        await held(rig, 2)
        await rig.reader.position()
        with pytest.raises(ViewRebuilding, match="the rows with this field are held until they are approved"):
            await rig.reader.count(ALL_ROWS, {"hot": {"eq": True}})


async def test_b2_live_views_by_a_new_field_are_refused_and_others_go_on(
    places: tuple[str, str, str],
) -> None:
    async with reading(hot, places) as rig:
        with pytest.raises(ViewRebuilding):
            async with aclosing(rig.live.watch_rows(ALL_ROWS, {"hot": {"eq": True}})) as messages:
                await anext(messages)
        async with aclosing(rig.live.watch_rows(ALL_ROWS, {"text": {"in": ["x", "y", "z"]}})) as messages:
            first = await anext(messages)
            assert isinstance(first, Snapshot)
            assert len(first.rows) == NOTES
            with pytest.raises(ViewRebuilding):
                first.rows[0].get("hot")


async def test_b2_who_follows_by_a_field_that_rows_lose_again_is_told(places: tuple[str, str, str]) -> None:
    """As after a deployment was taken back, in processes that have its code still."""
    async with open_rig(*places, poll_interval=0.05, work=True, view=hot) as rig:
        await in_use(rig, 2)
    async with (
        reading(hot, places) as rig,
        aclosing(rig.live.watch_rows(ALL_ROWS, {"hot": {"in": [True, False]}})) as messages,
    ):
        first = await anext(messages)
        assert isinstance(first, Snapshot)
        assert {row["hot"] for row in first.rows} <= {True, False}
        async with open_rig(*places, poll_interval=0.05, work=True) as back:
            await in_use(back, 1)
            with pytest.raises(ViewRebuilding, match="code without this field folded"):
                await asyncio.wait_for(_to_the_end(messages), 60)


async def _to_the_end(messages: AsyncGenerator[Any, None]) -> None:
    async for _ in messages:
        """Until it ends."""


async def test_b2_a_field_of_another_type_is_one_that_rows_lack(places: tuple[str, str, str]) -> None:
    class TextRow(NoteRow):
        score: str  # type: ignore[misc]

    class WiderRow(NoteRow):
        links: float  # type: ignore[misc]
        text: str | None  # type: ignore[misc]

    text: Any = TextRow
    wider: Any = WiderRow
    async with reading(replace(view, row=text, defaults={"score": "0"}), places) as rig:
        row = await rig.reader.get(ALL_ROWS, "note-0")
        assert row is not None
        with pytest.raises(ViewRebuilding):
            row.get("score")
    async with reading(replace(view, row=wider), places) as rig:
        row = await rig.reader.get(ALL_ROWS, "note-0")
        assert row is not None
        assert (row["text"] in "xyz", row["links"] >= 0) == (True, True)


def test_a_default_must_be_of_a_field_and_of_its_type() -> None:
    with pytest.raises(DeclarationError, match="has 'cold', which is no field of"):
        next_version(defaults={"cold": True})
    with pytest.raises(DeclarationError, match="the default of 'hot'"):
        stored_defaults(next_version(defaults={"hot": "yes"}))
