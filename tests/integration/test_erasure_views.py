"""An erased subject leaves every row of every view, whoever wrote it and however late."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from domain.kernel import Commit
from domain.kernel.errors import PersonalDataRefused
from projections.kernel.view import View
from projections.live.messages import RowChange, Snapshot
from projections.projecting.projector import Projector
from projections.projecting.view_worker import drop_view
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.live.messages import CaughtUp
from tests.helpers import mentions_view as mentions
from tests.helpers import people
from tests.helpers.erasures import MASTERS, erase, happened, plain
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.people import PersonRenamed, Remarked
from tests.helpers.row_scopes import ALL_ROWS

NAMES = ("person-1", "person-2", "person-3")
DEADLINE = 120


@dataclass
class Slow:
    """A projector that may hold on to what it has read for any time before it writes it."""

    projector: Projector
    at: int = 0
    hand: list[Commit] = field(default_factory=list)

    async def read(self, rig: Rig, limit: int) -> None:
        if not self.hand:
            self.hand = await rig.log.reader().read(self.at, limit)

    async def write(self) -> None:
        if self.hand:
            await self.projector.handle(self.hand)
            self.at, self.hand = self.hand[-1].position, []


events = st.tuples(
    st.just("event"),
    st.sampled_from(["registered", "renamed", "remarked", "liked"]),
    st.sampled_from(NAMES),
    st.sampled_from(NAMES),
)
erasures = st.tuples(st.just("erase"), st.sampled_from(NAMES), st.booleans())
reads = st.tuples(st.just("read"), st.integers(0, 2), st.integers(1, 6))
writes = st.tuples(st.just("write"), st.integers(0, 2))
schedules = st.lists(
    st.one_of(events, events, events, erasures, reads, reads, writes, writes), min_size=15, max_size=45
)


async def play(rig: Rig, slow: list[Slow], schedule: list[tuple[Any, ...]]) -> set[str]:
    """The subjects that were erased on the way."""
    erased: set[str] = set()
    for step in schedule:
        match step:
            case ("event", kind, person, about):
                # After an erasure on record the key may be there for a while, and then it is refused.
                with suppress(PersonalDataRefused):
                    await rig.append(person, happened(kind, person, about))
            case ("erase", subject, destroy) if subject not in erased:
                erased.add(subject)
                await erase(rig, subject, destroy=destroy)
            case ("read", which, limit):
                await slow[which].read(rig, limit)
            case ("write", which):
                await slow[which].write()
    return erased


async def rows(rig: Rig, generation: int = 1) -> dict[str, dict[str, Any]]:
    """What the view holds, but for who could be read when a row was folded: that differs by when it was."""
    stored = await rig.documents(generation)
    return {key: {name: row[name] for name in row if name != "_open"} for key, row in stored.items()}


@pytest.mark.parametrize("view", [people.view, mentions.view], ids=["by stream", "by scan"])
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(schedule=schedules)
def test_i8_whatever_slow_projectors_have_in_hand_the_rows_are_those_of_a_rebuild_after_the_erasures(
    mongo_url: str, redis_url: str, database: str, view: View[Any], schedule: list[tuple[Any, ...]]
) -> None:
    """The first one comes to the end; then the others write what they still have in hand, and die."""

    async def check() -> None:
        async with open_rig(mongo_url, redis_url, database, view=view, masters=MASTERS) as rig:
            for name in ("log", "counters", "keys", f"view_{view.name}_1", f"view_{view.name}_2"):
                await rig.database[name].delete_many({})
            slow = [Slow(Projector(view, rig.database, rig.log)) for _ in range(3)]
            for one in slow:
                await one.projector.begin(Checkpoint(1, 0))
            erased = await play(rig, slow, schedule)
            await slow[0].write()
            await slow[0].read(rig, 500)
            await slow[0].write()
            for one in slow[1:]:
                await one.write()
            found = await rows(rig)
            dump = b"".join(bson.encode(row) for row in found.values())
            assert [subject for subject in erased if plain(subject).encode() in dump] == []

            rebuilt = Projector(view, rig.database, rig.log)
            await rebuilt.begin(Checkpoint(2, 0))
            await rebuilt.handle(await rig.commits())
            assert found == await rows(rig, 2)

    asyncio.run(check())


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, work=True, view=people.view, masters=MASTERS) as rig:
        yield rig


async def test_an_open_subscription_to_a_view_sees_the_fields_become_null(
    rig: Rig, mongo_url: str, redis_url: str, database: str
) -> None:
    """With a second worker, and another person's row that is left alone."""
    await rig.append("person-1", happened("registered", "person-1", ""))
    await rig.append("person-2", happened("registered", "person-2", ""), Remarked(own="mine"))
    await rig.append("person-2", Remarked(about_id="person-1", text=plain("person-1")))
    await rig.projected()
    async with (
        open_rig(mongo_url, redis_url, database, work=True, view=people.view, masters=MASTERS),
        aclosing(rig.live.watch_rows(ALL_ROWS)) as told,
        asyncio.timeout(DEADLINE),
    ):
        snapshot, caught_up = await anext(told), await anext(told)
        assert isinstance(snapshot, Snapshot)
        assert isinstance(caught_up, CaughtUp)
        assert plain("person-1") in str(snapshot.rows)
        position = await erase(rig, "person-1")
        changes = [await anext(told), await anext(told)]
    assert plain("person-1") not in str(changes)
    by_id = {change.id: change for change in changes if isinstance(change, RowChange)}
    assert {change.place.position for change in by_id.values()} == {position}
    first, second = by_id["person-1"], by_id["person-2"]
    assert first.row is not None
    assert second.row is not None
    assert (first.kind, first.changed_fields, first.row["name"]) == ("UPDATED", ("name",), None)
    assert (second.kind, second.changed_fields, second.row["said"]) == ("UPDATED", ("said",), ["mine"])
    assert second.row["name"] == plain("person-2")


