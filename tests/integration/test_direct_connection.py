"""A direct connection reads what the driver reads, and leaves to it what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from pymongo import MongoClient

from eventstore.mongo import direct_connection
from eventstore.mongo.direct_connection import MAX_WAITING, DirectConnection, ReplyLost, encode_command
from eventstore.mongo.driver import Database, open_client
from eventstore.reading.last_commits import LastCommits

PATIENCE = 20.0


@pytest.fixture
async def motor(mongo_url: str, database: str) -> AsyncIterator[Database]:
    async with open_client(mongo_url) as client:
        yield client[database]


@pytest.fixture
async def direct(motor: Database, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[DirectConnection]:
    monkeypatch.setattr(direct_connection, "REOPEN_AFTER", 0.0)
    connection = DirectConnection(motor)
    yield connection
    await connection.close()


def find(database: Database, number: int) -> bytes:
    return encode_command(database.name, {"find": "numbers", "filter": {"_id": number}})


async def send(connection: DirectConnection, message: bytes) -> asyncio.Future[dict[str, object]]:
    """Send the message as soon as the connection is open."""
    async with asyncio.timeout(PATIENCE):
        while (reply := connection.send(message)) is None:
            await asyncio.sleep(0.002)
    return reply


async def test_replies_come_in_the_order_of_the_commands(motor: Database, direct: DirectConnection) -> None:
    await motor["numbers"].insert_many([{"_id": number} for number in range(MAX_WAITING)])
    first = await send(direct, find(motor, 0))
    others = [direct.send(find(motor, number)) for number in range(1, MAX_WAITING)]
    assert direct.send(find(motor, 0)) is None
    for number, reply in enumerate([first, *others]):
        assert reply is not None
        assert (await reply)["cursor"]["firstBatch"] == [{"_id": number}]  # type: ignore[index]


async def test_a_command_that_fails_is_a_reply(motor: Database, direct: DirectConnection) -> None:
    reply = await send(direct, encode_command(motor.name, {"findNothing": 1}))
    assert (await reply)["ok"] == 0
    assert (await (await send(direct, find(motor, 0))))["ok"] == 1


async def test_a_lost_connection_is_opened_anew(motor: Database, direct: DirectConnection) -> None:
    """MongoDB closes a connection after a message that is none."""
    reply = await send(direct, b"\x10\x00\x00\x00" + b"\xff" * 12)
    with pytest.raises(ReplyLost):
        await reply
    assert not direct.is_open
    assert (await (await send(direct, find(motor, 0))))["ok"] == 1


async def test_a_reply_that_does_not_come_in_time_is_lost(
    motor: Database, direct: DirectConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A message that is not complete has none."""
    await (await send(direct, find(motor, 0)))
    monkeypatch.setattr(direct_connection, "PATIENCE", 0.05)
    reply = await send(direct, find(motor, 0)[:-1])
    with pytest.raises(ReplyLost):
        await reply
    assert not direct.is_open


async def test_a_server_that_is_no_primary_any_more_is_left(
    motor: Database, direct: DirectConnection
) -> None:
    """The driver has learnt of another topology, in which it is not."""
    await (await send(direct, find(motor, 0)))
    with MongoClient[dict[str, object]]("mongodb://elsewhere.invalid", connect=False) as other:
        vars(direct)["_client"] = other
        assert direct.send(find(motor, 0)) is None
    assert not direct.is_open


async def test_nothing_is_sent_directly_after_the_end_or_with_another_driver(
    motor: Database, direct: DirectConnection, mongo_url: str
) -> None:
    await (await send(direct, find(motor, 0)))
    await direct.close()
    assert direct.send(find(motor, 0)) is None
    async with open_client(mongo_url, "pymongo") as client:
        other = DirectConnection(client[motor.name])
        assert other.send(find(motor, 0)) is None
        await other.close()
        assert not other.is_open


async def test_the_last_commit_is_the_one_that_the_driver_finds(
    motor: Database, direct: DirectConnection
) -> None:
    await motor["log"].create_index([("tenant", 1), ("category", 1), ("_id", 1)], name="by_category")
    places = (("a", "note"), ("a", "task"), ("b", "note"), ("a", "agent"))
    await motor["log"].insert_many(
        [{"_id": at, "tenant": tenant, "category": kind} for at, (tenant, kind) in enumerate(places, 1)]
    )
    by_driver, directly = LastCommits(motor), LastCommits(motor, direct)
    await directly.read("a", {"note"})
    await send(direct, find(motor, 0))
    for tenant, kinds, position in (("a", {"note", "task"}, 2), ("a", {"agent"}, 4), ("b", {"task"}, 0)):
        assert await directly.read(tenant, kinds) == await by_driver.read(tenant, kinds) == position
    assert direct.is_open
