"""Watching a command by its id before, while and after it runs, also from another process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass

import pytest
from redis.asyncio import Redis

from domain.agents.commands import ChangeAgentState, RegisterAgent
from domain.agents.events import AgentState
from domain.dispatch.bus import Handler
from domain.kernel import Envelope, Receipt, Scope
from domain.kernel.errors import InvariantViolated, NerveError
from domain.tasks.commands import CancelTask, CompleteTask, CreateTask, StartTask
from subscriptions.feed.feed import LOG_TOPIC, Feed
from subscriptions.feed.wakeups import Wakeups
from subscriptions.live.command_hints import CommandAccepted, CommandHints, CommandRefusal
from subscriptions.live.command_watch import CommandOutcome, CommandStored, CommandWatch
from subscriptions.live.dispatcher import Dispatcher
from tests.helpers.wired_bus import Wired, wired

DEADLINE = 120
NOWHERE = "redis://127.0.0.1:1/"


@dataclass
class Process:
    """A process that watches commands, and runs them when `goes` is set."""

    parts: Wired
    watch: CommandWatch
    feed: Feed
    goes: asyncio.Event

    async def outcomes(self, id: str, tenant: str = "default") -> list[CommandOutcome]:
        async with asyncio.timeout(DEADLINE), aclosing(self.watch.watch(tenant, id)) as outcomes:
            return [outcome async for outcome in outcomes]

    async def first(self, id: str) -> CommandOutcome:
        async with asyncio.timeout(DEADLINE), aclosing(self.watch.watch("default", id)) as outcomes:
            return await anext(outcomes)


@asynccontextmanager
async def process(
    mongo_url: str, redis_url: str, database: str, poll_interval: float = 0.1
) -> AsyncIterator[Process]:
    wakeups, goes = Wakeups(redis_url, database), asyncio.Event()
    hints = CommandHints(wakeups)
    goes.set()

    async def hold(envelope: Envelope, following: Handler) -> Receipt:
        await goes.wait()
        return await following(envelope)

    def announce(position: int) -> None:
        wakeups.announce(LOG_TOPIC, position)

    async with wired(mongo_url, database, [hints, hold], announce=announce) as parts:
        await wakeups.start()
        feed = Feed(parts.log, wakeups, poll_interval)
        try:
            yield Process(
                parts, CommandWatch(parts.log, Dispatcher(feed, parts.log.high_water_mark), hints), feed, goes
            )
        finally:
            await wakeups.stop()


@pytest.fixture
async def processes(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Sequence[Process]]:
    """Two processes that receive each other's messages."""
    async with AsyncExitStack() as stack:
        made = [await stack.enter_async_context(process(mongo_url, redis_url, database)) for _ in range(2)]
        async with Redis.from_url(redis_url) as redis, asyncio.timeout(DEADLINE):
            while (await redis.pubsub_numsub(f"nerve:{database}"))[0][1] < 2:
                await asyncio.sleep(0.02)
            yield made


async def test_a_command_that_is_watched_before_it_runs_is_accepted_then_stored(
    processes: Sequence[Process], redis_url: str, database: str
) -> None:
    runs, watches = processes
    runs.goes.clear()
    async with (
        asyncio.timeout(DEADLINE),
        Redis.from_url(redis_url) as redis,
        redis.pubsub(ignore_subscribe_messages=True) as channel,
        aclosing(watches.watch.watch("default", "c-1")) as outcomes,
    ):
        await channel.subscribe(f"nerve:{database}")
        outcome = asyncio.ensure_future(anext(outcomes))
        while b"asked" not in ((await channel.get_message(timeout=DEADLINE)) or {"data": b""})["data"]:
            pass
        sending = asyncio.create_task(runs.parts.send(CreateTask(title="x"), command_id="c-1"))
        assert await outcome == CommandAccepted()
        runs.goes.set()
        stored = await anext(outcomes)
        assert isinstance(stored, CommandStored)
        assert stored.receipt == await sending
        assert stored.commit is not None
        assert [event.type for event in stored.commit.events] == ["task.created"]
        assert [outcome async for outcome in outcomes] == []
    assert watches.feed.cursors == 0, "nobody watches any more"


async def test_a_command_that_is_watched_while_it_runs_is_accepted(processes: Sequence[Process]) -> None:
    runs, watches = processes
    runs.goes.clear()
    sending = asyncio.create_task(runs.parts.send(CreateTask(title="x"), command_id="c-1"))
    for one in (watches, runs):
        assert await one.first("c-1") == CommandAccepted()
    runs.goes.set()
    await sending


async def test_a_command_that_is_watched_afterwards_is_stored(processes: Sequence[Process]) -> None:
    runs, _ = processes
    receipt = await runs.parts.send(CreateTask(title="x"), command_id="c-1")
    for _ in range(3):
        await runs.parts.send(CreateTask(title="y"))
    for one in processes:
        [stored] = await one.outcomes("c-1")
        assert isinstance(stored, CommandStored)
        assert stored.receipt == receipt
        assert stored.commit is not None
        assert stored.commit.position == receipt.position