async def test_views_that_are_built_anew_while_people_are_erased_hold_nothing_of_them(rig: Rig) -> None:
    for number in range(40):
        name = f"person-{number}"
        await rig.append(
            name, *(happened(kind, name, name) for kind in ("registered", "remarked", "renamed"))
        )
    for number in range(30):
        if number % 10 == 5:
            await drop_view(people.view, rig.database)
        await erase(rig, f"person-{number}", destroy=number % 2 == 0)
    await rig.projected(DEADLINE)
    async with asyncio.timeout(DEADLINE):
        while await rig.checkpoints.position("view.people") < await rig.log.head():
            await asyncio.sleep(0.02)
    stored = await rig.documents()
    assert len(stored) == 40
    left = [key for key, row in stored.items() if "<plain" in str(row)]
    assert sorted(left) == sorted(f"default/person-{number}" for number in range(30, 40))


async def test_a_row_is_scrubbed_by_one_read_of_its_stream_however_long_that_is(rig: Rig) -> None:
    """In pages, and versions of one commit in two of them."""
    await rig.append(
        "person-1", happened("registered", "person-1", ""), *(Remarked(likes=1) for _ in range(400))
    )
    await rig.append("person-1", *(Remarked(likes=1) for _ in range(900)), PersonRenamed(name="b"))
    await rig.projected()
    await erase(rig, "person-1")
    await rig.projected()
    (row,) = (await rig.documents()).values()
    assert (row["likes"], row["name"], row["former"]) == (1300, None, [None])


async def test_what_a_projector_remembers_of_a_row_brings_nothing_back_that_was_erased(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """It has written the row before the erasure, and writes it again after it."""
    async with open_rig(mongo_url, redis_url, database, view=people.view, masters=MASTERS) as rig:
        projector = Projector(people.view, rig.database, rig.log)
        await projector.begin(Checkpoint(1, 0))
        await rig.append("person-1", happened("registered", "person-1", ""))
        await projector.handle(await rig.commits())
        assert plain("person-1") in str(await rig.documents())
        await erase(rig, "person-1")
        await rig.append("person-1", happened("liked", "person-1", "person-2"))
        await projector.handle((await rig.commits())[1:])
        (row,) = (await rig.documents()).values()
        assert (row["_position"], row["name"], row["likes"]) == (3, None, 1)
