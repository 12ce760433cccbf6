"""Verifying a log with personal data: sealed or erased, it is sound, and its data is never shown."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from eventstore.integrity.event_schemas import EventSchemas
from eventstore.integrity.report import Check, Defect
from eventstore.integrity.verifier import Verifier
from eventstore.mongo.log_collections import LogCollections
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import SubjectKeys, owner_of
from tests.contract.conftest import OpenStore
from tests.helpers.commits import CATALOG, Store, commit
from tests.helpers.notes import now
from tests.helpers.people import PersonRegistered, Remarked

MASTERS = MasterKeys(b"m" * 32)
SECRET = "Zaphod"

Verify = Callable[[], Awaitable[list[Defect]]]


@pytest.fixture
async def store(open_another: OpenStore) -> Store:
    return await open_another(masters=MASTERS)


@pytest.fixture
async def verify(store: Store) -> Verify:
    """A commit of each of two people, verified without a key."""
    about = Remarked(likes=3, own=SECRET, about_id="person-2", text=SECRET)
    events = PersonRegistered(city="Graz", name=SECRET), about
    for number, event in enumerate(events, 1):
        await store.log.append(commit(f"person-{number}", 0, event, category="person"))

    async def run() -> list[Defect]:
        defects: list[Defect] = []
        verifier = Verifier(
            LogCollections.of(store.database),
            store.log.archive,
            schema_check=EventSchemas(CATALOG).violation,
            clock=now,
            on_defect=defects.append,
            on_progress=lambda done, total: None,
        )
        report = await verifier.run(1, {}, {})
        assert report.checked[Check.COMMITS] == 2
        return defects

    return run


async def test_personal_data_is_sound_as_it_is_stored_and_after_an_erasure(
    store: Store, verify: Verify
) -> None:
    assert await verify() == []
    keys = SubjectKeys(store.database, MASTERS, now)
    await keys.destroy([owner_of("default", "person-1")])
    assert await verify() == []


async def test_sealed_fields_without_names_or_under_another_name_are_found(
    store: Store, verify: Verify
) -> None:
    await store.documents.update_one({"_id": 1}, {"$unset": {"events.0.sealed.0.fields": 1}})
    await store.documents.update_one({"_id": 2}, {"$set": {"events.0.sealed.0.fields": ["nobody"]}})
    found = await verify()
    assert [defect.check for defect in found] == [Check.COMMITS, Check.SCHEMAS]
    assert SECRET not in str(found)
