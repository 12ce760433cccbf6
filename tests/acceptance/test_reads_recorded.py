"""Who reads events and personal data, recorded where the setting asks for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

import pytest

from api.access.background_writer import MAX_WAITING
from api.access.callers import Caller
from api.access.read_audit import AUDIT_READS, ReadAudit, recorded_reads
from api.ids import now
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR
from tests.helpers.served_api import Served, serve
from tests.helpers.token_access import Tokens

EVERYTHING = (None, None, None, None)


@pytest.fixture
def settings(mongo_url: str, redis_url: str, database: str) -> dict[str, Any]:
    return {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def shown(tokens: Tokens) -> str:
    return tokens.grant("token", Caller(Scope("acme", "ada", "jwt"), "ada", frozenset((ADMINISTRATOR,))))


@pytest.fixture
async def runtime(settings: dict[str, Any]) -> AsyncGenerator[Runtime, None]:
    async with open_runtime(Settings(**settings)) as runtime:
        yield runtime


async def reads(runtime: Runtime, *wanted: Any) -> list[dict[str, Any]]:
    async with aclosing(recorded_reads(runtime.database, *wanted)) as found:
        return [read async for read in found]


async def ask(served: Served, query: str, shown: str) -> None:
    response = await asyncio.to_thread(served.post, {"query": query}, authorization=shown)
    assert "errors" not in response.json(), response.text


async def test_reads_of_personal_rows_and_of_events_are_recorded_on_every_transport(
    settings: dict[str, Any], tokens: Tokens, shown: str, runtime: Runtime
) -> None:
    """With who read, and which fields; a subscription is recorded once, and a read of other rows never."""
    with serve(tokens, worker=False, audit_reads=True, **settings) as served:
        await ask(served, "query Titles { documents { nodes { ...Titled } } agents { nodes { name } } } "
                  "fragment Titled on Document { title }", shown)  # fmt: skip
        await ask(served, "{ agents { totalCount } }", shown)
        await ask(served, "query Feed { events { nodes { data } } }", shown)
        async with served.client(authorization=shown) as client:
            await client.subscribe(
                "1", "subscription Live { events { ... on Event { type } ... on CaughtUp { position } } }"
            )
            await client.next()
    found = await reads(runtime, *EVERYTHING)
    assert [(read["operation"], read["fields"]) for read in found] == [
        ("Titles", ["Document.title"]),
        ("Feed", ["Event.data"]),
        ("Live", ["Event.type"]),
    ]
    assert {(read["tenant"], read["actor"], read["authentication"]) for read in found} == {
        ("acme", "ada", "jwt")
    }


async def test_recorded_reads_have_filters(runtime: Runtime) -> None:
    audit = ReadAudit(runtime.database, now)
    async with audit.recording():
        for tenant, actor in (("red", "ada"), ("blue", "ada"), ("red", "bob")):
            audit.note(Scope(tenant, actor), None, "hash", ["Event.data"])
    assert len(await reads(runtime, *EVERYTHING)) == 3
    assert len(await reads(runtime, "red", None, None, None)) == 2
    assert len(await reads(runtime, "red", "bob", None, None)) == 1
    assert await reads(runtime, None, None, now(), None) == []


async def test_nothing_is_recorded_without_the_setting(
    settings: dict[str, Any], tokens: Tokens, shown: str, runtime: Runtime
) -> None:
    with serve(tokens, worker=False, **settings) as served:
        await ask(served, "{ events { nodes { data } } }", shown)
    assert AUDIT_READS not in await runtime.database.list_collection_names()


async def test_reads_that_cannot_be_written_are_bounded_and_counted(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    """The output of the process says how many were lost."""
    audit = ReadAudit(runtime.database, now)
    for _ in range(MAX_WAITING + 3):
        audit.note(Scope("red"), None, "hash", ["Event.data"])
    async with audit.recording():
        pass
    assert len(await reads(runtime, *EVERYTHING)) == MAX_WAITING
    assert "3 reads were not recorded" in caplog.text
