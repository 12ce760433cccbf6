"""Rows as of a point in the past, while the rows that are read were made by other code."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from domain.kernel.limit_errors import TooComplex
from projections.kernel.view import View
from projections.past.reader import PastReader
from projections.querying.pages import ListQuery
from projections.storage.rows import fields
from tests.helpers.hot_notes import HotRow, apply_hot, hot, hot_by_default, reading
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import NoteRow, Scored, view
from tests.helpers.rebuilds import held, in_use, louder, some_notes
from tests.helpers.row_scopes import ALL_ROWS

NAMES = ("note-0", "note-1", "note-2", "note-3")
TENANT = "default"


@pytest.fixture
async def places(mongo_url: str, redis_url: str, database: str) -> tuple[str, str, str]:
    """A database whose rows the version before has made."""
    async with open_rig(mongo_url, redis_url, database, poll_interval=0.05, work=True) as rig:
        await some_notes(rig, len(NAMES))
        await rig.projected()
    return mongo_url, redis_url, database


def past(rig: Rig, limit: int = 1000) -> PastReader:
    return PastReader(rig.reader, rig.log, limit, 60)


async def check(rig: Rig) -> None:
    """Rows and lists as of each position are those of this process's code, in each way that leads to them."""
    head = await rig.log.head()
    for position in range(head + 1):
        then = past(rig).at(position)
        page = await then.page(ALL_ROWS, ListQuery(9, order=[("score", "desc")]))
        rows = {row["id"]: fields(row) for row in page.rows}
        expected = {}
        for name in NAMES:
            changes = (await then.history(ALL_ROWS, name, first=99)).changes
            if changes and changes[-1].after is not None:
                expected[name] = fields(changes[-1].after)
        assert rows == expected
        found = await then.rows(ALL_ROWS, NAMES)
        assert {name: fields(row) for name, row in found.items()} == expected
        assert await then.count(ALL_ROWS) == len(expected)


@pytest.mark.parametrize("version", [hot, hot_by_default], ids=["no default", "default"])
async def test_a_new_field_is_folded_as_of_any_position(
    places: tuple[str, str, str], version: View[Any]
) -> None:
    async with reading(version, places) as rig:
        await check(rig)
        then = past(rig).at(await rig.log.head())
        row = await then.get(ALL_ROWS, "note-0")
        assert row is not None
        assert row["owner"] == "note-0"
        # Copied, as answers are.
        assert {**row}.keys() >= {"hot", "owner"}


@pytest.mark.parametrize("version", [hot, hot_by_default], ids=["no default", "default"])
async def test_a_list_of_the_past_is_filtered_sorted_and_cut_by_a_new_field(
    places: tuple[str, str, str], version: View[Any]
) -> None:
    async with reading(version, places) as rig:
        then = past(rig).at(await rig.log.head())
        every = (await then.page(ALL_ROWS, ListQuery(9, order=[("hot", "desc")]))).rows
        assert [row["hot"] for row in every] == sorted((row["hot"] for row in every), reverse=True)
        warm = [row["id"] for row in every if row["hot"]]
        assert len(warm) > 0
        wanted = {"hot": {"eq": True}}
        assert {row["id"] for row in (await then.page(ALL_ROWS, ListQuery(9, wanted))).rows} == set(warm)
        assert await then.count(ALL_ROWS, wanted) == len(warm)
        ids, after = list[str](), None
        while True:
            page = await then.page(ALL_ROWS, ListQuery(1, order=[("hot", "desc")], after=after))
            ids += [row["id"] for row in page.rows]
            assert page.has_previous is (after is not None)
            if not page.has_next:
                break
            after = page.cursor(page.rows[0])
        assert ids == [row["id"] for row in every]
        back = await then.page(ALL_ROWS, ListQuery(1, order=[("hot", "desc")], backward=True))
        assert [row["id"] for row in back.rows] == ids[-1:]
        assert (back.has_next, back.has_previous) == (False, len(ids) > 1)


async def test_the_past_of_a_view_whose_rebuild_is_held_is_folded_by_its_own_code(
    places: tuple[str, str, str],
) -> None:
    def apply(id: str, row: Any, event: Any) -> Any:
        if isinstance(event.payload, Scored):
            raise KeyError("by")
        return apply_hot(id, row, event)

    both = replace(view, row=HotRow, apply=apply, filters=(*view.filters, "hot"))
    async with open_rig(*places, poll_interval=0.05, work=True, view=both) as rig:
        await held(rig, 2)
        await check(rig)


async def test_the_past_of_rows_with_a_field_of_another_type_is_folded(places: tuple[str, str, str]) -> None:
    class TextRow(NoteRow):
        score: str  # type: ignore[misc]

    def apply(id: str, row: Any, event: Any) -> Any:
        before: Any = row and {**row, "score": int(row["score"])}
        after: Any = view.apply(id, before, event)
        return None if after is None else {**after, "score": str(after["score"])}

    text: Any = TextRow
    async with reading(replace(view, row=text, apply=apply, defaults={"score": "0"}), places) as rig:
        await check(rig)


async def test_rows_of_other_code_with_the_same_fields_are_no_values_of_the_past(
    places: tuple[str, str, str],
) -> None:
    """In the new process before the switch, and in one of the version before after it."""
    async with reading(louder, places) as rig:
        await check(rig)
    async with open_rig(*places, poll_interval=0.05, view=view) as old:
        await check(old)
        async with open_rig(*places, poll_interval=0.05, work=True, view=louder) as rig:
            await in_use(rig, 2)
            await check(rig)
        await check(old)


async def test_what_takes_too_many_events_to_fold_is_refused_until_the_rows_are_of_this_code(
    places: tuple[str, str, str],
) -> None:
    async with reading(hot, places) as rig:
        then = past(rig, 3).at(await rig.log.head())
        for question in (
            then.page(ALL_ROWS, ListQuery(1)),
            then.count(ALL_ROWS),
            then.get(ALL_ROWS, "note-0"),
        ):
            with pytest.raises(TooComplex, match="more than 3 events"):
                await question
    async with reading(view, places) as rig:
        then = past(rig, 3).at(await rig.log.head())
        assert (await then.page(ALL_ROWS, ListQuery(9))).rows
