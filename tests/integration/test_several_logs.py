"""Several logs in one process: each database is a log of its own, with its own feed, views and wake-ups."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, aclosing
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from redis.asyncio import Redis

from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.kernel import Envelope, Receipt
from domain.kernel.errors import ValidationFailed
from domain.tasks.commands import CreateTask
from eventstore.mongo.driver import Driver
from eventstore.place import Place
from projections.live.messages import RowChange, Snapshot
from projections.querying.pages import ListQuery
from tests.helpers.linked_views import LINKED
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored, Written
from tests.helpers.row_scopes import ALL_ROWS

DEADLINE = 120
ONLY_WOKEN = 600.0
"""A poll interval that no test lives to see: whoever gets news was woken."""

DRIVERS = pytest.mark.parametrize(
    "drivers", [("motor", "motor"), ("pymongo", "pymongo"), ("motor", "pymongo")], ids="-".join
)


@pytest.fixture
def databases(mongo_url: str) -> Iterator[tuple[str, str]]:
    names = (f"test_{uuid4().hex}", f"test_{uuid4().hex}")
    yield names
    with MongoClient[dict[str, Any]](mongo_url) as client:
        for name in names:
            client.drop_database(name)


@pytest.fixture
async def rigs(
    mongo_url: str, redis_url: str, databases: tuple[str, str], drivers: tuple[Driver, Driver]
) -> AsyncIterator[tuple[Rig, Rig]]:
    async with AsyncExitStack() as stack:
        opened = [
            await stack.enter_async_context(
                open_rig(mongo_url, redis_url, name, poll_interval=ONLY_WOKEN, work=True, driver=driver)
            )
            for name, driver in zip(databases, drivers, strict=True)
        ]
        yield opened[0], opened[1]


async def write(rig: Rig, text: str, count: int) -> None:
    """One note, by the same name in each log, and what its live view tells of it."""
    async with asyncio.timeout(DEADLINE), aclosing(rig.live.watch_row(ALL_ROWS, "note-a")) as told:
        assert isinstance(await anext(told), Snapshot)
        await rig.append("note-a", Written(text=text))
        for _ in range(count - 1):
            await rig.append("note-a", Scored(by=1))
        async for message in told:
            if isinstance(message, RowChange) and message.row is not None:
                assert message.row["text"] == text
                if message.row["score"] == count - 1:
                    return


async def texts(rig: Rig) -> list[str]:
    """What a new follower of the feed gets, up to the head: the text of each note."""
    found: list[str] = []
    async with asyncio.timeout(DEADLINE), aclosing(rig.feed.follow(0)) as batches:
        async for batch in batches:
            found += [commit.events[0].data.get("text", "+") for commit in batch.items]
            if batch.caught_up:
                break
    return found


@DRIVERS
async def test_each_log_has_its_own_positions_versions_feed_and_views(rigs: tuple[Rig, Rig]) -> None:
    one, other = rigs
    await asyncio.gather(write(one, "one", 30), write(other, "other", 12))
    assert await texts(one) == ["one"] + 29 * ["+"]
    assert await texts(other) == ["other"] + 11 * ["+"]
    assert (await one.log.high_water_mark(), await other.log.high_water_mark()) == (30, 12)
    for rig, text, score in ((one, "one", 29), (other, "other", 11)):
        (row,) = (await rig.reader.page(ALL_ROWS, ListQuery(10))).rows
        assert (row["text"], row["score"]) == (text, score)


async def reads(rig: Rig) -> int:
    profiled = rig.database["system.profile"]
    return await profiled.count_documents({"ns": f"{rig.database.name}.log", "op": "query"})


async def listens(rig: Rig, redis_url: str) -> None:
    """Return when the rig hears what is published: when it begins to listen it looks once at everything."""
    heard = rig.wakeups.listen("probe")
    async with Redis.from_url(redis_url) as redis, asyncio.timeout(DEADLINE):
        while heard.take() != 1:
            await redis.publish(f"nerve:{rig.database.name}", "probe 1")
            await asyncio.sleep(0.01)


async def at_rest(rig: Rig) -> int:
    """The reads of the rig's log, once there are no more of them."""
    async with asyncio.timeout(DEADLINE):
        while (before := await reads(rig)) != await _a_moment_later(rig):
            pass
    return before


async def _a_moment_later(rig: Rig) -> int:
    await asyncio.sleep(0.3)
    return await reads(rig)


@DRIVERS
async def test_a_busy_log_wakes_nobody_who_waits_on_another(rigs: tuple[Rig, Rig], redis_url: str) -> None:
    busy, idle = rigs
    await listens(idle, redis_url)
    await idle.write("a")
    await idle.projected()
    async with asyncio.timeout(DEADLINE), aclosing(idle.feed.follow(0)) as batches:
        while not (await anext(batches)).caught_up:
            pass
        await idle.database.command({"profile": 2})
        before = await at_rest(idle)
        await write(busy, "busy", 30)
        assert await reads(idle) == before
        await idle.database.command({"profile": 0})
        await idle.write("b")
        assert [commit.position for commit in (await anext(batches)).items] == [2]


async def send(nerve: Runtime, title: str) -> Receipt:
    """The same command id and task id in each log."""
    command = CreateTask(id="task-1", title=title)
    return await nerve.bus.dispatch(Envelope(command, command_id="cmd-1"))


@DRIVERS
async def test_two_whole_nerves_in_one_process_share_nothing(
    mongo_url: str, redis_url: str, databases: tuple[str, str], drivers: tuple[Driver, Driver]
) -> None:
    async with AsyncExitStack() as stack:
        nerves = [
            await stack.enter_async_context(
                open_runtime(
                    Settings.model_validate(
                        {
                            "mongo_url": mongo_url,
                            "redis_url": redis_url,
                            "database": name,
                            "mongo_driver": driver,
                            "contexts": LINKED,
                        }
                    ),
                    worker=True,
                )
            )
            for name, driver in zip(databases, drivers, strict=True)
        ]
        receipts = [await send(nerve, nerve.settings.database) for nerve in nerves]
        assert [(it.position, it.replayed) for it in receipts] == [(1, False), (1, False)]
        for nerve in nerves:
            tasks = nerve.readers["tasks"]
            await tasks.wait_for(1, DEADLINE)
            row = await tasks.get(ALL_ROWS, "task-1")
            assert row is not None
            assert row["title"] == nerve.settings.database
        sealed = nerves[0].position_seal.seal("default", Place(1))
        with pytest.raises(ValidationFailed):
            nerves[1].position_seal.open("default", sealed, ("after",))
