"""A process's share of the work of durable consumers: the partitions whose leases it holds."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from uuid import uuid4

from domain.kernel.errors import Unavailable
from eventstore.driver import Database
from subscriptions.backoff import Backoff
from subscriptions.consuming.checkpoints import Checkpoints
from subscriptions.consuming.consumer import Consumer, Handler
from subscriptions.consuming.generations import Generations
from subscriptions.consuming.leases import Leases
from subscriptions.consuming.standing import Generation, PartitionStanding, Standing
from subscriptions.feed import Feed
from subscriptions.wakeups import Wakeups

logger = logging.getLogger(__name__)

TOPIC = "consumers"
"""Announced under this topic, with any number: generations or free leases that are worth a look."""

LEASE_TIME = 10.0
"""Seconds within which the work of a process that died is taken over, unless the settings say otherwise."""

TERM = 0.9
"""What part of the lease time a lease lasts after its last write; the rest is for who takes over."""

SLACK = 0.01
"""Seconds after the end of a lease at which it is looked at again."""

Key = tuple[str, int, int]


class Group:
    """Runs each of `consumers`, a handler's maker by its name, in every partition that it can take.

    `tick`, in seconds, is how late it notices at most that a generation began or is over, or that a lease
    became free, where no message says so. `partitions` is how many a generation gets that it begins.
    """

    def __init__(
        self,
        consumers: Mapping[str, Callable[[], Handler]],
        database: Database,
        feed: Feed,
        checkpoints: Checkpoints,
        wakeups: Wakeups,
        *,
        tick: float,
        lease_time: float = LEASE_TIME,
        partitions: int = 1,
    ) -> None:
        self._consumers = consumers
        self._feed = feed
        self._checkpoints = checkpoints
        self._generations = Generations(database)
        self._leases = Leases(database, _own_name(), TERM * lease_time)
        self._wakeups = wakeups
        self._listener = wakeups.listen(TOPIC)
        self._pause = min(tick, lease_time / 3)
        self._partitions = partitions
        self._running: dict[Key, Consumer] = {}
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to take partitions, and to work on them, in the background."""
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """Finish the batches in hand, and let others have the partitions."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await asyncio.gather(*(consumer.stop() for consumer in self._running.values()))
        try:
            await self._leases.release([consumer.lease for consumer in self._running.values()])
        except Unavailable as error:
            logger.warning("leases are left to run out: %s", error)
        self._wakeups.announce(TOPIC, 1)

    async def _run(self) -> None:
        backoff = Backoff(cap=self._pause)
        while True:
            pause = self._pause
            try:
                pause = await self._look()
                backoff.reset()
            except Unavailable as error:
                if not backoff.failures:
                    logger.warning("leases are neither taken nor extended for now: %s", error)
                pause = backoff.pause()
            except Exception:
                pause = backoff.pause()
                logger.exception("leases are neither taken nor extended for now")
            await self._listener.wait(pause, beyond=0)

    async def _look(self) -> float:
        """Leave what is over, extend what is held, take what is free; the seconds until the next look."""
        self._running = {key: one for key, one in self._running.items() if not one.ended}
        standings = await self._checkpoints.standings(self._consumers)
        for name, standing in standings.items():
            if standing.active is None:
                standings[name] = await self._generations.open(name, self._partitions)
        await self._keep(standings)
        pause = self._pause
        for name, generation, partition in _partitions(standings.values()):
            key = (name, generation.number, partition.partition.number)
            if key in self._running:
                continue
            if partition.owner is None:
                await self._take(key, partition)
            else:
                pause = min(pause, partition.left + SLACK)
        return pause

    async def _keep(self, standings: Mapping[str, Standing]) -> None:
        """Extend the leases that no checkpoint has extended lately, and leave those that are lost."""
        held = {
            (name, generation.number, partition.partition.number): partition.epoch
            for name, generation, partition in _partitions(standings.values())
        }
        due = time.monotonic() - self._leases.term / 3
        for key, consumer in self._running.items():
            lost = held.get(key) != consumer.lease.epoch
            if not lost and consumer.extended <= due:
                consumer.extended = time.monotonic()
                lost = not await self._leases.renew(consumer.lease)
            if lost:
                consumer.leave()

    async def _take(self, key: Key, partition: PartitionStanding) -> None:
        name, generation, _ = key
        taken = await self._leases.take(name, generation, partition)
        if taken is not None:
            lease, position = taken
            handler = self._consumers[name]()
            self._running[key] = Consumer(
                lease, position, self._feed, self._checkpoints, handler, self._wakeups.announce
            )


def _partitions(standings: Iterable[Standing]) -> Iterator[tuple[str, Generation, PartitionStanding]]:
    for standing in standings:
        for generation in standing.generations.values():
            for partition in generation.partitions:
                yield standing.consumer, generation, partition


def _own_name() -> str:
    """A name that tells people where the process is, and that no other has."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
