"""The address of the client in the log: where the setting asks for it, on every transport."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from api.access.callers import Caller
from api.lifecycle import open_runtime
from api.settings import Settings
from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR
from eventstore.history.audit import AuditQuery, audit_entries
from tests.helpers.served_api import Served, serve
from tests.helpers.token_access import Tokens

MASTER = "bWFzdGVybWFzdGVybWFzdGVybWFzdGVybWFzdGVyMTI="
REGISTER = 'mutation { registerAgent(input: { name: "x" }) { receipt { stream } } }'
PROXIED = "203.0.113.77"


@pytest.fixture
def settings(mongo_url: str, redis_url: str, database: str) -> dict[str, Any]:
    servers = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    return {**servers, "master_key": MASTER, "trusted_proxies": ("127.0.0.1",)}


@pytest.fixture
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture
def shown(tokens: Tokens) -> str:
    return tokens.grant("token", Caller(Scope("acme", "ada", "jwt"), "ada", frozenset((ADMINISTRATOR,))))


@pytest.fixture
def served(settings: dict[str, Any], tokens: Tokens) -> Iterator[Served]:
    with serve(tokens, worker=False, audit_addresses=True, **settings) as served:
        yield served


async def addresses(settings: dict[str, Any]) -> list[str | None]:
    """The addresses in the log, in its order."""
    async with open_runtime(Settings(**settings)) as runtime:
        upto = await runtime.log.high_water_mark()
        entries = audit_entries(runtime.database, runtime.log.keys, AuditQuery(), 0, upto)
        return [entry.client async for entry in entries]


async def test_the_address_is_stored_on_http_and_on_sockets_also_behind_a_proxy(
    served: Served, settings: dict[str, Any], shown: str
) -> None:
    for headers in ({}, {"x_forwarded_for": PROXIED}):
        response = await asyncio.to_thread(served.post, {"query": REGISTER}, authorization=shown, **headers)
        assert "errors" not in response.json()
    async with served.client(authorization=shown) as client:
        await client.subscribe("1", REGISTER)
        await client.next()
    assert await addresses(settings) == ["127.0.0.1", PROXIED, "127.0.0.1"]


async def test_an_event_shows_how_its_actor_was_authenticated(served: Served, shown: str) -> None:
    """So that an administrator has the audit over GraphQL too."""
    events = {"query": "{ events { nodes { actor authentication } } }"}
    for body in ({"query": REGISTER}, events):
        response = await asyncio.to_thread(served.post, body, authorization=shown)
    [event] = response.json()["data"]["events"]["nodes"]
    assert event == {"actor": "ada", "authentication": "jwt"}


async def test_no_address_is_stored_without_the_setting(
    settings: dict[str, Any], tokens: Tokens, shown: str
) -> None:
    with serve(tokens, worker=False, **settings) as served:
        await asyncio.to_thread(served.post, {"query": REGISTER}, authorization=shown)
    assert await addresses(settings) == [None]


def test_the_setting_needs_a_master_key() -> None:
    """Addresses are stored encrypted, or not at all."""
    with pytest.raises(ValueError, match="audit_addresses needs master_key"):
        Settings(audit_addresses=True)
