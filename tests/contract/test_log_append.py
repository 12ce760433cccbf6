"""Appending: all or nothing, one winner for each version, once for each command."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.dispatch.ports import NewCommit
from domain.kernel.errors import ConcurrencyConflict, ValidationFailed
from eventstore.reading.event_query import EVERYTHING
from tests.helpers.commits import Store, commit, scores
from tests.helpers.counter_paths import BOTH_COUNTER_PATHS
from tests.helpers.notes import START, Scored, Written

pytestmark = BOTH_COUNTER_PATHS


async def outcomes(*appends: tuple[Store, NewCommit]) -> list[Any]:
    return await asyncio.gather(*(store.log.append(new) for store, new in appends), return_exceptions=True)


async def test_positions_count_from_one_and_a_receipt_says_where_the_events_are(store):
    first = await store.log.append(commit("note-a", 0, *scores(3), correlation="why"))
    second = await store.log.append(commit("note-a", 3))
    assert (first.stream, first.version, first.position) == ("note-a", 3, 1)
    assert (first.correlation, first.replayed) == ("why", False)
    assert (second.version, second.position) == (4, 2)


async def test_the_document_is_the_commit_without_its_absent_fields(store):
    full = commit(
        "note-a", 0, Written(text="x"), Scored(by=2), causation="c", actor="me", source="test", occurred=START
    )
    await store.log.append(full)
    await store.log.append(commit("note-a", 2))
    stored, bare = await store.documents.find({}).sort([("_id", 1)]).to_list(None)
    ids = [new.id for new in full.events]
    assert stored == {
        "_id": 1,
        "tenant": "default",
        "stream": "note-a",
        "category": "note",
        "events": [
            {"id": ids[0], "type": "note.written", "schema": 1, "version": 1, "data": {"text": "x"}},
            {"id": ids[1], "type": "note.scored", "schema": 1, "version": 2, "data": {"by": 2}},
        ],
        "command": {"id": full.command_id, "name": "Touch"},
        "correlation": "test",
        "causation": "c",
        "actor": "me",
        "source": "test",
        "at": full.at,
        "occurred": START,
    }
    assert not {"causation", "actor", "source", "occurred"} & set(bare)


async def test_i1_a_commit_that_overlaps_another_leaves_none_of_its_events(store, open_another):
    """The versions 2 and 3 lie inside a commit of another process, 4 does not: none of them is stored."""
    other = await open_another()
    await store.log.append(commit("note-a", 0))
    await other.log.stream("default", "note-a")
    await store.log.append(commit("note-a", 1, *scores(2)))
    with pytest.raises(ConcurrencyConflict) as refused:
        await other.log.append(commit("note-a", 1, *scores(3)))
    assert refused.value.details() == {"stream": "note-a", "expectedVersion": 1, "version": 3}
    assert [event.version for event in await other.log.stream("default", "note-a")] == [1, 2, 3]
    assert await store.documents.count_documents({"events": {"$exists": True}}) == 2


async def test_i2_of_many_appends_with_one_expected_version_exactly_one_wins(store, open_another):
    other = await open_another()
    for version in range(0, 12, 3):
        attempts = [(place, commit("note-a", version, *scores(3))) for place in (store, other) * 8]
        found = await outcomes(*attempts)
        won = [outcome for outcome in found if not isinstance(outcome, ConcurrencyConflict)]
        lost = [outcome for outcome in found if isinstance(outcome, ConcurrencyConflict)]
        assert len(won) == 1
        assert won[0].version == version + 3
        assert len(lost) == 15
        assert {(error.expected, error.actual) for error in lost} == {(version, version + 3)}
    assert [event.version for event in await store.log.stream("default", "note-a")] == list(range(1, 13))


@pytest.mark.parametrize("expected", [1, 7])
async def test_i2_a_version_that_the_stream_has_not_reached_is_refused(store, expected):
    with pytest.raises(ConcurrencyConflict) as refused:
        await store.log.append(commit("note-a", expected))
    assert (refused.value.expected, refused.value.actual) == (expected, 0)
    await store.log.append(commit("note-b", 0, *scores(9)))
    with pytest.raises(ConcurrencyConflict):
        await store.log.append(commit("note-b", expected))
    assert await store.documents.count_documents({}) == 1


async def test_i2_a_commit_that_builds_on_one_still_under_way_never_lands_without_it(store, open_another):
    """The later of the two would leave a gap where the earlier one loses to another process."""
    other = await open_another()
    await outcomes(
        *((place, commit("note-a", expected)) for expected in range(20) for place in (store, other))
    )
    versions = [event.version for event in await store.log.stream("default", "note-a")]
    assert versions == list(range(1, len(versions) + 1))


async def test_i3_one_command_id_has_effect_once_however_often_it_is_sent(store, open_another):
    other = await open_another()
    first = await outcomes(
        *((place, commit("note-a", 0, *scores(2), command_id="cmd-1")) for place in (store, other) * 6)
    )
    later = await outcomes(*((place, commit("note-a", 2, command_id="cmd-1")) for place in (store, other)))
    assert {(receipt.position, receipt.version) for receipt in first + later} == {(first[0].position, 2)}
    assert [receipt.replayed for receipt in first + later].count(False) == 1
    assert await store.documents.count_documents({"command.id": "cmd-1"}) == 1


async def test_i3_a_command_id_is_not_used_twice_even_on_another_stream(store):
    found = await outcomes(*((store, commit(f"note-{name}", 0, command_id="cmd-1")) for name in "abcdef"))
    assert len({receipt.stream for receipt in found}) == 1
    assert [receipt.replayed for receipt in found].count(False) == 1
    stored = await store.log.stored_command("default", "cmd-1")
    name, receipt = stored.name, stored.receipt
    assert (name, receipt.stream, receipt.replayed) == ("Touch", found[0].stream, True)
    assert await store.log.stored_command("default", "cmd-2") is None


async def test_i3_the_very_same_commit_sent_again_is_not_a_replay_but_its_own_success(store, open_another):
    """So an appender that lost an acknowledgement and tries again returns the right receipt."""
    new = commit("note-a", 0)
    receipt = await store.log.append(new)
    assert await (await open_another()).log.append(new) == receipt
    assert await store.log.append(new) == receipt


async def test_losers_close_their_positions_themselves(store, open_another):
    """No reader has to wait at the places of refused commits: nothing is fenced here for an hour."""
    other = await open_another()
    attempts = ((place, commit("note-a", 0)) for place in (store, other) * 10)
    await outcomes(*attempts)
    await store.log.append(commit("note-b", 0))
    seen = await store.everything()
    assert len(seen) == await store.log.head()
    assert [commit.info.stream for commit in seen if commit.info] == ["note-a", "note-b"]


async def test_tenants_do_not_share_streams_or_command_ids(store):
    await store.log.append(commit("note-a", 0, tenant="one", command_id="cmd-1"))
    receipt = await store.log.append(commit("note-a", 0, tenant="two", command_id="cmd-1"))
    assert not receipt.replayed
    assert await store.log.stored_command("three", "cmd-1") is None
    assert len(await store.log.stream("one", "note-a")) == 1


@pytest.mark.parametrize(
    "wrong",
    [{"events": Written(text="x" * 16_000_000)}, {"actor": "\udcff"}],
    ids=["document too large", "not Unicode"],
)
async def test_a_commit_that_cannot_be_stored_is_refused_and_affects_no_other(store, wrong):
    new = commit("note-a", 0, *([wrong["events"]] if "events" in wrong else []))
    new = replace(new, actor=wrong.get("actor"))
    refused, stored = await outcomes((store, new), (store, commit("note-b", 0)))
    assert isinstance(refused, ValidationFailed)
    assert stored.position == 1


async def test_a_command_without_events_takes_a_place_and_no_version(store):
    await store.log.append(commit("note-a", 0))
    unchanged = replace(commit("note-a", 1, command_id="cmd-1"), events=(), run="run-1")
    first, other = await asyncio.gather(
        store.log.append(unchanged), store.log.append(replace(unchanged, command_id="cmd-2", run="run-2"))
    )
    assert {first.position, other.position} == {2, 3}
    assert (first.stream, first.version, first.changed, first.replayed) == ("note-a", 1, False, False)
    stored = await store.log.stored_command("default", "cmd-1")
    assert stored.receipt == replace(first, replayed=True)
    assert [one.info and one.info.stream for one in await store.everything()] == ["note-a", None, None]
    assert (await store.log.append(commit("note-a", 1))).version == 2
    assert await store.log.count("default", EVERYTHING, 4, 100) == 2


async def test_a_command_id_that_changed_nothing_is_used_up(store, open_another):
    """Whichever process comes second: with events or without."""
    other = await open_another()
    unchanged = replace(commit("note-a", 0, command_id="cmd-1"), events=(), run="run-1")
    first = await store.log.append(unchanged)
    for log in (store.log, other.log):
        again = await log.append(commit("note-a", 0, command_id="cmd-1"))
        assert again == replace(first, replayed=True)
    assert await store.log.stream("default", "note-a") == []
    assert (await other.log.append(commit("note-a", 0))).version == 1
