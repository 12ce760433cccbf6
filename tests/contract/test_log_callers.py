"""Who caused a commit, and from where: stored with it, read with it, and erased with the person."""

from __future__ import annotations

from typing import Any

import bson
import pytest

from domain.dispatch.ports import NewCommit
from domain.kernel import CommitInfo
from domain.kernel.errors import PersonalDataRefused
from domain.kernel.personal import actor_subject
from eventstore.integrity.commit_schema import commit_defect
from eventstore.personal.client_addresses import client_owner
from eventstore.personal.sealing import MasterKeys
from tests.contract.conftest import OpenStore
from tests.helpers.commits import Store, commit
from tests.helpers.people import PersonRegistered

MASTERS = MasterKeys(b"m" * 32)
ADDRESS = "203.0.113.77"
ADA = "auth0|4711"


@pytest.fixture
async def store(open_another: OpenStore) -> Store:
    return await open_another(masters=MASTERS)


def by_ada(stream: str, **changes: Any) -> NewCommit:
    return commit(stream, 0, **{"actor": ADA, "authentication": "jwt", "client": ADDRESS, **changes})


async def infos(store: Store) -> list[CommitInfo]:
    return [read.info for read in await store.everything() if read.info is not None]


async def test_a_commit_keeps_how_its_actor_was_authenticated(store: Store) -> None:
    """One without authentication, and one of an older release, has none."""
    await store.log.append(commit("note-1", 0, actor="key-user", authentication="key:k1"))
    await store.log.append(commit("note-2"))
    assert [(info.actor, info.authentication) for info in await infos(store)] == [
        ("key-user", "key:k1"),
        (None, None),
    ]
    [event] = await store.log.stream("default", "note-1")
    assert event.commit.authentication == "key:k1"


async def test_an_address_is_stored_sealed_and_opened_for_an_audit_alone(store: Store) -> None:
    await store.log.append(by_ada("note-1"))
    [stored] = await store.documents.find().to_list(None)
    assert ADDRESS.encode() not in bson.encode(stored)
    assert commit_defect(stored) is None
    assert await store.log.clients(await infos(store)) == [ADDRESS]


async def test_an_erased_person_has_no_addresses_and_gets_no_new_ones(store: Store) -> None:
    """The commits stay, also those that follow."""
    await store.log.append(by_ada("note-1"))
    await store.log.keys.destroy([client_owner("default", ADA)])
    await store.log.append(by_ada("note-2"))
    assert await store.log.clients(await infos(store)) == [None, None]
    assert [info.actor for info in await infos(store)] == [ADA, ADA]
    assert "client" not in (await store.documents.find_one({"stream": "note-2"}) or {})


async def test_an_address_without_a_person_is_not_stored(store: Store) -> None:
    """Nobody could ask for its erasure."""
    await store.log.append(by_ada("note-1", actor=None))
    assert "client" not in (await store.documents.find_one({}) or {})


async def test_the_addresses_of_equal_actors_of_two_tenants_have_keys_of_their_own(store: Store) -> None:
    """Erasing the person in one tenant leaves the other one as it is."""
    for tenant in ("red", "blue"):
        await store.log.append(by_ada("note-1", tenant=tenant))
    await store.log.keys.destroy([client_owner("red", ADA)])
    assert await store.log.clients(await infos(store)) == [None, ADDRESS]


async def test_an_address_needs_a_master_key(open_another: OpenStore) -> None:
    store = await open_another()
    with pytest.raises(PersonalDataRefused):
        await store.log.append(by_ada("note-1"))


async def test_a_commit_has_personal_events_and_an_address(store: Store) -> None:
    """Their keys are independent: the erasure of the person in the event leaves the actor's address."""
    registered = PersonRegistered(city="Graz", name="Ada")
    changes = {"actor": ADA, "client": ADDRESS, "category": "person"}
    await store.log.append(commit("person-1", 0, registered, **changes))
    await store.log.keys.destroy(["default/person-1"])
    [event] = await store.log.stream("default", "person-1")
    assert event.erased == ("person-1",)
    assert await store.log.clients([event.commit]) == [ADDRESS]


def test_the_subject_of_an_actor_is_an_id_that_can_be_erased() -> None:
    """An id is itself; another name gets one of its own."""
    assert actor_subject("person-42") == "person-42"
    assert actor_subject(ADA) == actor_subject(ADA) != actor_subject("auth0|4712")
    assert actor_subject(ADA).startswith("actor-")
