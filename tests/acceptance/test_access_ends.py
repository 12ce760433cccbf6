"""The end of access, on every process: for tokens and keys, for open connections, and after a restart."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from typing import Any
from uuid import uuid4

import pytest

from api.app import create_app
from domain.kernel.errors import Unavailable
from eventstore.log import EventLog
from tests.helpers.access_rig import (
    END,
    EVENTS,
    RESTORE,
    REVOKE,
    ROTATE,
    AccessRig,
    Administrator,
    access_rig,
    bearer,
)
from tests.helpers.served_api import Client, Served
from tests.helpers.servers import eventually
from tests.helpers.tokens import make_token

TYPENAME = {"query": "{ __typename }"}
NOWHERE = "redis://127.0.0.1:1/0"


@pytest.fixture(scope="module")
def rig(mongo_url: str, redis_url: str) -> Iterator[AccessRig]:
    with access_rig(mongo_url, redis_url) as rig:
        yield rig


@pytest.fixture(scope="module")
def servers(rig: AccessRig) -> Iterator[tuple[Served, Served]]:
    """Two APIs; the second one has no Redis."""
    with rig.serve(init_timeout=30) as first, rig.serve(redis_url=NOWHERE, init_timeout=30) as second:
        yield first, second


@pytest.fixture
def tenant() -> str:
    return uuid4().hex


@pytest.fixture
def admin(servers: tuple[Served, Served], tenant: str) -> Administrator:
    return Administrator(servers[0], tenant)


def answer(served: Served, credential: str) -> tuple[int, str | None]:
    """The status of a request with this credential, and the message of its refusal."""
    response = served.post(TYPENAME, authorization=bearer(credential))
    return response.status_code, response.json().get("errors", [{"message": None}])[0]["message"]


def until_refused(served: Served, credential: str) -> None:
    eventually(lambda: answer(served, credential) == (401, "access has ended: closed"))


async def listen(client: Client) -> None:
    await client.subscribe("1", EVENTS)
    assert await client.next() == {"__typename": "CaughtUp"}


def target(kind: str, name: str) -> dict[str, Any]:
    named = {} if kind == "TENANT" else {"name": name}
    return {"kind": kind, "reason": "closed", **named}


@pytest.mark.parametrize("kind", ["SUBJECT", "CREDENTIAL", "ROLE", "TENANT"])
async def test_connections_are_closed_on_every_process(
    servers: tuple[Served, Served], admin: Administrator, tenant: str, kind: str
) -> None:
    """Also on one that no message of Redis reaches; those of others stay open."""
    jti, role = uuid4().hex, uuid4().hex
    token = bearer(make_token("ada", tenant, ("administrator", role), jti=jti))
    other = bearer(make_token("bob", "elsewhere", ("administrator",)))
    name = {"SUBJECT": "ada", "CREDENTIAL": f"token-{jti}", "ROLE": role}.get(kind, "")
    async with AsyncExitStack() as stack:
        for_ada = [await stack.enter_async_context(each.client(authorization=token)) for each in servers]
        for_bob = [await stack.enter_async_context(each.client(authorization=other)) for each in servers]
        for client in (*for_ada, *for_bob):
            await listen(client)
        await asyncio.to_thread(admin.ask, END, input=target(kind, name))
        for client in for_ada:
            assert await client.closed() == (4403, "access has ended: closed")
        for client in for_bob:
            await client.send(type="ping")
            assert await client.receive() == {"type": "pong"}


@pytest.mark.parametrize("kind", ["SUBJECT", "CREDENTIAL", "ROLE"])
def test_what_was_issued_before_is_refused_and_a_new_token_accepted(
    servers: tuple[Served, Served], admin: Administrator, tenant: str, kind: str
) -> None:
    role, jti = uuid4().hex, uuid4().hex
    old = make_token("ada", tenant, (role,), jti=jti)
    name = {"SUBJECT": "ada", "CREDENTIAL": f"token-{jti}", "ROLE": role}[kind]
    admin.ask(END, input=target(kind, name))
    new = make_token("ada", tenant, (role,), jti=jti, iat=int(time.time()) + 2)
    undated = make_token("ada", tenant, (role,), jti=jti, without=("iat",))
    for served in servers:
        until_refused(served, old)
        assert answer(served, undated)[0] == 401
        assert answer(served, new)[0] == 200
        assert answer(served, make_token("ada", "elsewhere", (role,), jti=jti))[0] == 200
    admin.ask(RESTORE, input=target(kind, name))
    eventually(lambda: [answer(served, old)[0] for served in servers] == [200, 200])


def test_access_that_ends_until_it_is_restored_ends_for_new_tokens_too(
    servers: tuple[Served, Served], admin: Administrator, tenant: str
) -> None:
    admin.ask(END, input={**target("SUBJECT", "ada"), "untilRestored": True})
    new = make_token("ada", tenant, iat=int(time.time()) + 2)
    assert answer(servers[0], new) == (403, "access has ended: closed")
    admin.ask(RESTORE, input=target("SUBJECT", "ada"))
    assert answer(servers[0], new)[0] == 200


def test_the_keys_of_a_subject_end_with_its_access(
    servers: tuple[Served, Served], admin: Administrator, tenant: str
) -> None:
    """A rotated key was issued after that."""
    stream, key = admin.issue(subject="agent-7")
    _, other = admin.issue(subject="agent-8")
    admin.ask(END, input=target("SUBJECT", "agent-7"))
    assert answer(servers[0], key)[0] == 401
    assert answer(servers[0], other)[0] == 200
    renewed = admin.ask(ROTATE, input={"id": stream})["key"]
    assert answer(servers[0], renewed)[0] == 200


def test_a_process_that_starts_later_knows_all_of_it(
    rig: AccessRig, servers: tuple[Served, Served], admin: Administrator, tenant: str
) -> None:
    """Keys, rotations, and the end of access."""
    (stays, kept), (gone, revoked), (renewed, old) = admin.issue(), admin.issue(), admin.issue()
    token = make_token("eve", tenant)
    admin.ask(REVOKE, input={"id": gone})
    new = admin.ask(ROTATE, input={"id": renewed, "grace": "PT0S"})["key"]
    admin.ask(END, input=target("SUBJECT", "eve"))
    with rig.serve(redis_url=NOWHERE) as late:
        credentials = (kept, new, revoked, old, token)
        assert [answer(late, each)[0] for each in credentials] == [200, 200, 401, 401, 401]
    assert stays.startswith("apikey-")


async def test_a_process_that_cannot_read_them_does_not_serve(
    rig: AccessRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def unreadable(*_arguments: object) -> object:
        raise Unavailable("the archive does not answer")

    monkeypatch.setattr(EventLog, "commits_of", unreadable)
    app = create_app(rig.settings)
    with pytest.raises(Unavailable):
        await app.router.lifespan_context(app).__aenter__()


def test_the_end_of_access_is_noticed_without_reading_all_commits(servers: tuple[Served, Served]) -> None:
    """Commands would cost more with authentication than without."""
    token = bearer(make_token(roles=("metrics",)))
    eventually(
        lambda: 'nerve_cursors{tail="log"} 0.0' in servers[0].get("/metrics", authorization=token).text
    )
