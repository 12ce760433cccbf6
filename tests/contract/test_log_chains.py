"""Chains: appends of one stream that are under way together, each building on the one before."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from domain.dispatch.ports import NewCommit
from domain.kernel import Commit, Receipt
from domain.kernel.errors import ConcurrencyConflict
from domain.kernel.limit_errors import Overloaded
from eventstore.commit_documents import encode_commit, with_position
from tests.helpers.commits import Store, append_options, commit, scores
from tests.helpers.counter_paths import BOTH_COUNTER_PATHS

pytestmark = BOTH_COUNTER_PATHS


def chain(stream: str, length: int, start: int = 0, **changes: Any) -> list[NewCommit]:
    return [commit(stream, version, **changes) for version in range(start, start + length)]


async def outcomes(store: Store, commits: Sequence[NewCommit]) -> list[Any]:
    return await asyncio.gather(*map(store.log.append, commits), return_exceptions=True)


def versions(found: Sequence[Any]) -> list[int | str]:
    """The version each append led to, or its error's name."""
    return [one.version if isinstance(one, Receipt) else type(one).__name__ for one in found]


LOST = ConcurrencyConflict.__name__


async def test_a_chain_lands_in_order_and_in_one_group(open_another):
    announced: list[int] = []
    store = await open_another(announce=announced.append)
    mixed = [new for pair in zip(chain("note-a", 20), chain("note-b", 20), strict=True) for new in pair]
    found = await outcomes(store, [commit("note-c", 0), *mixed])
    assert versions(found[1:]) == [version for version in range(1, 21) for _ in "ab"]
    assert announced == [41]
    for name in ("a", "b"):
        positions = [event.position for event in await store.log.stream("default", f"note-{name}")]
        assert positions == list(range(positions[0], positions[0] + 20))


async def test_a_chain_longer_than_a_group_lands_in_order_while_others_go_on(open_another):
    store = await open_another(append_options(group=4))
    singles = [commit(f"note-{number}", 0) for number in range(10)]
    found = await outcomes(store, [*chain("note-a", 30), *singles])
    assert versions(found) == [*range(1, 31), *[1] * 10]
    positions = [receipt.position for receipt in found[:30]]
    assert positions == sorted(positions)
    assert max(receipt.position for receipt in found[30:]) < positions[-1]


async def test_commits_of_several_events_and_appends_that_come_while_others_are_written_join_too(store):
    first = asyncio.create_task(store.log.append(commit("note-a", 0, *scores(3))))
    appends = [first]
    for version in range(3, 12):
        await asyncio.sleep(0)
        appends.append(asyncio.create_task(store.log.append(commit("note-a", version))))
    assert versions(await asyncio.gather(*appends)) == [3, *range(4, 13)]


async def test_a_chain_starts_from_a_version_that_this_process_has_yet_to_read(store, open_another):
    await store.log.append(commit("note-a", 0, *scores(5)))
    other = await open_another()
    assert versions(await outcomes(other, chain("note-a", 5, start=5))) == [6, 7, 8, 9, 10]


@pytest.mark.parametrize("start", [1, 7])
async def test_i2_a_chain_on_a_version_that_does_not_exist_is_refused_whole(store, start):
    assert versions(await outcomes(store, chain("note-a", 5, start=start))) == [LOST] * 5
    assert await store.documents.count_documents({}) == 0


async def test_i2_commits_that_build_on_a_lost_commit_never_land(store, open_another):
    """The first of the chain loses to another process. The version guard alone would let the others in."""
    other = await open_another()
    await other.log.append(commit("note-a", 0))
    found = await outcomes(store, [*chain("note-a", 5), commit("note-b", 0)])
    assert versions(found) == [*[LOST] * 5, 1]
    assert len(await store.log.stream("default", "note-a")) == 1
    assert versions(await outcomes(store, chain("note-a", 5, start=1))) == [2, 3, 4, 5, 6]
    assert len(await store.everything()) == await store.log.head()


async def test_i2_a_loss_in_the_middle_fails_later_commits_of_the_chain_and_no_others(store):
    taken = [
        with_position(encode_commit(commit(stream, 3)), place)
        for stream, place in (("note-a", 901), ("note-b", 902))
    ]
    await store.documents.insert_many(taken)
    around = [commit("note-c", 0), *chain("note-d", 3)]
    found = await outcomes(store, [*chain("note-a", 6), *chain("note-b", 6), *around])
    assert versions(found) == [1, 2, 3, LOST, LOST, LOST] * 2 + [1, 1, 2, 3]
    for name in ("a", "b"):
        assert await store.documents.count_documents({"stream": f"note-{name}"}) == 4


async def test_positions_lost_to_tombstones_delay_a_chain_and_keep_its_order(store):
    await store.documents.insert_many([{"_id": place, "tombstone": True} for place in (1, 3, 6)])
    found = await outcomes(store, [*chain("note-a", 8), commit("note-b", 0)])
    assert versions(found) == [*range(1, 9), 1]
    positions = [receipt.position for receipt in found[:8]]
    assert positions == sorted(positions)
    assert len(await store.everything()) == await store.log.head()


async def test_i3_commits_that_build_on_a_command_stored_before_do_not_land(store):
    """The first run may have done anything: the state the later ones were decided on never was."""
    first = await store.log.append(commit("note-old", 0, command_id="cmd-old"))
    new = chain("note-a", 5)
    new[2] = commit("note-a", 2, command_id="cmd-old")
    found = await outcomes(store, new)
    assert versions(found) == [1, 2, 1, LOST, LOST]
    assert (found[2].replayed, found[2].position) == (True, first.position)
    assert len(await store.log.stream("default", "note-a")) == 2


