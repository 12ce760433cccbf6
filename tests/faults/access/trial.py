"""Access that ends while Redis is dead: how soon each of several API processes closes the connections."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import orjson
from rich.table import Table
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.faults.deployment import PATIENCE, Deployment
from tests.helpers.access_rig import END, ISSUE, REVOKE, administrator, bearer
from tests.helpers.tokens import MANY_FAILURES, auth_settings, make_token

POLL_INTERVAL = 1.0
"""Seconds in which a process reads the log once, as by default."""

TOLERANCE = 1.0
"""Seconds more that a process may take, on two cores that many other processes use."""

EVENTS = "subscription { events { __typename } }"


@dataclass
class Outcome:
    """Seconds from the request that ends access to the close of each connection, by what had access."""

    apis: int
    seconds: dict[str, list[float]] = field(default_factory=lambda: {"token": [], "key": []})
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        title = f"access ends on {self.apis} API processes, while Redis is dead"
        table = Table("access by", "connections", "median s", "longest s", title=title)
        for kind, times in self.seconds.items():
            ordered = sorted(times)
            table.add_row(kind, str(len(ordered)), f"{ordered[len(ordered) // 2]:.2f}", f"{ordered[-1]:.2f}")
        return table


class AccessTrial:
    """Ends access so many times; each time every API process has connections by a token and by a key."""

    def __init__(self, folder: Path, apis: int, rounds: int) -> None:
        self._folder = folder
        self._apis = apis
        self._rounds = rounds

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Kill Redis, and then end access; return how soon the connections were closed."""
        deployment = Deployment(self._folder)
        environment = {
            "NERVE_AUTH": _auth(),
            # Access is nerve's own context; a process with fewer others starts sooner.
            "NERVE_CONTEXTS": "projections.views.documents",
            "NERVE_RATES": orjson.dumps(MANY_FAILURES).decode(),
            "NERVE_POLL_INTERVAL": str(POLL_INTERVAL),
        }
        outcome = Outcome(self._apis)
        try:
            urls = [deployment.api(**environment) for _ in range(self._apis)]
            deployment.redis.kill()
            for number in range(self._rounds):
                asyncio.run(_Round(urls, number, outcome).run())
                step()
        finally:
            deployment.end()
        return outcome


class _Round:
    """One token and one key: both are used on every process, and then their access ends."""

    def __init__(self, urls: Sequence[str], number: int, outcome: Outcome) -> None:
        self._urls = urls
        self._outcome = outcome
        self._asked = urls[number % len(urls)]
        """The process that ends access."""

    async def run(self) -> None:
        issued = await self._ask(ISSUE, {"name": "an agent", "roles": ["administrator"]})
        stream, key = issued["receipt"]["stream"], issued["key"]
        subject = uuid4().hex
        await self._until_accepted(key)
        async with AsyncExitStack() as stack:
            by_key = await self._connect(stack, key)
            by_token = await self._connect(stack, make_token(subject, roles=("administrator",)))
            others = await self._connect(stack, make_token("other", roles=("administrator",)))
            await self._measure("key", by_key, REVOKE, {"id": stream})
            left = {"kind": "SUBJECT", "name": subject, "reason": "left"}
            await self._measure("token", by_token, END, left)
            for other in others:
                await _expect_open(other)
        await self._expect_refused(key)

    async def _measure(
        self, kind: str, connections: Sequence[ClientConnection], document: str, fields: dict[str, Any]
    ) -> None:
        start = time.perf_counter()

        async def closed(connection: ClientConnection) -> float:
            await connection.wait_closed()
            return time.perf_counter() - start

        closing = [asyncio.create_task(closed(connection)) for connection in connections]
        await self._ask(document, fields)
        async with asyncio.timeout(PATIENCE):
            seconds = await asyncio.gather(*closing)
        self._outcome.seconds[kind] += seconds
        if max(seconds) > POLL_INTERVAL + TOLERANCE:
            self._outcome.wrongs.append(f"a connection by a {kind} was closed after {max(seconds):.2f} s")

    async def _connect(self, stack: AsyncExitStack, credential: str) -> list[ClientConnection]:
        """Open a socket with a subscription on each process."""
        connections = []
        for url in self._urls:
            address = f"{url.replace('http', 'ws', 1)}/graphql"
            opening = connect(address, subprotocols=[Subprotocol("graphql-transport-ws")])
            connection = await stack.enter_async_context(opening)
            init = {"type": "connection_init", "payload": {"authorization": bearer(credential)}}
            subscribe = {"type": "subscribe", "id": "1", "payload": {"query": EVENTS}}
            for message in (init, subscribe):
                await connection.send(orjson.dumps(message).decode())
                await connection.recv()
            connections.append(connection)
        return connections

    async def _ask(self, document: str, fields: dict[str, Any]) -> Any:
        answer = (await self._post(self._asked, administrator(), document, input=fields)).json()
        assert "errors" not in answer, answer
        [payload] = answer["data"].values()
        return payload

    async def _post(self, url: str, header: str, document: str, **variables: Any) -> httpx.Response:
        body = {"query": document, "variables": variables}
        async with httpx.AsyncClient(timeout=PATIENCE) as client:
            return await client.post(f"{url}/graphql", json=body, headers={"authorization": header})

    async def _until_accepted(self, key: str) -> None:
        """Wait until every process knows the key."""
        async with asyncio.timeout(PATIENCE):
            for url in self._urls:
                while (await self._post(url, bearer(key), "{ __typename }")).status_code != 200:
                    await asyncio.sleep(0.02)

    async def _expect_refused(self, key: str) -> None:
        for url in self._urls:
            status = (await self._post(url, bearer(key), "{ __typename }")).status_code
            if status != 401:
                self._outcome.wrongs.append(f"{url} answers a revoked key with {status}")


async def _expect_open(connection: ClientConnection) -> None:
    """Read up to the answer to a ping: before it are the events of the subscription."""
    await connection.send(orjson.dumps({"type": "ping"}).decode())
    async with asyncio.timeout(PATIENCE):
        while orjson.loads(await connection.recv())["type"] != "pong":
            pass


def _auth() -> str:
    values = auth_settings().model_dump(mode="json", exclude_unset=True)
    secret = auth_settings().secret
    assert secret is not None
    return orjson.dumps({**values, "secret": secret.get_secret_value()}).decode()
