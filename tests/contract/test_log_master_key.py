"""The master key: which one a log takes, and how it is replaced."""

from __future__ import annotations

import asyncio

import pytest

from domain.kernel.errors import ConfigurationError
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from tests.helpers.commits import Store, commit
from tests.helpers.people import PersonRegistered

MASTERS = MasterKeys(b"m" * 32)
MARKER = "Zaphod"
REGISTERED = PersonRegistered(city="Graz", name=MARKER)


@pytest.fixture
async def store(open_another) -> Store:
    return await open_another(masters=MASTERS)  # type: ignore[no-any-return]


async def register(store: Store, name: str) -> None:
    await store.log.append(commit(name, 0, REGISTERED, category="person"))


async def name_of(store: Store, stream: str) -> str | None:
    (event,) = await store.log.stream("default", stream)
    assert isinstance(event.payload, PersonRegistered)
    return event.payload.name


async def test_another_master_key_is_refused_at_start_in_one_sentence(store, open_another):
    await register(store, "person-1")
    for wrong, reason in ((MasterKeys(b"w" * 32), "not the one"), (None, "has personal data")):
        with pytest.raises(ConfigurationError, match=reason):
            await open_another(masters=wrong)
    later = await open_another(masters=MasterKeys(b"n" * 32, [b"m" * 32]))
    assert await name_of(later, "person-1") == MARKER


class Interrupted(Exception):
    pass


async def test_the_master_key_is_rotated_in_a_run_that_was_interrupted_and_run_again(store, open_another):
    for number in range(10):
        await register(store, f"person-{number}")
    await store.log.keys.destroy([owner_of("default", "person-0")])
    rotating = await open_another(masters=MasterKeys(b"n" * 32, [b"m" * 32]))
    await register(rotating, "person-new")

    def stop(done: int, total: int) -> None:
        if done == 4:
            raise Interrupted

    with pytest.raises(Interrupted):
        await rotating.log.keys.rotate(stop, page=4)
    seen: list[tuple[int, int]] = []
    assert await rotating.log.keys.rotate(lambda *progress: seen.append(progress), page=4) == 5
    assert seen == [(0, 5), (4, 5), (5, 5)]
    assert await rotating.log.keys.rotate() == 0
    with pytest.raises(ConfigurationError, match="not the one"):
        await open_another(masters=MASTERS)
    rotated = await open_another(masters=MasterKeys(b"n" * 32))
    names = [await name_of(rotated, f"person-{number}") for number in [*range(10), "new"]]
    assert names == [None] + [MARKER] * 10


async def test_a_rotation_says_which_key_it_cannot_unwrap_and_rotates_the_others(store, open_another):
    for number in range(3):
        await register(store, f"person-{number}")
    damaged = {"_id": owner_of("default", "person-1")}
    await store.database["keys"].update_one(damaged, {"$set": {"wrapped": b"0" * 60}})
    rotating = await open_another(masters=MasterKeys(b"n" * 32, [b"m" * 32]))
    with pytest.raises(ConfigurationError, match=r"2 keys .* default/person-1, .* id [0-9a-f]{16}"):
        await rotating.log.keys.rotate()


async def test_an_erasure_in_the_middle_of_a_rotation_stays(store, open_another):
    for number in range(40):
        await register(store, f"person-{number}")
    rotating = await open_another(masters=MasterKeys(b"n" * 32, [b"m" * 32]))
    owners = [owner_of("default", f"person-{number}") for number in range(40)]
    await asyncio.gather(
        rotating.log.keys.rotate(), *(store.log.keys.destroy([owner]) for owner in owners[::2])
    )
    kept = await store.database["keys"].find().to_list(None)
    assert {key["_id"] for key in kept if "erased" in key} == set(owners[::2])
    assert not any("wrapped" in key for key in kept if "erased" in key)
