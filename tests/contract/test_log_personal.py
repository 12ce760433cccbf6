"""Personal data in the log: sealed for its subjects, opened for readers, and gone with the key."""

from __future__ import annotations

import asyncio
from typing import Annotated, Any

import bson
import pytest

from domain.dispatch.ports import NewCommit
from domain.kernel import Event, Personal, RecordedEvent
from domain.kernel.errors import (
    ConcurrencyConflict,
    PersonalDataRefused,
    UnfitValue,
    ValidationFailed,
)
from eventstore.mongo.driver import Document
from eventstore.personal.sealing import MasterKeys
from eventstore.personal.subject_keys import owner_of
from eventstore.reading.event_query import EventQuery
from tests.helpers.commits import Store, commit, scores
from tests.helpers.people import PersonRegistered, PersonRenamed, Remarked

MASTERS = MasterKeys(b"m" * 32)
MARKER = "Zaphod"


@pytest.fixture
async def store(open_another) -> Store:
    return await open_another(masters=MASTERS)  # type: ignore[no-any-return]


def said(stream: str, expected: int, *events: Event, **changes: Any) -> NewCommit:
    return commit(stream, expected, *events, **{"category": "person", **changes})


REGISTERED = PersonRegistered(city="Graz", name=MARKER)
ABOUT = Remarked(likes=3, own="mine " + MARKER, about_id="person-2", text="theirs " + MARKER)


class Unstorable(Event, type="person.unstorable"):
    details: Annotated[dict[str, list[str]] | None, Personal()] = None


def name_of(event: RecordedEvent) -> str | None:
    assert isinstance(event.payload, PersonRegistered | PersonRenamed)
    return event.payload.name


async def dump(store: Store) -> bytes:
    """Every document of the database, as it is stored."""
    found: list[Document] = []
    for name in await store.database.list_collection_names():
        found += await store.database[name].find().to_list(None)
    return b"".join(map(bson.encode, found))


async def read(store: Store, stream: str = "person-1") -> list[RecordedEvent]:
    """The stream, which every way of reading shows alike."""
    events = await store.log.stream("default", stream)
    assert events == await store.log.search("default", EventQuery(streams=[stream]))
    assert events == [await store.log.event("default", event.id) for event in events]
    assert events == [e for c in await store.everything() for e in c.events if e.stream == stream]
    return events


async def test_personal_data_is_stored_sealed_and_read_unchanged(store):
    await store.log.append(said("person-1", 0, REGISTERED, ABOUT))
    assert MARKER.encode() not in await dump(store)
    registered, about = await read(store)
    assert (registered.payload, registered.subjects, registered.unreadable) == (
        REGISTERED,
        ("person-1",),
        None,
    )
    assert registered.data == {"city": "Graz", "name": MARKER}
    assert (about.payload, set(about.subjects)) == (ABOUT, {"person-1", "person-2"})
    stored = (await store.documents.find_one({"_id": 1}))["events"]
    assert stored[0]["data"] == {"city": "Graz"}
    assert [(one["subject"], one["fields"]) for one in stored[1]["sealed"]] == [
        ("person-1", ["own"]),
        ("person-2", ["text"]),
    ]


async def test_sealing_the_same_data_twice_gives_different_bytes(store):
    for version in range(2):
        await store.log.append(said("person-1", version, PersonRenamed(name=MARKER)))
    first, second = [
        document["events"][0]["sealed"][0] for document in await store.documents.find().to_list(None)
    ]
    assert first["value"] != second["value"]


async def test_of_an_erased_subject_all_fields_read_none_and_no_other_ones(store, open_another):
    await store.log.append(said("person-1", 0, REGISTERED, ABOUT))
    another = await open_another(masters=MASTERS)
    await read(another)
    await store.log.keys.destroy([owner_of("default", "person-2")])
    for reader in store, another:
        registered, about = await read(reader)
        assert registered.payload == REGISTERED
        assert about.payload == ABOUT.model_copy(update={"text": None})
        assert about.data == {"likes": 3, "own": "mine " + MARKER, "about_id": "person-2", "text": None}
        assert about.subjects == ("person-1",)


