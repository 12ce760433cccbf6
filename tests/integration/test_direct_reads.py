"""Documents are the same, whether a direct connection or the driver reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstore.mongo import direct_connection
from eventstore.mongo.direct_reads import CONNECTIONS, DirectReads
from eventstore.mongo.driver import Collection, Document, open_client

PATIENCE = 20.0
AT = datetime(2026, 1, 31, 12, 0, 0, 250_000)
MEGABYTES = 6_000_000


@pytest.fixture
async def numbers(mongo_url: str, database: str) -> AsyncIterator[Collection]:
    async with open_client(mongo_url) as client:
        collection = client[database]["numbers"]
        await collection.insert_many([{"_id": number, "at": AT, "half": number / 2} for number in range(10)])
        yield collection


@pytest.fixture
async def reads(
    numbers: Collection, mongo_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DirectReads]:
    monkeypatch.setattr(direct_connection, "REOPEN_AFTER", 0.0)
    async with open_client(mongo_url) as client:
        reads = DirectReads(client[database])
        yield reads
        await reads.aclose()


async def find(reads: DirectReads, numbers: Collection, limit: int = 3) -> list[Document]:
    shown = {"half": 1, "at": 1}
    return await reads.find(numbers, {"_id": {"$gte": 5}}, shown, limit, sort=[("half", -1)], hint="_id_")


def documents(*numbers: int, at: datetime) -> list[dict[str, Any]]:
    return [{"_id": number, "at": at, "half": number / 2} for number in numbers]


async def test_a_direct_read_finds_what_the_driver_finds(numbers: Collection, reads: DirectReads) -> None:
    """The first read opens the connection, and is the driver's."""
    assert await find(reads, numbers) == documents(9, 8, 7, at=AT.replace(tzinfo=UTC))
    async with asyncio.timeout(PATIENCE):
        while (found := await find(reads, numbers))[0]["at"].tzinfo is not None:
            await asyncio.sleep(0.002)
    assert found == documents(9, 8, 7, at=AT)
    at_once = await asyncio.gather(*(find(reads, numbers) for _ in range(20 * CONNECTIONS)))
    assert all([document["_id"] for document in found] == [9, 8, 7] for found in at_once)
    await reads.aclose()
    assert await find(reads, numbers) == documents(9, 8, 7, at=AT.replace(tzinfo=UTC))


async def test_documents_that_do_not_fit_into_one_reply_are_complete(
    numbers: Collection, reads: DirectReads
) -> None:
    await numbers.insert_many([{"_id": number, "text": "x" * MEGABYTES} for number in range(10, 14)])
    async with asyncio.timeout(PATIENCE):
        while (await find(reads, numbers, 1))[0]["_id"] != 9 or not _is_direct(reads):
            await asyncio.sleep(0.002)
    found = await reads.find(numbers, {"_id": {"$gte": 10}}, None, 5)
    assert [document["_id"] for document in found] == [10, 11, 12, 13]


def _is_direct(reads: DirectReads) -> bool:
    return any(connection.is_open for connection in reads._connections)
