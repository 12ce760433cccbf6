"""An erased subject leaves the generations of a view that nobody reads, too."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from projections.projecting.projector import Projector
from projections.querying.locator import consumer_name
from projections.storage.view_fingerprint import view_fingerprint
from subscriptions.consumers.checkpoints import Checkpoint
from subscriptions.consumers.generations import Generations
from tests.helpers import people
from tests.helpers.consumer_states import hold, opened, switch
from tests.helpers.erasures import MASTERS, erase, happened, plain
from tests.helpers.note_rig import Rig, open_rig

NAME = consumer_name(people.view)


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database, view=people.view, masters=MASTERS) as rig:
        for person in ("person-1", "person-2"):
            await rig.append(person, happened("registered", person, person))
        yield rig


async def fold(rig: Rig, generation: int, after: int = 0) -> None:
    projector = Projector(people.view, rig.database, rig.log)
    await projector.begin(Checkpoint(generation, after))
    await projector.handle([commit for commit in await rig.commits() if commit.position > after])


async def names(rig: Rig, generation: int) -> list[str | None]:
    rows = await rig.documents(generation)
    return [rows[key]["name"] for key in sorted(rows)]


async def kept(rig: Rig, code: str) -> int:
    """The number of the active generation, and beside it the first one, which was made by `code`."""
    await Generations(rig.database).open(NAME, code)
    await fold(rig, 1)
    number = await Generations(rig.database).begin(NAME, view_fingerprint(people.view))
    await fold(rig, number)
    await switch(rig, await hold(rig, number), 0)
    assert await names(rig, 1) == await names(rig, number) == [plain("person-1"), plain("person-2")]
    return number


async def test_a_generation_that_was_stopped_is_scrubbed_and_can_be_built_on(rig: Rig) -> None:
    number = await kept(rig, view_fingerprint(people.view))
    await rig.append("person-1", happened("remarked", "person-1", "person-1"))
    await erase(rig, "person-1")
    await fold(rig, number, after=2)
    assert await names(rig, 1) == await names(rig, number) == [None, plain("person-2")]
    await rig.append("person-1", happened("liked", "person-1", "person-1"))
    for generation in (1, number):
        await fold(rig, generation, after=2)
    assert await rig.documents(1) == await rig.documents(number)


async def test_a_generation_of_other_code_that_was_stopped_is_forgotten(rig: Rig) -> None:
    number = await kept(rig, "as it was")
    await erase(rig, "person-1")
    await fold(rig, number, after=2)
    assert await names(rig, number) == [None, plain("person-2")]
    assert await rig.documents(1) == {}
    assert list((await opened(rig)).generations) == [number]


async def test_what_is_built_by_other_code_is_left_to_come_to_the_erasure(rig: Rig) -> None:
    await Generations(rig.database).open(NAME, view_fingerprint(people.view))
    await fold(rig, 1)
    number = await Generations(rig.database).begin(NAME, "to come")
    await fold(rig, number)
    await erase(rig, "person-1")
    await fold(rig, 1, after=2)
    assert await names(rig, number) == [plain("person-1"), plain("person-2")]
    await fold(rig, number, after=2)
    assert await rig.documents(1) == await rig.documents(number)
