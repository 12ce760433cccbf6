"""Replaying a part of the log: in order, whole commits, once, and from where it stopped."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import combinations, product

import pytest

from domain.kernel.errors import ValidationFailed
from eventstore.options import LogOptions
from eventstore.reading.as_of import AsOf
from eventstore.reading.event_query import EVERYTHING, EventQuery
from tests.helpers.commits import commit
from tests.helpers.notes import START, Scored, Written

SECONDS = (0, 3, 1, 3, 5, 9, 9)
"""What the writers' clocks said: one was ahead for a while."""


def moment(seconds: float) -> AsOf:
    return AsOf(time=START + timedelta(seconds=seconds))


@pytest.fixture
async def filled(open_another):
    """A commit for each time, of one or two events, after one of another tenant."""
    store = await open_another(LogOptions(replay_page=2))
    await store.log.append(commit("note-x", 0, tenant="other", at=START))
    for number, seconds in enumerate(SECONDS):
        events = (Written(text="x"), Scored(by=1)) if number % 2 else (Scored(by=number),)
        await store.log.append(commit(f"note-{number}", 0, *events, at=START + timedelta(seconds=seconds)))
    return store


async def replayed(store, query=EVERYTHING, **between) -> list[int]:
    found = await store.log.replay("default", query, **between)
    return [one.position async for one in found]


async def test_all_commits_of_a_tenant_are_replayed_in_order_and_whole(filled):
    found = await filled.log.replay("default")
    commits = [one async for one in found]
    assert commits == [one for one in await filled.everything() if one.position > 1]
    assert found.progress[:2] == (8, 8)
    assert found.progress.rate > 0


async def test_positions_are_from_the_one_on_and_before_the_other(filled):
    for since, until in product((None, 1, 2, 5, 8, 9, 30), (None, 1, 4, 9, 30)):
        between = {"since": since and AsOf(position=since), "until": until and AsOf(position=until)}
        if since and until and since > until:
            with pytest.raises(ValidationFailed, match="since is after until"):
                await replayed(filled, **between)
        else:
            assert await replayed(filled, **between) == [
                position for position in range(2, 9) if (since or 0) <= position < (until or 99)
            ]


async def test_the_past_at_one_moment_and_a_replay_give_the_past_at_another(filled):
    """`since` is inclusive and `until` is not, also where clocks differ."""
    times = (-1, 0, 1, 2, 3, 4, 5, 9, 10)
    behind = {at: max([n for n in range(1, 9) if all_before(n, at)], default=0) for at in times}
    for since, until in combinations(times, 2):
        expected = [position for position in range(2, 9) if behind[since] < position <= behind[until]]
        assert await replayed(filled, since=moment(since), until=moment(until)) == expected


def all_before(position: int, seconds: float) -> bool:
    return all(at < seconds for at in SECONDS[: position - 1])


async def test_moments_the_wrong_way_round_are_refused_and_a_future_is_just_the_end(filled):
    for since, until in (
        (moment(2), moment(1)),
        (moment(9), AsOf(position=2)),
        (AsOf(position=8), moment(0)),
    ):
        with pytest.raises(ValidationFailed, match="since is after until"):
            await replayed(filled, since=since, until=until)
    century = moment(100 * 365 * 86_400)
    assert await replayed(filled, until=century) == list(range(2, 9))
    assert await replayed(filled, since=century) == []


async def test_a_query_selects_commits_which_are_replayed_whole(filled):
    query = EventQuery(types=["note.written"])
    found = await filled.log.replay("default", query)
    commits = [one async for one in found]
    assert [one.position for one in commits] == [3, 5, 7]
    assert all(len(one.events) == 2 for one in commits)
    assert found.progress[:2] == (8, 8)
    assert await replayed(filled, EventQuery(streams=["note-2"])) == [4]
    assert await replayed(filled, EventQuery(categories=["nothing"])) == []


async def test_an_error_of_the_handler_ends_a_replay_and_another_continues_from_there(filled):
    handled = []

    async def handler(one):
        if one.position == 5 and 5 not in failed:
            failed.add(5)
            raise RuntimeError("not now")
        handled.append(one.position)

    failed: set[int] = set()
    first = await filled.log.replay("default")
    with pytest.raises(RuntimeError):
        await first.to(handler)
    assert (first.position, first.progress.done) == (4, 4)
    rest = await filled.log.replay("default", since=AsOf(position=first.position + 1))
    await rest.to(handler)
    assert handled == list(range(2, 9))


async def test_a_replay_that_is_cancelled_stops_at_a_whole_commit(filled):
    reached = asyncio.Event()

    async def handler(one):
        if one.position == 4:
            reached.set()
            await asyncio.Event().wait()

    found = await filled.log.replay("default")
    task = asyncio.create_task(found.to(handler))
    await reached.wait()
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    assert found.position == 3


async def test_commits_appended_meanwhile_are_not_part_of_a_replay(filled):
    found = await filled.log.replay("default")
    await filled.log.append(commit("note-late", 0))
    assert [one.position async for one in found] == list(range(2, 9))
