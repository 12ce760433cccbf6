"""Unique values hold in every order of claims, appends and crashes, over the real log."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from domain.dispatch.ports import Claim
from domain.kernel import Envelope, Receipt
from domain.kernel.errors import ConcurrencyConflict
from domain.kernel.unique_errors import ValueTaken
from eventstore.integrity.commit_schema import commit_defect
from eventstore.tenants.erasure import TenantEraser
from tests.helpers import players
from tests.helpers.commits import Store, commit
from tests.helpers.mongo_profiler import commands
from tests.helpers.players import Join, Joined, Quit, Rename
from tests.helpers.unique_bus import UniqueBus, open_unique_bus, unique_bus


@pytest.fixture
async def store(open_another) -> Store:
    return await open_another(catalog=players.CATALOG)  # type: ignore[no-any-return]


@pytest.fixture
def bus(store: Store) -> UniqueBus:
    return unique_bus(store)


async def test_of_fifty_racing_creates_one_succeeds_and_the_others_store_nothing(mongo_url, database):
    """Five processes create ten streams each, all with one value."""
    async with AsyncExitStack() as stack:
        buses = [await stack.enter_async_context(open_unique_bus(mongo_url, database)) for _ in range(5)]
        sent = [bus.send(Join(nick="Ada")) for bus in buses for _ in range(10)]
        outcomes = await asyncio.gather(*sent, return_exceptions=True)
        assert len([each for each in outcomes if isinstance(each, Receipt)]) == 1
        refusals = [each for each in outcomes if isinstance(each, ValueTaken)]
        assert len(refusals) == 49
        assert {(each.code, each.details()["field"]) for each in refusals} == {("ALREADY_EXISTS", "nickName")}
        assert not any("ada" in str(each).casefold() for each in refusals)
        assert len(await buses[0].owners()) == await buses[0].claim_count() == 1


async def test_a_value_is_free_after_a_change_and_after_the_end_of_its_stream(bus):
    first = await bus.send(Join(nick="Ada"))
    with pytest.raises(ValueTaken):
        await bus.send(Join(nick="ADA"))
    await bus.send(Rename(id=first.stream, nick="Eve"))
    second = await bus.send(Join(nick="ada"))
    with pytest.raises(ValueTaken):
        await bus.send(Rename(id=first.stream, nick="Ada"))
    await bus.send(Quit(id=second.stream))
    await bus.send(Rename(id=first.stream, nick="Ada"))
    assert await bus.owners() == {first.stream: "ada"}
    assert await bus.claim_count() == 1


async def test_tenants_do_not_share_unique_values(bus):
    assert (await bus.send(Join(nick="Ada"))).changed
    assert (await bus.send(Join(nick="Ada"), tenant="other")).changed


async def test_the_collection_of_claims_does_not_contain_the_value(bus):
    await bus.send(Join(nick="Ada"))
    claims = await bus.store.database["claims"].find().to_list(None)
    assert "ada" not in str(claims).casefold()


async def test_a_command_that_is_sent_again_gets_its_first_receipt(bus):
    first = await bus.send(Join(nick="Ada"), "cmd-1")
    again = await bus.send(Join(nick="Ada"), "cmd-1")
    assert (again.stream, again.replayed) == (first.stream, True)


async def test_an_append_that_is_refused_gives_its_claim_back(bus):
    """Another process has changed the stream, so the claim on the first value must not remain."""
    first = await bus.send(Join(nick="Ada"))
    other = unique_bus(bus.store)
    await other.send(Rename(id=first.stream, nick="Eve"))
    with pytest.raises(ConcurrencyConflict):
        await bus.bus.dispatch(Envelope(Rename(id=first.stream, nick="Mia"), expected_version=1))
    await bus.send(Rename(id=first.stream, nick="Joe"))
    assert await bus.claim_count() == 1
    assert (await bus.send(Join(nick="Mia"))).changed


async def test_a_claim_whose_append_never_came_is_withdrawn_and_the_late_append_is_refused(store):
    """The process of the first claim is stalled beyond the patience of the second one."""
    bus = unique_bus(store, patience=0.05)
    claim = await _claim_of(bus, "player-1", "Ada")
    second = await bus.send(Join(nick="Ada"))
    late = commit("player-1", 0, Joined(nick="Ada"), category="player", claim=claim.tokens[0])
    with pytest.raises(ConcurrencyConflict):
        await store.log.append(late)
    assert await bus.owners() == {second.stream: "ada"}


async def test_a_claim_is_not_withdrawn_once_its_append_is_stored(store):
    """The claimant sees the commit, and is refused, however short its patience is."""
    bus = unique_bus(store, patience=0.0)
    claim = await _claim_of(bus, "player-1", "Ada")
    event = Joined(nick="Ada")
    await store.log.append(commit("player-1", 0, event, category="player", claim=claim.tokens[0]))
    await bus.claims.settle(claim)
    with pytest.raises(ValueTaken):
        await bus.send(Join(nick="Ada"))
    assert await bus.owners() == {"player-1": "ada"}


async def test_claims_are_made_again_from_the_log_and_unused_ones_are_released(bus):
    """As after an import, and after values were declared as unique that were not before."""
    for number, nick in enumerate(["Ada", "Eve", "EVE"]):
        stream = f"player-{number}"
        await bus.store.log.append(commit(stream, 0, Joined(nick=nick), category="player"))
    first = await bus.send(Join(nick="Mia"))
    await bus.store.log.append(commit(first.stream, 1, players.HasQuit(), category="player"))
    report = await bus.upkeep.rebuild()
    assert (report.streams, report.released) == (4, 1)
    assert [(each.stream, each.field) for each in report.duplicates] == [("player-2", "nickName")]
    with pytest.raises(ValueTaken):
        await bus.send(Join(nick="ada"))
    again = await bus.upkeep.rebuild()
    assert (again.streams, again.released, len(again.duplicates)) == (4, 0, 1)


async def test_the_values_of_stored_streams_are_claimed_at_the_first_start_after_their_declaration(bus):
    await bus.store.log.append(commit("player-1", 0, Joined(nick="Ada"), category="player"))
    await bus.upkeep.open()
    assert await bus.claim_count() == 1
    await bus.store.database["claims"].delete_many({})
    await bus.upkeep.open()
    assert await bus.claim_count() == 0


async def test_the_erasure_of_a_tenant_deletes_its_claims(bus):
    await bus.send(Join(nick="Ada"))
    await bus.send(Join(nick="Ada"), tenant="other")
    await TenantEraser(bus.store.database, bus.store.log.archive).run("default")
    claims = await bus.store.database["claims"].find().to_list(None)
    assert [claim["tenant"] for claim in claims] == ["other"]


async def test_a_create_with_a_unique_value_costs_one_operation_more(store):
    bus = unique_bus(store)
    await bus.send(Join(nick="Eve"))
    async with commands(store) as asked:
        await bus.send(Join(nick="Ada"))
    assert asked == {"findAndModify claims": 1, "findAndModify counters": 1, "insert log": 1}


async def test_the_log_with_claims_and_withdrawals_passes_verification(store):
    bus = unique_bus(store, patience=0.0)
    await _claim_of(bus, "player-1", "Ada")
    await bus.send(Join(nick="Ada"))
    documents = await store.documents.find({}).to_list(None)
    assert [commit_defect(document) for document in documents] == [None] * len(documents)
    assert [document["claim"].partition("-")[0] for document in documents] == ["claim", "claim"]


async def _claim_of(bus: UniqueBus, stream: str, nick: str) -> Claim:
    """Claim a nickname for a stream, as a process that dies before its append."""
    unique = bus.bus._decider.unique
    assert unique is not None
    claimed = await unique.claim("default", stream, players.Player(), players.Player(nick=nick))
    assert claimed is not None
    return claimed.taken[0]
