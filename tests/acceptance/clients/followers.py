"""One way to follow a subscription, on two clients that nerve does not come with."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from asyncio.subprocess import PIPE, create_subprocess_exec
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from gql import Client, gql
from gql.transport.exceptions import TransportConnectionFailed
from gql.transport.websockets import WebsocketsTransport

Message = dict[str, Any]


class Follower(ABC):
    """Follows one subscription over any number of connections, each resumed after the last position told.

    `document` takes the position as ``$after`` and selects ``position`` on every message.
    """

    def __init__(self, url: str, document: str) -> None:
        self._url, self._document = url, document
        self._news = asyncio.Queue[None]()
        self.messages: list[Message] = []
        self.cuts = 0

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._follow())
        self._task.add_done_callback(lambda _: self._news.put_nowait(None))
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def until(self, wanted: Callable[[Follower], bool], seconds: float = 30.0) -> None:
        """Wait until what was told satisfies `wanted`; fails after `seconds`, or when the client does."""
        try:
            async with asyncio.timeout(seconds):
                while not wanted(self):
                    await self._news.get()
                    if self._task.done():
                        raise AssertionError("the client ended by itself") from self._task.exception()
        except TimeoutError:
            told = f"{len(self.messages)} messages, the last of them {self.messages[-3:]}"
            raise AssertionError(f"not within {seconds:.0f} s; told so far: {told}") from None

    async def _follow(self) -> None:
        async for message in self._run():
            if message is None:
                self.cuts += 1
            else:
                self.messages.append(message)
            self._news.put_nowait(None)

    @abstractmethod
    def _run(self) -> AsyncIterator[Message | None]:
        """Each message, and None each time that the connection was cut."""


class GqlFollower(Follower):
    """The Python package gql."""

    async def _run(self) -> AsyncIterator[Message | None]:
        document = gql(self._document)
        while True:
            try:
                async with Client(transport=WebsocketsTransport(url=self._url)) as session:
                    async for result in session.subscribe(document):
                        [message] = result.values()
                        document.variable_values = {"after": message["position"]}
                        yield message
                    return
            except TransportConnectionFailed:
                yield None


class GraphqlWsFollower(Follower):
    """The npm package graphql-ws, in a process of its own."""

    async def _run(self) -> AsyncIterator[Message | None]:
        script = Path(__file__).with_name("subscribe.mjs")
        node = await create_subprocess_exec("node", script, self._url, self._document, stdout=PIPE)
        assert node.stdout is not None
        try:
            async for line in node.stdout:
                yield json.loads(line) if line.strip() else None
        finally:
            if node.returncode is None:
                node.kill()
            await node.wait()