async def test_a_refusal_is_received_before_and_afterwards(processes: Sequence[Process]) -> None:
    runs, watches = processes
    task = (await runs.parts.send(CreateTask(title="x"))).stream
    before = asyncio.create_task(watches.outcomes("c-1"))
    with pytest.raises(InvariantViolated) as refused:
        await runs.parts.send(CompleteTask(id=task), command_id="c-1")
    outcome = CommandRefusal("INVARIANT_VIOLATED", str(refused.value))
    assert (await before)[-1] == outcome
    for one in processes:
        assert await one.outcomes("c-1") == [outcome]


async def test_a_command_that_was_refused_and_then_stored_is_stored(processes: Sequence[Process]) -> None:
    """The process that refused it still sends the refusal."""
    refuses, stores = processes
    task = (await refuses.parts.send(CreateTask(title="x"))).stream
    with pytest.raises(NerveError):
        await refuses.parts.send(CancelTask(id=task), command_id="c-1", expected_version=7)
    await stores.parts.send(CancelTask(id=task), command_id="c-1")
    for one in processes:
        assert isinstance((await one.outcomes("c-1"))[-1], CommandStored)


async def test_a_refusal_of_a_command_that_is_stored_is_ignored(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """It is that of another run, and comes before the stored commit."""
    async with (
        process(mongo_url, NOWHERE, database) as stores,
        process(mongo_url, redis_url, database, poll_interval=600) as watches,
        Redis.from_url(redis_url) as redis,
    ):
        watching = asyncio.create_task(watches.outcomes("c-1"))
        while not watches.feed.reached and not watches.feed.cursors:
            await asyncio.sleep(0.01)
        receipt = await stores.parts.send(CreateTask(title="x"), command_id="c-1")
        refusal = '{"tenant": "default", "id": "c-1", "is": "refused", "code": "NOT_FOUND", "message": ""}'
        while not watching.done():
            await redis.publish(f"nerve:{database}", f"text commands {refusal}")
            await asyncio.sleep(0.02)
        [stored] = await watching
        assert isinstance(stored, CommandStored)
        assert stored.receipt == receipt


async def test_a_command_that_changes_nothing_ends_the_watch(processes: Sequence[Process]) -> None:
    runs, watches = processes
    agent = (await runs.parts.send(RegisterAgent(name="Ada"))).stream
    receipt = await runs.parts.send(ChangeAgentState(id=agent, state=AgentState.IDLE), command_id="c-1")
    assert not receipt.changed
    assert (await watches.outcomes("c-1"))[-1] == CommandStored(receipt, None)


async def test_a_command_of_another_tenant_is_not_received(processes: Sequence[Process]) -> None:
    runs, watches = processes
    theirs = await runs.parts.send(CreateTask(title="theirs"), command_id="c-1")
    ours = asyncio.create_task(watches.outcomes("c-1", "ours"))
    refused = asyncio.create_task(watches.outcomes("c-2", "ours"))
    with pytest.raises(NerveError):
        await runs.parts.send(StartTask(id="task-0"), command_id="c-2")
    scope = Scope("ours")
    receipt = await runs.parts.send(CreateTask(title="ours"), scope=scope, command_id="c-1")
    await runs.parts.send(CreateTask(title="ours"), scope=scope, command_id="c-2")
    stored = (await ours)[-1]
    assert isinstance(stored, CommandStored)
    assert stored.receipt == receipt != theirs
    assert isinstance((await refused)[-1], CommandStored)


async def test_i6_without_redis_a_stored_command_is_still_received(mongo_url: str, database: str) -> None:
    async with (
        process(mongo_url, NOWHERE, database) as runs,
        process(mongo_url, NOWHERE, database) as watches,
        asyncio.timeout(DEADLINE),
    ):
        watching = asyncio.create_task(watches.outcomes("c-1"))
        receipt = await runs.parts.send(CreateTask(title="x"), command_id="c-1")
        [stored] = await watching
        assert isinstance(stored, CommandStored)
        assert stored.receipt == receipt


async def test_i11_a_message_that_is_no_hint_is_ignored(
    processes: Sequence[Process], redis_url: str, database: str
) -> None:
    runs, watches = processes
    watching = asyncio.create_task(watches.outcomes("c-1"))
    noise = ["", "{", "[]", "null", "7", '{"tenant": "default", "id": "c-1"}', '{"tenant": [], "id": {}}']
    noise += ['{"tenant": "default", "id": "c-1", "is": "refused", "code": 1}', "\udcff"]
    noise += [
        '{"tenant": [], "id": {}, "is": "asked"}',
        '{"tenant": "default", "id": "c-1", "is": "unchanged"}',
    ]
    async with Redis.from_url(redis_url) as redis:
        for text in noise:
            await redis.publish(f"nerve:{database}", f"text commands {text}".encode(errors="surrogateescape"))
        await redis.publish(f"nerve:{database}", "text")
    runs.goes.clear()
    sending = asyncio.create_task(runs.parts.send(CreateTask(title="x"), command_id="c-1"))
    assert await watches.first("c-1") == CommandAccepted()
    runs.goes.set()
    await sending
    assert isinstance((await watching)[-1], CommandStored)
