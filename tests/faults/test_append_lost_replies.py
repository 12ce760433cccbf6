"""An append whose acknowledgement is lost is settled, never guessed (I1, I3)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.kernel.errors import ConcurrencyConflict, Unavailable
from tests.faults.proxy import Proxy
from tests.helpers.commits import append_options, commit, open_store, scores

pytestmark = pytest.mark.usefixtures("driver")


@pytest.fixture
def proxy(mongo_url):
    with Proxy(mongo_url).listening() as proxy:
        yield proxy


@pytest.mark.parametrize("lost", [2, 4])
async def test_i1_i3_a_commit_whose_reply_was_lost_is_found_where_it_landed(proxy, database, lost):
    """The driver repeats a write once by itself; what is lost beyond that is for the log to find out."""
    async with open_store(proxy.url, database) as store:
        await store.log.append(commit("note-a", 0))
        proxy.lose_replies = lost
        receipt = await store.log.append(commit("note-a", 1, *scores(3)))
        assert (receipt.position, receipt.version, receipt.replayed) == (2, 4, False)
        assert [event.version for event in await store.log.stream("default", "note-a")] == [1, 2, 3, 4]
        await store.log.append(commit("note-b", 0))
        assert len(await store.everything()) == await store.log.head()


@pytest.mark.parametrize("lost", [2, 4])
async def test_i1_a_commit_that_never_arrived_is_sent_again(proxy, database, lost):
    async with open_store(proxy.url, database) as store:
        proxy.lose_requests = lost
        receipt = await store.log.append(commit("note-a", 0, *scores(3)))
        assert (receipt.version, receipt.replayed) == (3, False)
        assert await store.documents.count_documents({"stream": "note-a"}) == 1
        await store.log.append(commit("note-b", 0))
        async with open_store(proxy.url, database, fence_after=0.05) as other:
            async with asyncio.timeout(10):
                while await other.log.high_water_mark() < await other.log.head():
                    pass


async def test_i3_a_group_whose_reply_was_lost_tells_each_caller_its_own_outcome(proxy, database):
    """Winners, losers of a version, and repeated commands, all in one group of unknown outcome."""
    async with open_store(proxy.url, database) as store:
        first = await store.log.append(commit("note-old", 0, command_id="cmd-old"))
        proxy.lose_replies = 2
        new = [commit(f"note-{name}", 0, command_id=f"cmd-{name}") for name in ("a", "a", "b")]
        old = commit("note-c", 0, command_id="cmd-old")
        found: list[Any] = await asyncio.gather(
            *(store.log.append(one) for one in (*new, old, commit("note-b", 0))), return_exceptions=True
        )
        assert [getattr(outcome, "replayed", None) for outcome in found] == [False, True, False, True, None]
        assert found[0].position == found[1].position
        assert found[3].position == first.position
        assert await store.documents.count_documents({"events": {"$exists": True}}) == 3


@pytest.mark.parametrize("what", ["lose_requests", "lose_replies"])
async def test_i1_i2_a_chain_whose_reply_was_lost_lands_whole_and_in_order(proxy, database, what):
    async with open_store(proxy.url, database) as store:
        await store.log.append(commit("note-a", 0))
        setattr(proxy, what, 4)
        chain = [commit("note-a", version) for version in range(1, 9)]
        found = await asyncio.gather(*map(store.log.append, chain))
        assert [(receipt.version, receipt.replayed) for receipt in found] == [
            (n, False) for n in range(2, 10)
        ]
        positions = [event.position for event in await store.log.stream("default", "note-a")]
        assert positions[1:] == [receipt.position for receipt in found] == sorted(positions[1:])


async def test_a_chain_that_cannot_be_settled_in_time_is_unavailable_as_far_as_it_was_sent(proxy, database):
    """A commit that was never sent cannot have landed, and its error says so."""
    options = append_options(give_up_after=0.3, group=3)
    async with open_store(proxy.url, database, options=options) as store:
        proxy.lose_replies = 10_000
        chain = [commit("note-a", version) for version in range(5)]
        found = await asyncio.gather(*map(store.log.append, chain), return_exceptions=True)
        assert [type(one) for one in found] == [Unavailable] * 3 + [ConcurrencyConflict] * 2
        proxy.lose_replies = 0
        assert len(await store.log.stream("default", "note-a")) == 3


async def test_an_append_that_cannot_be_settled_in_time_is_unavailable(proxy, database):
    """Its command id leads to the outcome later: sent again, it is the same commit."""
    async with open_store(proxy.url, database, options=append_options(give_up_after=0.3)) as store:
        proxy.lose_replies = 10_000
        new = commit("note-a", 0, command_id="cmd-1")
        with pytest.raises(Unavailable):
            await store.log.append(new)
    proxy.lose_replies = 0
    async with open_store(proxy.url, database) as store:
        receipt = await store.log.append(commit("note-a", 0, command_id="cmd-1"))
        assert (receipt.version, receipt.replayed) == (1, True)
        assert await store.documents.count_documents({"command.id": "cmd-1"}) == 1
