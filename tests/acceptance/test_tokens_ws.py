"""Tokens over a WebSocket: where they may be, what is refused, how they are renewed, and when they expire."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from api.ids import now
from tests.helpers.served_api import Client, Served
from tests.helpers.token_access import serve_with
from tests.helpers.tokens import MANY_FAILURES, auth_settings, bearer, make_token

CREATE = 'mutation { registerAgent(input: {name: "x"}) { receipt { version } } }'
EVENTS = "subscription { events { __typename ... on Event { actor } } }"
ADMIN = ("administrator",)
INVALID = (4401, "the token is not valid")
OTHER = "a connection can be renewed by its own subject alone; open another one"
CHANGED = "the roles or claims of the caller have changed; connect again"
TWO = (4401, "connection_init and the handshake have different credentials; send one")


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str) -> Iterator[Served]:
    options: dict[str, Any] = {"auth": auth_settings(cookie="session", leeway=0), "rates": MANY_FAILURES}
    with serve_with(None, mongo_url, redis_url, **options, init_timeout=30) as served:
        yield served


@asynccontextmanager
async def opened(served: Served, *headers: tuple[str, str]) -> AsyncIterator[Client]:
    """A socket whose handshake has these headers, before `connection_init`."""
    protocols = [Subprotocol("graphql-transport-ws")]
    address = f"ws://127.0.0.1:{served.port}/graphql"
    async with connect(address, subprotocols=protocols, additional_headers=headers) as connection:
        yield Client(connection)


def token(subject: str = "ada", tenant: str = "default", **claims: Any) -> str:
    return make_token(subject, tenant, ADMIN, **claims)


async def stored_as(client: Client, served: Served, tenant: str) -> str:
    """Return as whom a mutation over the socket is stored."""
    await client.subscribe("1", CREATE)
    assert await client.next() == {"receipt": {"version": 1}}
    query = {"query": "{ events(last: 1) { nodes { actor } } }"}
    response = await asyncio.to_thread(served.post, query, **bearer(token("auditor", tenant)))
    actor: str = response.json()["data"]["events"]["nodes"][0]["actor"]
    return actor


@pytest.mark.parametrize("place", ["header", "cookie", "payload", "other case", "headers of payload"])
async def test_a_token_may_be_in_the_handshake_or_in_the_payload(served: Served, place: str) -> None:
    tenant = uuid4().hex
    credential = token("grace", tenant)
    headers: dict[str, list[tuple[str, str]]] = {
        "header": [("Authorization", f"Bearer {credential}")],
        "cookie": [("Cookie", f"session={credential}")],
    }
    payloads: dict[str, Any] = {
        "payload": bearer(credential),
        "other case": {"Authorization": f"bearer {credential}"},
        "headers of payload": {"headers": bearer(credential)},
    }
    async with opened(served, *headers.get(place, [])) as client:
        await client.send(type="connection_init", payload=payloads.get(place))
        assert await client.receive() == {"type": "connection_ack"}
        assert await stored_as(client, served, tenant) == "grace"


async def test_the_same_token_in_both_places_is_accepted(served: Served) -> None:
    credential = token()
    async with opened(served, ("Authorization", f"Bearer {credential}")) as client:
        await client.send(type="connection_init", payload=bearer(credential))
        assert await client.receive() == {"type": "connection_ack"}


@pytest.mark.parametrize(
    ("headers", "payload", "closed"),
    [
        ([], {"authorization": "Bearer made-up"}, INVALID),
        ([("Authorization", "Bearer made-up")], {}, INVALID),
        ([("Cookie", "session=made-up")], None, INVALID),
        ([("Authorization", f"Bearer {make_token()}")], bearer(make_token("eve")), TWO),
        ([("Authorization", "Bearer made-up")], bearer(make_token()), TWO),
        (
            [("Authorization", f"Bearer {make_token()}"), ("Authorization", f"Bearer {make_token('eve')}")],
            {},
            INVALID,
        ),
        (
            [("Cookie", f"session={make_token()}")],
            bearer(make_token("eve")),
            (4401, "the request has two different credentials; send one"),
        ),
        ([], {"authorization": 17}, (4401, "the payload has no single text as authorization")),
        (
            [],
            {"authorization": f"Bearer {make_token()}", "Authorization": f"Bearer {make_token('eve')}"},
            (4401, "the payload has no single text as authorization"),
        ),
        ([], bearer(make_token(expires_in=-60)), (4401, "the token has expired; send a new one")),
    ],
    ids=range(10),
)
async def test_wrong_and_contradictory_credentials_close_the_socket(
    served: Served, headers: list[tuple[str, str]], payload: Any, closed: tuple[int, str]
) -> None:
    async with opened(served, *headers) as client:
        await client.send(type="connection_init", payload=payload)
        assert await client.closed() == closed


async def test_the_payload_overrides_no_header_of_the_handshake(served: Served) -> None:
    """A cookie, a host or an address in the payload is no header of the request."""
    payload = {"cookie": f"session={token()}", "x-forwarded-for": "10.0.0.1", "host": "evil.example"}
    async with opened(served) as client:
        await client.send(type="connection_init", payload=payload)
        code, reason = await client.closed()
    assert code == 4401
    assert reason is not None
    assert reason.startswith("this needs credentials")


class TestRenewal:
    """A token that expires soon is renewed by a ping."""

    @pytest.fixture
    async def client(self, served: Served) -> AsyncIterator[Client]:
        async with served.client(**bearer(token(exp=int(now().timestamp()) + 5))) as client:
            await client.subscribe("1", EVENTS)
            assert await client.next() == {"__typename": "CaughtUp"}
            yield client

    async def renew(self, client: Client, credential: str) -> None:
        await client.send(type="ping", payload=bearer(credential))

    async def test_the_socket_stays_open_until_the_new_token_expires(
        self, served: Served, client: Client
    ) -> None:
        expiry = int(now().timestamp()) + 7
        await self.renew(client, token(exp=expiry))
        pong = await client.receive()
        assert datetime.fromisoformat(pong["payload"]["expiresAt"]).timestamp() == expiry
        code, reason = await client.closed()
        assert (code, reason) == (4403, "access has expired; connect again with new credentials")
        # A busy machine may notice it later.
        assert now().timestamp() > expiry - 1

    async def test_operations_go_on_and_new_ones_start(self, served: Served, client: Client) -> None:
        await self.renew(client, token())
        assert (await client.receive())["type"] == "pong"
        await client.subscribe("2", CREATE)
        messages = [await client.receive() for _ in range(3)]
        assert {(message["type"], message["id"]) for message in messages} == {
            ("next", "1"), ("next", "2"), ("complete", "2"),
        }  # fmt: skip

    @pytest.mark.parametrize(
        ("credential", "code", "reason"),
        [
            ("made-up", 4401, "the token is not valid"),
            (token("eve"), 4403, OTHER),
            (
                token(tenant="acme"),
                4403,
                "a connection can be renewed by its own subject alone; open another one",
            ),
            (make_token(), 4403, CHANGED),
            (token(team="red"), 4403, CHANGED),
        ],
        ids=["invalid", "other subject", "other tenant", "other roles", "other claims"],
    )
    async def test_another_caller_cannot_take_the_socket_over(
        self, client: Client, credential: str, code: int, reason: str
    ) -> None:
        await self.renew(client, credential)
        assert await client.closed() == (code, reason)

    async def test_a_caller_for_the_deployment_keeps_the_tenant_that_it_chose(self, served: Served) -> None:
        roles, tenant = ("administrator", "deployment"), uuid4().hex
        credentials = [make_token("root", roles=roles) for _ in range(2)]
        async with served.client(**bearer(credentials[0]), **{"X-Nerve-Tenant": tenant}) as client:
            await self.renew(client, credentials[1])
            assert (await client.receive())["type"] == "pong"
            assert await stored_as(client, served, tenant) == "root"

    async def test_a_ping_without_credentials_is_answered_as_ever(self, client: Client) -> None:
        await client.send(type="ping", payload={"at": 1})
        assert await client.receive() == {"type": "pong", "payload": {"at": 1}}


async def test_a_socket_is_closed_when_its_token_expires_with_the_leeway(
    mongo_url: str, redis_url: str
) -> None:
    with serve_with(None, mongo_url, redis_url, auth=auth_settings(leeway=8)) as served:
        expiry = now() - timedelta(seconds=1)
        async with served.client(**bearer(token(exp=int(expiry.timestamp())))) as client:
            assert (await client.closed())[0] == 4403
    assert now() > expiry + timedelta(seconds=6)