async def test_a_subject_is_its_tenants_own(store):
    for tenant in "one", "two":
        await store.log.append(said("person-1", 0, REGISTERED, tenant=tenant))
    await store.log.keys.destroy([owner_of("one", "person-1")])
    names = [name_of((await store.log.stream(tenant, "person-1"))[0]) for tenant in ("one", "two")]
    assert names == [None, MARKER]


async def test_nothing_personal_of_an_erased_subject_is_stored_again(store, open_another):
    """Whether it ever had a key or not, and by whichever process."""
    await store.log.append(said("person-1", 0, REGISTERED))
    await store.log.keys.destroy([owner_of("default", "person-1"), owner_of("default", "person-9")])
    another = await open_another(masters=MASTERS)
    for refused in (
        said("person-1", 1, PersonRenamed(name="b")),
        said("person-9", 0, REGISTERED),
        said("person-3", 0, Remarked(likes=1), Remarked(about_id="person-1", text="b")),
    ):
        with pytest.raises(PersonalDataRefused, match=r"person-\d was erased"):
            await another.log.append(refused)
    await another.log.append(said("person-1", 1, Remarked(likes=1)))
    assert await store.documents.count_documents({}) == 2
    kept = await store.database["keys"].find().to_list(None)
    assert all(set(key) == {"_id", "erased", "at"} and key["erased"] for key in kept)


async def test_many_processes_make_one_key(open_another):
    stores = [await open_another(masters=MASTERS) for _ in range(8)]
    for turn in range(5):
        owner = owner_of("default", f"person-{turn}")
        found = await asyncio.gather(*(store.log.keys.obtain([owner]) for store in stores))
        nonce, text = b"n" * 12, b"text"
        sealed = {keys[owner].encrypt(nonce, text, None) for keys in found}
        assert len(sealed) == 1


async def test_a_key_that_is_made_while_its_subject_is_erased_is_erased(open_another):
    """In either order: at the end there is no key, and no sealed data can be read."""
    making, erasing = await open_another(masters=MASTERS), await open_another()
    for turn in range(20):
        owner = owner_of("default", f"person-{turn}")
        await asyncio.gather(
            making.log.append(said(f"person-{turn}", 0, REGISTERED)),
            erasing.log.keys.destroy([owner]),
            return_exceptions=True,
        )
        assert all(name_of(event) is None for event in await read(making, f"person-{turn}"))
    assert await making.database["keys"].count_documents({"wrapped": {"$exists": True}}) == 0


async def test_without_a_master_key_personal_data_is_refused_and_all_else_works(open_another):
    store = await open_another()
    with pytest.raises(PersonalDataRefused, match="set NERVE_MASTER_KEY"):
        await store.log.append(said("person-1", 0, Remarked(likes=1), REGISTERED))
    assert await store.documents.count_documents({}) == 0
    await store.log.append(said("person-1", 0, PersonRegistered(city="Graz"), Remarked(likes=1)))
    assert [event.payload for event in await read(store)] == [
        PersonRegistered(city="Graz"),
        Remarked(likes=1),
    ]


async def test_a_value_without_a_subject_or_too_large_is_refused_without_showing_it(store):
    with pytest.raises(ValidationFailed, match="about_id does not say whose") as refused:
        await store.log.append(said("person-1", 0, Remarked(text=MARKER)))
    with pytest.raises(UnfitValue, match=r"^Unstorable\.details\[…\]\[0\]: half of a surrogate") as unfit:
        await store.log.append(said("person-1", 0, Unstorable(details={MARKER: [MARKER + "\udcff"]})))
    assert MARKER not in f"{refused.value}{unfit.value}"
    assert await store.documents.count_documents({}) == 0


