"""Clients that nerve does not come with, each of which follows several subscriptions."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from asyncio.subprocess import PIPE, Process, create_subprocess_exec
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from gql import Client, GraphQLRequest, gql
from gql.client import AsyncClientSession
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.websockets import WebsocketsTransport

Message = dict[str, Any]


class Follower:
    """What one client was told: the messages of each subscription, by its field."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.told: dict[str, list[Message]] = {}
        self.ran = asyncio.Queue[Any]()

    def take(self, data: Mapping[str, Message]) -> None:
        [(field, message)] = data.items()
        self.told.setdefault(field, []).append(message)

    def count(self, field: str, typename: str) -> int:
        return sum(message["__typename"] == typename for message in self.told.get(field, ()))


class Clients(ABC):
    """Clients that follow the same subscriptions, and resume them after the last position told.

    Each document takes the position as ``$after`` and selects ``position`` on every message.
    """

    def __init__(self, url: str, documents: Sequence[str], names: Sequence[str]) -> None:
        self._url, self._documents = url, documents
        self._news = asyncio.Condition()
        self.followers = {name: Follower(name) for name in names}

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def until(self, wanted: Callable[[Follower], bool], seconds: float = 120.0) -> None:
        """Wait until what each was told satisfies `wanted`; fails after `seconds`, or when a client does."""
        waiting = list(self.followers.values())
        waiter = asyncio.create_task(self._until(waiting, wanted))
        done, _ = await asyncio.wait(
            {waiter, self._task}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        waiter.cancel()
        if self._task in done:
            raise AssertionError("the clients ended by themselves") from self._task.exception()
        told = [(one.name, {field: told[-2:] for field, told in one.told.items()}) for one in waiting]
        assert waiter in done, f"not within {seconds:.0f} s: {told}"

    async def _until(self, waiting: list[Follower], wanted: Callable[[Follower], bool]) -> None:
        async with self._news:
            while waiting:
                waiting[:] = [one for one in waiting if not wanted(one)]
                if waiting:
                    await self._news.wait()

    async def _take(self, name: str, data: Mapping[str, Message]) -> None:
        self.followers[name].take(data)
        async with self._news:
            self._news.notify_all()

    @abstractmethod
    async def mutate(self, name: str, document: str, variables: dict[str, Any]) -> Any:
        """The data of a mutation that the client of this name has run."""

    @abstractmethod
    async def _run(self) -> None:
        """Hands on what the clients are told, for as long as they run."""


class GqlClients(Clients):
    """The Python package gql."""

    def __init__(self, url: str, documents: Sequence[str]) -> None:
        super().__init__(url, documents, ["gql"])
        self._session: AsyncClientSession | None = None

    async def mutate(self, name: str, document: str, variables: dict[str, Any]) -> Any:
        assert self._session is not None
        return await self._session.execute(GraphQLRequest(document, variable_values=variables))

    async def _run(self) -> None:
        requests = list(map(gql, self._documents))
        while True:
            await self._run_once(requests)

    async def _run_once(self, requests: Sequence[GraphQLRequest]) -> None:
        transport = WebsocketsTransport(url=self._url.replace("http", "ws", 1))
        with suppress(TransportConnectionFailed):
            async with Client(transport=transport) as self._session:
                try:
                    async with asyncio.TaskGroup() as group:
                        for request in requests:
                            group.create_task(self._follow(self._session, request))
                except ExceptionGroup as failures:
                    raise failures.exceptions[0] from None

    async def _follow(self, session: AsyncClientSession, request: GraphQLRequest) -> None:
        async for data in session.subscribe(request):
            [message] = data.values()
            request.variable_values = {"after": message["position"]}
            await self._take("gql", data)
        raise AssertionError("the subscription is complete")


class NpmClients(Clients):
    """Packages of npm, in a process of their own."""

    _node: Process

    async def mutate(self, name: str, document: str, variables: dict[str, Any]) -> Any:
        assert self._node.stdin is not None
        asked = {"client": name, "query": document, "variables": variables}
        self._node.stdin.write(json.dumps(asked).encode() + b"\n")
        return (await self.followers[name].ran.get())["data"]

    async def __aenter__(self) -> Self:
        script = Path(__file__).with_name("follow.mjs")
        arguments = [self._url, ",".join(self.followers), *self._documents]
        self._node = await create_subprocess_exec(
            "node", script, *arguments, stdin=PIPE, stdout=PIPE, limit=2**24
        )
        return await super().__aenter__()

    async def __aexit__(self, *_: object) -> None:
        await super().__aexit__()
        if self._node.returncode is None:
            self._node.kill()
        await self._node.wait()

    async def _run(self) -> None:
        assert self._node.stdout is not None
        async for line in self._node.stdout:
            match json.loads(line):
                case {"client": name, "told": data}:
                    await self._take(name, data)
                case {"client": name, "ran": result}:
                    self.followers[name].ran.put_nowait(result)
                case {"client": name, "failed": cause}:
                    raise AssertionError(f"{name}: {cause}")