async def test_i3_a_chain_that_was_stored_before_gets_its_first_receipts(store, open_another):
    """As of a process that was killed before it knew, and whose successor sends everything again."""
    first = await outcomes(store, chain("note-a", 5))
    names = [receipt.command_id for receipt in first]
    again = [commit("note-a", version, command_id=name) for version, name in enumerate(names)]
    for other in (store, await open_another()):
        found = await outcomes(other, again)
        assert found == [replace(receipt, replayed=True) for receipt in first]


async def test_a_caller_that_leaves_does_not_break_the_chain(store):
    """A commit that others build on is written; one without a caller or a successor is not."""
    appends = [asyncio.create_task(store.log.append(new)) for new in chain("note-a", 6)]
    await asyncio.sleep(0)
    for place in (0, 2, 4, 5):
        appends[place].cancel()
    found = await asyncio.gather(*appends, return_exceptions=True)
    left = asyncio.CancelledError.__name__
    assert versions(found) == [left, 2, left, 4, left, left]
    assert versions(await outcomes(store, chain("note-a", 2, start=4))) == [5, 6]
    assert len(await store.log.stream("default", "note-a")) == 6


async def test_a_commit_that_builds_on_one_never_queued_is_refused(open_another):
    store = await open_another(append_options(queue=2))
    found = await outcomes(store, chain("note-a", 3))
    assert versions(found) == [1, 2, Overloaded.__name__]
    with pytest.raises(ConcurrencyConflict):
        await store.log.append(commit("note-a", 3))


async def test_i2_no_commit_joins_a_chain_that_has_lost(store: Store, open_another):
    """A caller that has just lost, and continues as if it had not."""
    await (await open_another()).log.append(commit("note-a", 0))

    async def go_on(new: NewCommit) -> Receipt:
        try:
            return await store.log.append(new)
        except ConcurrencyConflict:
            return await store.log.append(commit("note-a", 5))

    found = await asyncio.gather(*map(go_on, chain("note-a", 5)), return_exceptions=True)
    assert versions(found) == [LOST] * 5


async def test_i2_of_two_chains_on_one_version_one_lands(store, open_another):
    other = await open_another()
    both = await asyncio.gather(outcomes(store, chain("note-a", 9)), outcomes(other, chain("note-a", 9)))
    assert sorted(map(versions, both), key=str) == [[LOST] * 9, list(range(1, 10))]


async def test_i1_i2_i4_racing_pipelines_land_only_on_the_state_they_were_decided_on(open_another):
    """Two processes, an eager fence, small groups; each commit names the one that it builds on."""
    stores = [await open_another(append_options(group=5), fence_after=0.0) for _ in range(2)]
    writing = asyncio.gather(*(_pipeline(store, seed) for seed, store in enumerate(stores)))
    reader = stores[0].log.reader()
    log: list[Commit] = []
    while not writing.done() or len(log) < await stores[0].log.head():
        log += await reader.read(len(log))
    landed = {receipt.command_id for receipts in await writing for receipt in receipts}
    tips: dict[str, tuple[str, int]] = {}
    for one in log:
        if one.info:
            before, version = tips.get(one.info.stream, ("none", 0))
            assert (one.info.causation, one.events[0].version) == (before, version + 1)
            tips[one.info.stream] = (one.info.command_id, one.events[-1].version)
    assert landed == {one.info.command_id for one in log if one.info}


async def _pipeline(store: Store, seed: int) -> list[Receipt]:
    """Chains on what the streams hold now; the receipts of what landed."""
    chance = random.Random(seed)
    landed: list[Receipt] = []
    for _ in range(25):
        name = f"note-{chance.randrange(3)}"
        events = await store.log.stream("default", name)
        before = events[-1].commit.command_id if events else "none"
        new = []
        for version in range(len(events), len(events) + chance.randrange(1, 12)):
            new.append(commit(name, version, causation=before))
            before = new[-1].command_id
        found = await outcomes(store, new)
        assert {type(one) for one in found} <= {Receipt, ConcurrencyConflict}
        landed += [one for one in found if isinstance(one, Receipt)]
    return landed


async def test_i2_a_successor_of_a_lost_commit_does_not_build_on_the_winner(store, open_another):
    """The version that it expects is there, and is another one than it was decided on."""
    other = await open_another()
    await other.log.append(commit("note-a", 0))
    lost = asyncio.create_task(store.log.append(commit("note-a", 0, command_id="cmd-1")))
    assert isinstance((await asyncio.gather(lost, return_exceptions=True))[0], ConcurrencyConflict)
    late, again = [commit("note-a", 1, predecessor="cmd-1"), commit("note-a", 1)]
    assert versions(await outcomes(store, [late, again])) == [LOST, 2]


async def test_a_successor_of_a_commit_builds_on_that_one_alone(store):
    """Not on another that leads to the same version: one of the two will be lost."""
    first, twin = commit("note-a", 0, command_id="cmd-1"), commit("note-a", 0, command_id="cmd-2")
    found = await outcomes(store, [first, twin, commit("note-a", 1, predecessor="cmd-1")])
    assert versions(found) == [1, LOST, LOST]
    chained = [commit("note-b", 0, command_id="cmd-3"), commit("note-b", 1, predecessor="cmd-3")]
    assert versions(await outcomes(store, chained)) == [1, 2]
