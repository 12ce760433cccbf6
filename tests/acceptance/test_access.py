"""Who is let in, for whom what they do is done, and how that ends while they are there."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from api.access.callers import AccessRevocation, Caller
from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR
from tests.helpers.served_api import Client, Served
from tests.helpers.servers import eventually
from tests.helpers.token_access import EDITOR, Tokens, scraper, serve_with, somebody

MOST = 2
EVENTS = "subscription { events { __typename ... on Event { actor data } } }"
CREATE = 'mutation { registerAgent(input: {name: "%s"}) { receipt { stream } } }'


@pytest.fixture(scope="module")
def tokens() -> Tokens:
    return Tokens()


@pytest.fixture(scope="module")
def served(mongo_url: str, redis_url: str, tokens: Tokens) -> Iterator[Served]:
    with serve_with(tokens, mongo_url, redis_url, max_sockets_per_caller=MOST, init_timeout=30) as served:
        yield served


@pytest.fixture
def ada() -> Caller:
    return somebody()


@pytest.fixture
def shown(tokens: Tokens, ada: Caller) -> str:
    """What Ada shows."""
    return tokens.grant(str(ada.credential), ada)


async def listen(client: Client) -> None:
    await client.subscribe("1", EVENTS)
    assert await client.next() == {"__typename": "CaughtUp"}


async def test_what_is_done_over_a_socket_is_done_for_who_opened_it(
    served: Served, tokens: Tokens, shown: str
) -> None:
    other = tokens.grant("other", Caller(Scope("another tenant", "bob"), "bob", EDITOR))
    async with served.client(Authorization=shown) as mine, served.client(authorization=other) as another:
        for client in (mine, another):
            await listen(client)
        await another.subscribe("2", CREATE % "Bob's")
        await mine.subscribe("2", CREATE % "Ada's")
        for client, actor in ((mine, "ada"), (another, "bob")):
            messages = [await client.receive() for _ in range(3)]
            [event] = [one["payload"]["data"]["events"] for one in messages if one["id"] == "1"]
            assert event["actor"] == actor


async def test_who_may_see_the_same_shares_what_is_told(
    served: Served, tokens: Tokens, ada: Caller, shown: str
) -> None:
    """Whoever it is: one execution for all of a tenant for whom the same events exist."""
    others = (
        Caller(Scope(ada.scope.tenant, "bob"), "bob", ada.roles),
        Caller(Scope(ada.scope.tenant, "eve"), "eve", ada.roles | {"reader"}),
        Caller(Scope(ada.scope.tenant, "root"), "root", frozenset({ADMINISTRATOR})),
        Caller(Scope(uuid4().hex, "bob"), "bob", ada.roles),
    )
    metrics = tokens.grant("scraper", scraper())
    await asyncio.to_thread(eventually, lambda: _groups(served, metrics) == 0)
    groups = []
    async with AsyncExitStack() as stack:
        for who in (shown, *(tokens.grant(uuid4().hex, other) for other in others)):
            await listen(await stack.enter_async_context(served.client(authorization=who)))
            groups.append(_groups(served, metrics))
    assert groups == [1, 1, 1, 2, 3]


def _groups(served: Served, authorization: str) -> int:
    lines = served.get("/metrics", authorization=authorization).text.splitlines()
    [line] = [line for line in lines if line.startswith('nerve_live_groups{source="log"}')]
    return int(float(line.split()[-1]))


@pytest.mark.parametrize(
    ("payload", "code", "reason"),
    [({}, 4401, "show a token"), ({"authorization": "Bearer made-up"}, 4403, "this token is not known")],
)
async def test_a_socket_that_is_not_let_in_is_closed(
    served: Served, payload: dict[str, str], code: int, reason: str
) -> None:
    async with served.socket() as client:
        await client.send(type="connection_init", payload=payload)
        assert await client.closed() == (code, reason)


@pytest.mark.parametrize("clause", ["tenant", "subject", "role", "credential"])
async def test_an_open_socket_is_closed_when_access_ends_and_others_go_on(
    served: Served, tokens: Tokens, ada: Caller, shown: str, clause: str
) -> None:
    bob = tokens.grant("bob", Caller(Scope("elsewhere"), "bob", EDITOR))
    role = uuid4().hex
    tokens.grant(str(ada.credential), Caller(ada.scope, ada.subject, ada.roles | {role}, ada.credential))
    of_ada: dict[str, Any] = {
        "tenant": ada.scope.tenant,
        "subject": ada.subject,
        "role": role,
        "credential": ada.credential,
    }
    async with served.client(authorization=shown) as client, served.client(authorization=bob) as other:
        await listen(client)
        await listen(other)
        tokens.end(AccessRevocation("locked out", **{clause: of_ada[clause]}))
        assert await client.closed() == (4403, "access has ended: locked out")
        await other.subscribe("2", CREATE % "for Bob")
        assert {(await other.receive())["type"] for _ in range(3)} == {"next", "complete"}


async def test_a_socket_is_closed_when_what_was_shown_expires(
    served: Served, tokens: Tokens, ada: Caller, shown: str
) -> None:
    tokens.limit(str(ada.credential), timedelta(seconds=3))
    async with served.client(authorization=shown) as client:
        code, reason = await client.closed()
    assert (code, reason) == (4403, "access has expired; connect again with new credentials")


async def test_one_subject_has_so_many_sockets_and_those_in_excess_may_try_again(
    served: Served, shown: str
) -> None:
    async with served.client(authorization=shown):
        async with served.client(authorization=shown), served.socket() as third:
            await third.send(type="connection_init", payload={"authorization": shown})
            assert await third.closed() == (1013, f"a caller may have {MOST} open connections at a time")
        async with served.socket() as third:
            await third.send(type="connection_init", payload={"authorization": shown})
            assert await third.receive() == {"type": "connection_ack"}


class TestWhileItIsDecided:
    """The decision on a socket is held back."""

    @pytest.fixture(autouse=True)
    def _held_back(self, tokens: Tokens, ada: Caller) -> None:
        self.ada, self.token = ada, str(ada.credential)
        self.go_on = tokens.hold_back(self.token)

    async def init(self, client: Client, tokens: Tokens, shown: str) -> None:
        await client.send(type="connection_init", payload={"authorization": shown})
        await asyncio.to_thread(eventually, lambda: self.token in tokens.asked)

    async def test_a_ping_is_answered_and_then_the_init(
        self, served: Served, tokens: Tokens, shown: str
    ) -> None:
        async with served.socket() as client:
            await self.init(client, tokens, shown)
            await client.send(type="ping")
            assert await client.receive() == {"type": "pong"}
            self.go_on()
            assert await client.receive() == {"type": "connection_ack"}
            await listen(client)

    async def test_an_operation_is_too_early(self, served: Served, tokens: Tokens, shown: str) -> None:
        async with served.socket() as client:
            await self.init(client, tokens, shown)
            await client.subscribe("1", EVENTS)
            assert await client.closed() == (4401, "Unauthorized")

    async def test_a_second_init_is_one_too_many(self, served: Served, tokens: Tokens, shown: str) -> None:
        async with served.socket() as client:
            await self.init(client, tokens, shown)
            await client.send(type="connection_init")
            assert await client.closed() == (4429, "Too many initialisation requests")

    async def test_an_end_counts(self, served: Served, tokens: Tokens, shown: str) -> None:
        async with served.socket() as client:
            await self.init(client, tokens, shown)
            tokens.end(AccessRevocation("locked out", subject=self.ada.subject))
            self.go_on()
            assert await client.closed() == (4403, "access has ended: locked out")
