"""Lists of the past: pages that stay, what they may cost, and what of them is erased."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from domain.builtin.subjects.events import SubjectErased
from domain.kernel.errors import StaleRead
from domain.kernel.limit_errors import TooComplex
from eventstore.options import DEFAULT_OPTIONS, LogOptions
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from projections.kernel.view import View
from projections.past.reader import PastReader
from projections.querying.pages import ListQuery
from projections.storage.rows import fields
from tests.helpers import mentions_view as mentions
from tests.helpers import people
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Erased, Scored, Written
from tests.helpers.people import PersonRegistered, Remarked
from tests.helpers.row_scopes import ALL_ROWS

TENANT = "default"
DEADLINE = 120


@pytest.fixture
async def rig(
    mongo_url: str, redis_url: str, database: str, request: pytest.FixtureRequest
) -> AsyncIterator[Rig]:
    options = getattr(request, "param", DEFAULT_OPTIONS)
    async with open_rig(mongo_url, redis_url, database, work=True, options=options) as rig:
        yield rig


async def texts(past: PastReader, position: int, size: int = 9, after: str | None = None) -> list[str]:
    page = await past.at(position).page(ALL_ROWS, ListQuery(size, order=[("text", "asc")], after=after))
    return [row["text"] for row in page.rows]


async def test_pages_of_one_past_stay_the_same_while_its_rows_go_on_changing(rig: Rig) -> None:
    past = PastReader(rig.reader, rig.log, 100_000, DEADLINE)
    head = await rig.write("abcdef")
    await rig.append("note-b", Written(text="B now"))
    await rig.projected()
    first = await past.at(head).page(ALL_ROWS, ListQuery(2, order=[("text", "asc")]))
    assert [row["text"] for row in first.rows] == ["a", "b"]
    for name in "cde":
        await rig.append(f"note-{name}", Erased() if name == "d" else Written(text="now"))
        await rig.projected()
        rest = await texts(past, head, 4, after=first.cursor(first.rows[-1]))
        assert rest == ["c", "d", "e", "f"]
    assert await past.at(head).count(ALL_ROWS) == 6


@pytest.mark.parametrize("rig", [LogOptions(search_page=4)], indirect=True)
async def test_what_takes_too_many_events_is_refused_and_what_takes_few_is_not(rig: Rig) -> None:
    """Notes are made of several streams: one that has changed since takes a scan, others do not."""
    head = await rig.write("abcde")
    await rig.append("note-a", Scored(by=1))
    await rig.projected()
    enough, few = (PastReader(rig.reader, rig.log, limit, DEADLINE) for limit in (5, 4))
    short = few.at(head)
    row = await enough.at(head).get(ALL_ROWS, "note-a")
    assert row is not None
    assert row["score"] == 0
    assert await enough.at(head).count(ALL_ROWS) == 5
    unchanged, now = (
        await short.get(ALL_ROWS, "note-b"),
        await rig.reader.get(ALL_ROWS, "note-b"),
    )
    assert unchanged is not None
    assert now is not None
    assert fields(unchanged) == fields(now)
    for question in (
        short.get(ALL_ROWS, "note-a"),
        short.page(ALL_ROWS, ListQuery(1)),
        short.count(ALL_ROWS),
    ):
        with pytest.raises(TooComplex, match="more than 4 events"):
            await question


async def test_a_list_of_a_position_that_the_view_does_not_reach_is_stale_and_a_row_is_not(
    mongo_url: str, redis_url: str, database: str
) -> None:
    async with open_rig(mongo_url, redis_url, database) as idle:
        head = await idle.write("ab")
        then = PastReader(idle.reader, idle.log, 100_000, 0.05).at(head)
        row = await then.get(ALL_ROWS, "note-b")
        assert row is not None
        assert row["text"] == "b"
        for question in (then.page(ALL_ROWS, ListQuery(1)), then.count(ALL_ROWS)):
            with pytest.raises(StaleRead):
                await question


@pytest.mark.parametrize("view", [people.view, mentions.view], ids=["by stream", "by scan"])
async def test_the_erased_are_null_in_the_past_as_soon_as_their_erasure_is_stored(
    mongo_url: str, redis_url: str, database: str, view: View[Any]
) -> None:
    """Also in a past that was asked for before, and where the view has yet to meet the erasure."""
    about, masters = "person-1", MasterKeys(b"m" * 32)
    async with open_rig(mongo_url, redis_url, database, view=view, masters=masters) as rig:
        past = PastReader(rig.reader, rig.log, 100_000, 0.5)
        worker = rig.worker()
        await worker.start()
        own = (PersonRegistered(city="Graz", name="plain"), Remarked(about_id=about, text="plain"))
        head = (await rig.append(about, *own)).position
        await rig.append(about, Remarked(about_id=about, likes=1))
        last = await rig.projected()
        for position in (head, last):
            assert "plain" in str((await past.at(position).page(ALL_ROWS, ListQuery(9))).rows)
        await worker.stop()

        await rig.append(f"subject-{about}", SubjectErased(subject=about))
        await rig.log.keys.destroy([owner_of(TENANT, about)])
        for position in (head, last):
            assert "plain" not in str(await past.at(position).get(ALL_ROWS, about))
            with pytest.raises(StaleRead):
                await past.at(position).page(ALL_ROWS, ListQuery(9))
        worker = rig.worker()
        await worker.start()
        await rig.projected()
        for position in (head, last):
            assert "plain" not in str((await past.at(position).page(ALL_ROWS, ListQuery(9))).rows)
        await worker.stop()


async def test_many_rows_are_folded_by_few_reads_and_long_streams_one_by_one(
    mongo_url: str, redis_url: str, database: str
) -> None:
    small = LogOptions(search_page=3, search_streams=2)
    lengths = {"person-1": 4, "person-2": 1, "person-3": 0, "person-4": 0, "person-5": 9}
    async with open_rig(mongo_url, redis_url, database, work=True, view=people.view, options=small) as rig:
        for person, length in lengths.items():
            await rig.append(person, PersonRegistered(city="Graz"))
            for _ in range(length):
                await rig.append(person, Remarked(likes=1))
        head = await rig.projected()
        for person in lengths:
            await rig.append(person, Remarked(likes=100))
        await rig.projected()
        page = await PastReader(rig.reader, rig.log, 19, DEADLINE).at(head).page(ALL_ROWS, ListQuery(9))
        assert {row["id"]: row["likes"] for row in page.rows} == lengths
        with pytest.raises(TooComplex):
            await PastReader(rig.reader, rig.log, 18, DEADLINE).at(head).page(ALL_ROWS, ListQuery(9))