@pytest.mark.parametrize("change", ["value", "stream", "event", "subject", "swapped"])
async def test_a_blob_that_was_tampered_with_makes_its_event_unreadable_and_no_other(store, change):
    await store.log.append(said("person-1", 0, REGISTERED, PersonRenamed(name="b"), PersonRenamed(name="c")))
    await store.log.append(said("person-2", 0, REGISTERED))
    first = await store.documents.find_one({})
    value = first["events"][1]["sealed"][0]["value"]
    update = {
        "value": {"events.1.sealed.0.value": value[:-1] + bytes([value[-1] ^ 1])},
        "stream": {"stream": "person-3"},
        "event": {"events.1.id": "another"},
        "subject": {"events.1.sealed.0.subject": "person-2"},
        "swapped": {"events.1.sealed.0.value": first["events"][2]["sealed"][0]["value"]},
    }[change]
    await store.documents.update_one({"_id": first["_id"]}, {"$set": update})
    events = [event for commit in await store.everything() for event in commit.events]
    broken = range(3) if change == "stream" else [1]
    for place, event in enumerate(events):
        if place in broken:
            assert event.unreadable is not None
            assert event.unreadable.cause == "tampered with"
            assert (event.payload, event.data["name"]) == (None, None)
        else:
            assert event.unreadable is None
            assert name_of(event) in (MARKER, "c")


async def test_a_process_without_the_right_master_key_names_it_instead_of_showing_nulls(
    open_another,
):
    early = await open_another()
    store = await open_another(masters=MASTERS)
    await store.log.append(said("person-1", 0, REGISTERED, Remarked(likes=1)))
    sealed, plain = await read(early)
    assert sealed.unreadable is not None
    assert sealed.unreadable.detail == "this process has no master key that unwraps the key of person-1"
    assert (sealed.payload, plain.payload) == (None, Remarked(likes=1))


async def test_i1_a_chain_of_personal_data_lands_in_order_with_one_look_at_the_keys(store):
    await store.log.append(said("person-1", 0, REGISTERED))
    await store.database.command({"profile": 2})
    renamed = [said("person-1", version, PersonRenamed(name=str(version))) for version in range(1, 60)]
    await asyncio.gather(*map(store.log.append, renamed))
    await store.database.command({"profile": 0})
    asked = {"ns": f"{store.database.name}.keys", "op": "query"}
    assert await store.database["system.profile"].count_documents(asked) == 1
    assert [name_of(event) for event in await read(store)] == [MARKER, *map(str, range(1, 60))]


async def test_i1_no_commit_lands_that_builds_on_one_refused_for_its_subject(store):
    await store.log.keys.destroy([owner_of("default", "person-9")])
    chain = [
        said("person-1", 0, REGISTERED),
        said("person-1", 1, Remarked(about_id="person-9", text="a")),
        said("person-1", 2, Remarked(likes=1)),
        said("person-2", 0, REGISTERED),
    ]
    outcomes = await asyncio.gather(*map(store.log.append, chain), return_exceptions=True)
    refused = [type(outcome) for outcome in outcomes if isinstance(outcome, Exception)]
    assert refused == [PersonalDataRefused, ConcurrencyConflict]
    assert [event.stream for c in await store.everything() for event in c.events] == ["person-1", "person-2"]


async def test_reading_costs_one_query_for_a_page_with_sealed_events_and_none_without(store):
    await store.log.append(commit("note-1", 0, *scores(3)))
    await store.log.append(said("person-1", 0, REGISTERED, ABOUT))
    await store.database.command({"profile": 2})
    await store.log.reader().read(0, 1)
    await store.log.stream("default", "note-1")
    profile = store.database["system.profile"]
    asked = {"ns": f"{store.database.name}.keys"}
    assert await profile.count_documents(asked) == 0
    await store.log.reader().read(0)
    assert await profile.count_documents(asked) == 1
    await store.database.command({"profile": 0})
