"""The appender: bounded, patient with places it lost, and never in the way of a caller that leaves."""

from __future__ import annotations

import asyncio

import pytest

from domain.kernel import Receipt
from domain.kernel.errors import ConcurrencyConflict, Unavailable
from domain.kernel.limit_errors import Overloaded
from eventstore.commit_documents import encode_commit, with_position
from tests.helpers.commits import append_options, commit, scores
from tests.helpers.counter_paths import BOTH_COUNTER_PATHS
from tests.helpers.notes import Written

pytestmark = BOTH_COUNTER_PATHS


async def test_commits_that_wait_together_are_inserted_together(open_another):
    """Each landed group is announced by its highest position."""
    announced: list[int] = []
    store = await open_another(announce=announced.append)
    await asyncio.gather(*(store.log.append(commit(f"note-{number}", 0)) for number in range(50)))
    assert announced == [50]


async def test_a_full_queue_refuses_further_commits_and_stores_none_of_them(open_another):
    store = await open_another(append_options(queue=3))
    found = await asyncio.gather(
        *(store.log.append(commit(f"note-{number}", 0)) for number in range(5)), return_exceptions=True
    )
    assert [type(outcome) for outcome in found[3:]] == [Overloaded, Overloaded]
    assert await store.documents.count_documents({}) == 3


async def test_the_queue_is_bounded_in_bytes_too(open_another):
    """What landed makes room again."""
    store = await open_another(append_options(queue_bytes=25_000))
    large = [commit(f"note-{number}", 0, Written(text="x" * 10_000)) for number in range(3)]
    found = await asyncio.gather(*map(store.log.append, large), return_exceptions=True)
    assert [type(outcome) for outcome in found] == [Receipt, Receipt, Overloaded]
    assert (await store.log.append(large[2])).version == 1


async def test_a_group_is_bounded_by_its_bytes_too(open_another):
    """In order all the same, and a commit that is larger by itself goes alone."""
    announced: list[int] = []
    store = await open_another(append_options(group_bytes=25_000), announce=announced.append)
    sizes = (10_000, 10_000, 10_000, 40_000, 100, 100)
    chain = [commit("note-a", version, Written(text="x" * size)) for version, size in enumerate(sizes)]
    found = await asyncio.gather(*map(store.log.append, chain))
    assert [receipt.position for receipt in found] == [1, 2, 3, 4, 5, 6]
    assert announced == [2, 3, 4, 6]


async def test_close_finishes_queued_commits_and_refuses_new_ones(open_another):
    store = await open_another(append_options(group=4))
    appends = [asyncio.create_task(store.log.append(commit(f"note-{number}", 0))) for number in range(30)]
    await asyncio.sleep(0)
    await store.log.close()
    assert sorted(receipt.position for receipt in await asyncio.gather(*appends)) == list(range(1, 31))
    with pytest.raises(Unavailable):
        await store.log.append(commit("note-late", 0))


async def test_a_caller_that_leaves_while_queued_stores_nothing_and_affects_no_other(store):
    leaving = asyncio.create_task(store.log.append(commit("note-a", 0)))
    staying = asyncio.create_task(store.log.append(commit("note-b", 0)))
    await asyncio.sleep(0)
    leaving.cancel()
    assert (await staying).position == 1
    assert leaving.cancelled() or await asyncio.wait([leaving])
    assert await store.log.stream("default", "note-a") == []


async def test_a_group_without_callers_delays_no_other(open_another):
    store = await open_another(append_options(groups_in_flight=1, retry_after=60))
    leaving = asyncio.create_task(store.log.append(commit("note-a", 0)))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.wait([leaving])
    async with asyncio.timeout(60):
        assert (await store.log.append(commit("note-b", 0))).position == 1


async def test_a_caller_that_leaves_while_its_group_is_in_flight_finds_it_by_command_id(store):
    new = commit("note-a", 0, command_id="cmd-1")
    leaving = asyncio.create_task(store.log.append(new))
    for _ in range(3):
        await asyncio.sleep(0)
    leaving.cancel()
    await store.log.close()
    receipt = (await store.log.stored_command("default", "cmd-1")).receipt
    assert (receipt.stream, receipt.version) == ("note-a", 1)


async def test_a_position_lost_to_a_tombstone_costs_another_try_not_the_commit(store):
    await store.documents.insert_many([{"_id": place, "tombstone": True} for place in (1, 2, 5)])
    found = await asyncio.gather(*(store.log.append(commit(f"note-{name}", 0)) for name in "abcd"))
    assert len({receipt.position for receipt in found} - {1, 2, 5}) == 4
    assert len(await store.everything()) == await store.log.head()


@pytest.mark.parametrize("head", [0, 3])
async def test_a_counter_that_went_back_is_raised_to_the_head(store, head):
    """As a failover may leave it: the positions it hands out are taken by foreign commits."""
    for number in range(5):
        await store.log.append(commit(f"note-{number}", 0, *scores(2)))
    await store.database["counters"].update_one({"_id": "log"}, {"$set": {"head": head}})
    found = await asyncio.gather(*(store.log.append(commit(f"note-new-{name}", 0)) for name in "abc"))
    assert min(receipt.position for receipt in found) > 5
    seen = await store.everything()
    assert len(seen) == await store.log.head()
    assert [one.info.stream for one in seen[:5]] == [f"note-{number}" for number in range(5)]


async def test_a_counter_far_behind_is_raised_at_once(open_another):
    """Not by as many tries as there are positions, which would take longer than an append may."""
    store = await open_another(append_options(give_up_after=1.5))
    foreign = [with_position(encode_commit(commit(f"note-{place}", 0)), place) for place in range(1, 4001)]
    await store.documents.insert_many(foreign)
    assert (await store.log.append(commit("note-new", 0))).position == 4001


async def test_a_counter_that_went_back_never_puts_a_later_version_before_an_earlier(store):
    """A free position behind which the stream's last version already lies must not be taken."""
    await store.database["counters"].update_one({"_id": "log"}, {"$set": {"head": 10}})
    before = await store.log.append(commit("note-a", 0))
    await store.database["counters"].update_one({"_id": "log"}, {"$set": {"head": 2}})
    after = await store.log.append(commit("note-a", 1))
    assert before.position == 11
    assert after.position > before.position


async def test_opening_raises_a_counter_that_is_behind_the_log(store, open_another):
    await store.log.append(commit("note-a", 0))
    await store.database["counters"].delete_one({"_id": "log"})
    receipt = await (await open_another()).log.append(commit("note-b", 0))
    assert receipt.position == 2


async def test_many_processes_may_open_one_log_at_once(open_another):
    stores = await asyncio.gather(*(open_another() for _ in range(6)))
    found = await asyncio.gather(
        *(store.log.append(commit("note-a", 0)) for store in stores), return_exceptions=True
    )
    assert sum(1 for outcome in found if isinstance(outcome, ConcurrencyConflict)) == 5
    assert len(set(await asyncio.gather(*(store.log.secrets.position_key() for store in stores)))) == 1
