"""A recorded erasure is complete for every reader, even if its process died before it destroyed the key."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import bson
import pytest

from api.ids import new_id, now
from domain.builtin import subjects
from domain.builtin.subjects.commands import KEY_IS_DESTROYED, SUBJECT_HAS_KEY, EraseSubject
from domain.builtin.subjects.events import SubjectErased
from domain.dispatch import CommandBus, ConditionHandlers
from domain.dispatch.digest import command_digest
from domain.kernel import Catalog, Envelope, RecordedEvent
from domain.kernel.errors import CommandIdReused, DeclarationError, NotFound
from eventstore.aggregates.repository import AggregateRepository
from eventstore.personal.erasure import Erasure
from eventstore.personal.sealing import MasterKeys
from tests.helpers import people
from tests.helpers.commits import Store, commit
from tests.helpers.people import PersonRegistered, PersonRenamed, RegisterPerson

MASTERS = MasterKeys(b"m" * 32)
CATALOG = Catalog([people.context, subjects.context])
ERASED = commit("subject-person-1", 0, SubjectErased(subject="person-1"), category="subject")


@pytest.fixture
async def store(open_another) -> Store:
    return await open_another(masters=MASTERS, catalog=CATALOG)  # type: ignore[no-any-return]


def bus(store: Store, digest_key: bytes = b"") -> CommandBus:
    repository, erasure = AggregateRepository(store.log), Erasure(store.log.keys)
    conditions = (
        ConditionHandlers()
        .add(SUBJECT_HAS_KEY, erasure.require_key)
        .add(KEY_IS_DESTROYED, erasure.destroy_key)
    )
    return CommandBus(
        CATALOG, store.log, repository, now, new_id, conditions=conditions, digest_key=digest_key
    )


async def name(store: Store, stream: str, version: int) -> None:
    event = PersonRenamed(name="plain") if version else PersonRegistered(city="Graz", name="plain")
    await store.log.append(commit(stream, version, event, category="person"))


async def names(store: Store) -> list[str | None]:
    events = [event for one in await store.everything() for event in one.events if _is_named(event)]
    return [event.data["name"] for event in events]


def _is_named(event: RecordedEvent) -> bool:
    return event.commit.category == "person"


async def destroyed(store: Store) -> bool:
    key = await store.database["keys"].find_one({"_id": "default/person-1"})
    return key is not None and "wrapped" not in key


async def test_the_key_is_gone_before_the_command_has_its_receipt_and_again_changes_nothing(store):
    await name(store, "person-1", 0)
    first = await bus(store).dispatch(Envelope(EraseSubject(subject="person-1", reason="asked for it")))
    assert await destroyed(store)
    again = await bus(store).dispatch(Envelope(EraseSubject(subject="person-1")))
    assert (first.stream, first.version, again.version, again.changed) == ("subject-person-1", 1, 1, False)
    assert await names(store) == [None]


async def test_a_subject_without_personal_data_is_not_erased_and_a_repeated_erasure_is_replayed(store):
    """Only the first run checks for the key, which may be lost by then."""
    erase = Envelope(EraseSubject(subject="person-1"), command_id="cmd-1")
    with pytest.raises(NotFound, match="there is no personal data of 'person-1'"):
        await bus(store).dispatch(erase)
    await name(store, "person-1", 0)
    first = await bus(store).dispatch(erase)
    await store.database["keys"].delete_many({})
    assert await bus(store).dispatch(erase) == replace(first, replayed=True)


async def test_a_bus_without_a_handler_of_a_declared_condition_is_refused(store):
    """Else an erasure could be recorded and the key kept."""
    conditions = ConditionHandlers().add(SUBJECT_HAS_KEY, Erasure(store.log.keys).require_key)
    with pytest.raises(DeclarationError, match="EraseSubject declares the condition that the key"):
        CommandBus(CATALOG, store.log, AggregateRepository(store.log), now, new_id, conditions=conditions)


async def test_a_digest_of_personal_data_is_sealed_and_ends_with_its_subject(store):
    """Else a reader of the log and its keys could try which name it was."""
    key = await store.log.secrets.digest_key()
    dispatch = bus(store, key).dispatch
    register, other = (RegisterPerson(id="person-1", city="Graz", name=name) for name in ("Ada", "Eve"))
    first = await dispatch(Envelope(register, command_id="cmd-1"))
    stored = await store.documents.find_one({})
    assert command_digest(key, register) not in bson.encode(stored)
    assert stored["command"]["digest"]["subjects"] == ["person-1"]
    assert await dispatch(Envelope(register, command_id="cmd-1")) == replace(first, replayed=True)
    with pytest.raises(CommandIdReused):
        await dispatch(Envelope(other, command_id="cmd-1"))
    await bus(store).dispatch(Envelope(EraseSubject(subject="person-1")))
    for command in (register, other):
        assert (await dispatch(Envelope(command, command_id="cmd-1"))).replayed


async def test_no_unsealed_digest_is_stored_of_possibly_personal_data(store):
    dispatch = bus(store, await store.log.secrets.digest_key()).dispatch
    await dispatch(Envelope(RegisterPerson(id="person-1", city="Graz"), command_id="cmd-1"))
    assert "digest" not in (await store.documents.find_one({}))["command"]


async def test_to_erase_again_destroys_a_key_that_came_back_with_a_backup(store):
    await name(store, "person-1", 0)
    backup = await store.database["keys"].find_one({})
    await bus(store).dispatch(Envelope(EraseSubject(subject="person-1")))
    await store.database["keys"].delete_many({})
    await store.database["keys"].insert_one(backup)
    assert not await destroyed(store)
    await bus(store).dispatch(Envelope(EraseSubject(subject="person-1")))
    assert await destroyed(store)


async def test_a_reader_of_the_record_of_an_erasure_completes_it_and_reads_none_of_the_data(
    store, open_another
):
    """The page holds data from before the record and from after it, when the key was still there."""
    await name(store, "person-1", 0)
    await name(store, "person-2", 0)
    await store.log.append(ERASED)
    await name(store, "person-1", 1)
    another = await open_another(masters=MASTERS, catalog=CATALOG)
    assert not await destroyed(store)
    assert await names(another) == [None, "plain", None]
    assert await destroyed(store)


async def test_a_reader_in_order_sees_nothing_of_the_subject_from_the_record_on(store, open_another):
    await name(store, "person-1", 0)
    await store.log.append(ERASED)
    await name(store, "person-1", 1)
    reader = (await open_another(masters=MASTERS, catalog=CATALOG)).log.reader()
    pages = [(await reader.read(position, limit=1))[0].events[0].data.get("name") for position in range(3)]
    assert pages == ["plain", None, None]


async def test_an_erasure_that_was_met_costs_no_query_again(store):
    await store.log.append(ERASED)
    await store.everything()
    await store.database.command({"profile": 2})
    await asyncio.gather(*(store.everything() for _ in range(3)))
    await store.database.command({"profile": 0})
    asked = {"ns": f"{store.database.name}.keys"}
    assert await store.database["system.profile"].count_documents(asked) == 0
