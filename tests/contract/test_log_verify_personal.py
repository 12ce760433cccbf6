"""Verifying a log with personal data: sealed or erased, it is sound, and its data is never shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from eventstore.integrity.report import Check, Defect
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import SubjectKeys, owner_of
from tests.contract.conftest import OpenStore
from tests.helpers.commits import Store, commit
from tests.helpers.notes import now
from tests.helpers.people import PersonRegistered, Remarked
from tests.helpers.verification import verify

MASTERS = MasterKeys(b"m" * 32)
SECRET = "Zaphod"

Verify = Callable[[], Awaitable[Sequence[Defect]]]


@pytest.fixture
async def store(open_another: OpenStore) -> Store:
    return await open_another(masters=MASTERS)


@pytest.fixture
async def defects(store: Store) -> Verify:
    """A commit of each of two people, verified without a key."""
    about = Remarked(likes=3, own=SECRET, about_id="person-2", text=SECRET)
    events = PersonRegistered(city="Graz", name=SECRET), about
    for number, event in enumerate(events, 1):
        await store.log.append(commit(f"person-{number}", 0, event, category="person"))

    async def run() -> Sequence[Defect]:
        verification = await verify(store)
        assert verification.report.checked[Check.COMMITS] == 2
        return verification.defects

    return run


async def test_personal_data_is_sound_as_it_is_stored_and_after_an_erasure(
    store: Store, defects: Verify
) -> None:
    assert await defects() == []
    keys = SubjectKeys(store.database, MASTERS, now)
    await keys.destroy([owner_of("default", "person-1")])
    assert await defects() == []


async def test_sealed_fields_without_names_or_under_another_name_are_found(
    store: Store, defects: Verify
) -> None:
    await store.documents.update_one({"_id": 1}, {"$unset": {"events.0.sealed.0.fields": 1}})
    await store.documents.update_one({"_id": 2}, {"$set": {"events.0.sealed.0.fields": ["nobody"]}})
    found = await defects()
    assert [defect.check for defect in found] == [Check.COMMITS, Check.SCHEMAS]
    assert SECRET not in str(found)
