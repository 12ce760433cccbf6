"""Many subscribers, each on a socket of its own, that are cut off, or leave, and resume somewhere else."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from math import inf
from random import Random
from typing import Any

from tests.faults.live.connections import Connection, ConnectionBroken, open_subscription
from tests.faults.live.received import Received
from tests.faults.live.requests import SubscriptionRequest

AGAIN = 0.1
"""Seconds before another server is tried."""


class Watcher:
    """One subscriber. `outages` are the seconds from each end of a connection to being caught up again.

    It stays connected for `stay` seconds on average, and may stop reading for a while before it goes.
    """

    def __init__(
        self, request: SubscriptionRequest, seed: int, urls: Callable[[], Sequence[str]], stay: float
    ) -> None:
        self.received = Received(request)
        self.outages: list[float] = []
        self.cuts = 0
        self.stay = stay
        self.over = False
        self._urls = urls
        self._streams = seed % 5 == 4
        self._chance = Random(seed)
        self._lost: float | None = None
        self._line: Connection | None = None

    async def run(self) -> None:
        """Until it is over."""
        while not self.over:
            try:
                await self._connected(self._chance.choice(self._urls()))
            except ConnectionBroken as broken:
                if broken.wrong:
                    self.received.wrongs.append(f"{self.received.request.filter}: {broken.wrong}")
                await asyncio.sleep(AGAIN)
            if self._lost is None:
                self._lost = time.monotonic()
                self.cuts += 1

    def cut(self) -> None:
        """End the connection that there is, without a close."""
        if self._line is not None:
            self._line.cut()

    async def _connected(self, url: str) -> None:
        payload = {"query": self.received.request.text, "variables": self.received.connect()}
        async with open_subscription(url, payload, streams=self._streams) as connection:
            self._line = connection
            await self._listen(connection, self._chance.expovariate(1.0) * self.stay)
            await self._leave(connection)

    async def _listen(self, connection: Connection, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while (result := await connection.next()) is not None:
                    if "errors" in result:
                        raise ConnectionBroken(f"was told {result}")
                    [data] = result["data"].values()
                    self._take(data)
                if not self.received.ended:
                    raise ConnectionBroken("was told that it is complete")

    def _take(self, data: dict[str, Any]) -> None:
        self.received.take(data, time.time())
        if self.received.live and self._lost is not None:
            self.outages.append(time.monotonic() - self._lost)
            self._lost = None

    async def _leave(self, connection: Connection) -> None:
        """In one of the ways in which clients go."""
        if self._chance.random() < 0.3:
            # What comes now waits in the server, or in the kernel.
            await asyncio.sleep(self._chance.uniform(0, 3))
            await self._listen(connection, 1)
        if self._chance.random() < 0.5:
            connection.cut()


class Audience(threading.Thread):
    """The subscribers, in a thread with a loop of its own. `urls` are the servers that they may go to."""

    def __init__(self, requests: Sequence[SubscriptionRequest], urls: Sequence[str], stay: float) -> None:
        super().__init__(daemon=True)
        self.urls = urls
        self.watchers = [
            Watcher(request, seed, lambda: self.urls, stay) for seed, request in enumerate(requests)
        ]
        self.failure: BaseException | None = None
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            try:
                runner.run(self._run())
            except BaseException as error:
                self.failure = error

    async def _run(self) -> None:
        await asyncio.gather(*(watcher.run() for watcher in self.watchers))

    @property
    def live(self) -> bool:
        """Whether every subscriber is caught up."""
        assert self.failure is None, repr(self.failure)
        return all(watcher.received.live for watcher in self.watchers)

    def settle(self) -> None:
        """From now on nobody leaves by itself: cut everybody off a last time, each of whom resumes."""
        self._call(self._cut)

    def end(self) -> None:
        """Send everybody home."""
        for watcher in self.watchers:
            watcher.over = True
        if self.is_alive():
            self._call(self._cut)
            self.join()

    def _cut(self) -> None:
        for watcher in self.watchers:
            watcher.stay = inf
            watcher.received.live = False
            watcher.cut()

    def _call(self, what: Callable[[], None]) -> None:
        """Do it in the loop's thread; returns when it is done."""
        done = threading.Event()

        def call() -> None:
            what()
            done.set()

        self._loop.call_soon_threadsafe(call)
        done.wait()
