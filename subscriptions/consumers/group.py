"""A process's share of the work of durable consumers: the partitions whose leases it holds."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any, NamedTuple
from uuid import uuid4

from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import Database
from subscriptions.consumers.assignment import Assignment, Key, assignments, next_assignment
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.consumer import CommitHandler, Consumer
from subscriptions.consumers.generations import GenerationOutput, Generations
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import ConsumerState
from subscriptions.feed.backoff import Backoff
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import BEAT_EVERY, Wakeups

logger = logging.getLogger(__name__)

TOPIC = "consumers"
"""Announced under this topic, with any number: generations or free leases that are worth a look."""

LEASE_TIME = 10.0
"""Seconds within which the work of a process that died is taken over, unless the settings say otherwise."""

TERM = 0.9
"""What part of the lease time a lease lasts after its last write; the rest is for who takes over."""

SLACK = 0.01
"""Seconds after the end of a lease at which it is looked at again."""


class ConsumerDefinition(NamedTuple):
    """How a process works on a consumer: with which code, by which handler, made anew for each partition.

    `output` describes what that makes: see `Generation.output`. `handles` says of the code of a generation
    whether this handler may go on with it; else its partitions are held, and stand still. `notice` is called
    with how the consumer stands whenever that is looked at.

    `lead`, where it is given, runs beside the handler of a generation's first partition, as long as that is
    held: so one process does whatever is to be done once for a generation. It is cancelled when it is noticed
    that the lease is lost, so for a moment there may be two: what it does is to be guarded by its lease. What
    it raises is logged, and it is called again after a growing pause; when it returns it is done.
    """

    code: str
    handler: Callable[[], CommitHandler]
    lead: Callable[[PartitionLease], Coroutine[Any, Any, None]] | None = None
    output: GenerationOutput | None = None
    handles: Callable[[str], bool] = lambda code: True
    notice: Callable[[ConsumerState], Coroutine[Any, Any, None]] | None = None


class ConsumerGroup:
    """Works on its share of the partitions of all `consumers`, by their names.

    `tick`, in seconds, is how late it notices at most that a generation began or is over, or that a lease
    became free, where no message says so. `partitions` is how many a generation gets that it begins, `builds`
    how many generations are built at a time, None for any number.

    It looks twice in a tick, and tells all processes how far each consumer is: so none of them needs to look
    for that, nor for what is new in the log.
    """

    def __init__(
        self,
        consumers: Mapping[str, ConsumerDefinition],
        database: Database,
        feed: Feed,
        checkpoints: Checkpoints,
        wakeups: Wakeups,
        *,
        tick: float,
        lease_time: float = LEASE_TIME,
        partitions: int = 1,
        builds: int | None = None,
    ) -> None:
        self._consumers = consumers
        self._codes = {name: work.code for name, work in consumers.items()}
        self._feed = feed
        self._checkpoints = checkpoints
        self._generations = Generations(database)
        self._leases = PartitionLeases(database, _own_name(), TERM * lease_time)
        self._wakeups = wakeups
        self._listener = wakeups.listen(TOPIC)
        self._pause = min(BEAT_EVERY * tick, lease_time / 3)
        self._partitions = partitions
        self._builds = builds
        self._running: dict[Key, Consumer] = {}
        self._task: asyncio.Task[None] | None = None

    @property
    def held(self) -> int:
        """How many partitions this process works on."""
        return sum(not consumer.ended for consumer in self._running.values())

    async def start(self) -> None:
        """Begin to take partitions, and to work on them, in the background."""
        self._feed.beat()
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
        """Leave what is over, extend what is held, take what is due; the seconds until the next look."""
        self._running = {key: one for key, one in self._running.items() if not one.ended}
        states = await self._checkpoints.states(self._consumers)
        for name, state in states.items():
            if state.active is None:
                work = self._consumers[name]
                begun = self._generations.open(name, work.code, self._partitions, work.output)
                states[name] = await begun
            elif (notice := self._consumers[name].notice) is not None:
                await notice(state)
            self._wakeups.beat(name, states[name].position, states[name].revision)
        seen = list(assignments(states.values(), self._builds))
        await self._keep(seen)
        return await self._take(seen)

    async def _keep(self, seen: list[Assignment]) -> None:
        """Extend the leases that no checkpoint has extended lately, and leave those that are lost."""
        epochs = {assignment.key: assignment.partition.epoch for assignment in seen}
        due = time.monotonic() - self._leases.term / 3
        for key, consumer in self._running.items():
            lost = epochs.get(key) != consumer.lease.epoch
            if not lost and consumer.extended <= due:
                consumer.extended = time.monotonic()
                lost = not await self._leases.renew(consumer.lease)
            if lost:
                consumer.leave()

    async def _take(self, seen: list[Assignment]) -> float:
        """Take what is free, or one that another has too many of; the seconds until there may be more."""
        # What it is about to leave cannot be taken again before it has ended.
        own = self._leases.owner
        seen = [
            _held(assignment, own) if assignment.key in self._running else assignment for assignment in seen
        ]
        while (assignment := next_assignment(seen, own, self._codes)) is not None:
            await self._work(assignment)
            if assignment.partition.owner is not None:
                # One at a time: others take from the same one.
                return 0.0
            seen = [_held(one, own) if one is assignment else one for one in seen]
        foreign = [
            assignment.partition.left for assignment in seen if assignment.partition.owner not in (None, own)
        ]
        return min([self._pause, *(left + SLACK for left in foreign)])

    async def _work(self, assignment: Assignment) -> None:
        """Take the partition, unless somebody else has, and begin to work on it."""
        name, generation, number = assignment.key
        work = self._consumers[name]
        taken = await self._leases.take(
            name,
            generation,
            assignment.partition,
            code=work.code,
            force=assignment.partition.owner is not None,
        )
        if taken is not None:
            lead = work.lead if number == 0 else None
            lease, position = taken
            handler = work.handler() if work.handles(assignment.generation.code) else None
            parts = (self._feed, self._checkpoints, handler, self._wakeups.announce)
            self._running[assignment.key] = Consumer(lease, position, *parts, lead)


def _held(assignment: Assignment, owner: str) -> Assignment:
    code = assignment.generation.code
    return assignment._replace(partition=replace(assignment.partition, owner=owner, owner_code=code))


def _own_name() -> str:
    """A name that tells people where the process is, and that no other has."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:8]}"
