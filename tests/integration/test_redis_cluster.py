"""Wake-ups over the sharded pub/sub of a Redis Cluster. No process here looks without one."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from domain.kernel.errors import Unavailable
from subscriptions.feed.channels import ShardedChannel
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Scored
from tests.helpers.redis_cluster import RedisCluster

DEADLINE = 120


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """Three nodes; a test leaves all of them running."""
    cluster = RedisCluster(Path(tmp_path_factory.mktemp("cluster")))
    try:
        cluster.start()
        yield cluster
    finally:
        cluster.kill()


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(DEADLINE):
        while not reached():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def pair(mongo_url: str, cluster: RedisCluster, database: str) -> AsyncIterator[tuple[Rig, Rig]]:
    """A process that writes, and one that follows the log; both listen."""
    async with AsyncExitStack() as stack:
        opened = partial(open_rig, mongo_url, cluster.url, database, poll_interval=600, cluster=True)
        writer, reader = [await stack.enter_async_context(opened()) for _ in range(2)]
        batches = await stack.enter_async_context(aclosing(reader.feed.follow(0)))
        assert (await anext(batches)).caught_up
        await until(lambda: sum(cluster.listeners(f"nerve:{database}")) == 2)
        yield writer, reader


def listening(cluster: RedisCluster, database: str) -> int:
    """The number of the node at which both processes of this database listen."""
    return cluster.listeners(f"nerve:{database}").index(2)


async def wakes(writer: Rig, reader: Rig) -> None:
    """What one writes, the other reads: once because it listens anew, and then because of a message alone."""
    for name in ("a", "b", "c"):
        position = (await writer.append(f"note-{name}", Scored(by=1))).position
        await until(partial(_has, reader, position))


def _has(rig: Rig, position: int) -> bool:
    return rig.feed.reached >= position


async def test_a_message_reaches_its_listeners_through_one_node(
    mongo_url: str, cluster: RedisCluster, database: str
) -> None:
    async with pair(mongo_url, cluster, database) as (writer, reader):
        await wakes(writer, reader)
        assert sorted(cluster.listeners(f"nerve:{database}")) == [0, 0, 2]
        assert await reader.wakeups.reachable()


async def test_i6_the_slot_of_a_channel_moves_to_another_node(
    mongo_url: str, cluster: RedisCluster, database: str
) -> None:
    async with pair(mongo_url, cluster, database) as (writer, reader):
        other = listening(cluster, database) - 1
        cluster.move(f"nerve:{database}", cluster.nodes[other])
        await until(lambda: cluster.listeners(f"nerve:{database}")[other] == 2)
        await wakes(writer, reader)


async def test_i6_the_node_of_a_channel_is_killed_and_comes_back(
    mongo_url: str, cluster: RedisCluster, database: str
) -> None:
    """What was written meanwhile is read when the connection is back."""
    async with pair(mongo_url, cluster, database) as (writer, reader):
        node = cluster.nodes[listening(cluster, database)]
        node.kill()
        await writer.write("a")
        node.start()
        await until(lambda: reader.feed.reached == 1)
        await until(lambda: sum(cluster.listeners(f"nerve:{database}")) == 2)
        await wakes(writer, reader)


async def test_i6_a_node_that_hangs_is_out_of_reach(cluster: RedisCluster, database: str) -> None:
    channel = ShardedChannel(cluster.url, database, timeout=2.0)
    async with asyncio.timeout(DEADLINE), aclosing(channel.receive()) as messages:
        assert await anext(messages) is None
        node = cluster.nodes[cluster.listeners(database).index(1)]
        os.kill(node.pid, signal.SIGSTOP)
        try:
            with pytest.raises(Unavailable):
                await anext(messages)
        finally:
            os.kill(node.pid, signal.SIGCONT)
    await channel.close()


async def test_a_cluster_that_is_not_there_is_out_of_reach(mongo_url: str, database: str) -> None:
    """The process runs without it, and polls."""
    nowhere = "redis://127.0.0.1:1/"
    async with open_rig(mongo_url, nowhere, database, poll_interval=0.1, cluster=True) as rig:
        async with aclosing(rig.feed.follow(0)) as batches, asyncio.timeout(DEADLINE):
            assert (await anext(batches)).caught_up
            await rig.write("a")
            assert (await anext(batches)).position == 1
        assert not await rig.wakeups.reachable()
