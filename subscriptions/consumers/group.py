"""A process's share of the work of durable consumers: the partitions whose leases it has taken."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, NamedTuple

from domain.kernel import Commit
from domain.kernel.errors import Unavailable
from eventstore.mongo.driver import Database
from eventstore.server_names import unique_server_name
from subscriptions.consumers.assignment import Assignment, assignments, next_assignment
from subscriptions.consumers.checkpoints import Checkpoints
from subscriptions.consumers.consumer import HAND_OVER_TIMEOUT, CommitHandler, Consumer
from subscriptions.consumers.consumer_update import GenerationOutput
from subscriptions.consumers.generations import Generations
from subscriptions.consumers.partition_leases import PartitionLease, PartitionLeases
from subscriptions.consumers.state import ConsumerState, PartitionKey
from subscriptions.feed.background import BackgroundLoop, Backoff
from subscriptions.feed.feed import Feed
from subscriptions.feed.wakeups import BEAT_EVERY, Wakeups

logger = logging.getLogger(__name__)

CONSUMERS_TOPIC = "consumers"
"""The wake-up topic of new generations and free leases; the number has no meaning."""

LEASE_TIME = 10.0
"""Seconds in which another process takes over the work of a dead one, unless the settings say otherwise."""

TERM_SHARE = 0.9
"""The part of the lease time that a lease lasts after its last write; the rest is for the take-over."""

EXPIRY_SLACK = 0.01
"""Seconds after the end of another process's lease at which this process looks again."""


LAST_LOOK = 1.0
"""Seconds that a process which stops waits for the look under way; MongoDB may well be down."""


class ConsumerDefinition(NamedTuple):
    """How this process works on a consumer: with which `code`, and with a new handler for each partition.

    `output` describes what the handler makes: see `Generation.output`. `can_continue` returns whether the
    handler can go on with a generation of some code; otherwise its partitions are leased and stand still.
    `observe` is called with the consumer's state each time it is read. With `starts_at_head` the consumer's
    first generation begins after what is in the log then, with `find_start` after the position it returns.
    If it returns None, it is called again at the next look. Commits of other `categories` may reach
    the handler a moment later, see `Consumer`; with None all reach it at once.

    `lead`, if given, runs at the same time as the handler of a generation's first partition, as long as that
    is leased: so one process does what must be done once for a generation. It is cancelled when the loss of
    the lease is noticed, so for a moment two processes may run it: its writes must be guarded by its lease.
    After an exception it is called again with a growing pause; when it returns, it is done.
    """

    code: str
    make_handler: Callable[[], CommitHandler]
    lead: Callable[[PartitionLease], Coroutine[Any, Any, None]] | None = None
    output: GenerationOutput | None = None
    can_continue: Callable[[str], bool] = lambda code: True
    observe: Callable[[ConsumerState], Coroutine[Any, Any, None]] | None = None
    starts_at_head: bool = False
    find_start: Callable[[], Awaitable[int | None]] | None = None
    categories: frozenset[str] | None = None


class ConsumerGroup:
    """Works on this process's share of the partitions of all `consumers`, given by their names.

    `tick`, in seconds, is the longest time until it notices, without a message, that a generation began or
    ended, or that a lease became free. `partitions` is the number of partitions of a generation that it
    begins; `builds` the number of generations that are built at a time, None for no limit.

    A process that has too few partitions asks others for theirs. Those finish what is under way and save it
    before they release the lease, so nothing is done twice because a process has joined.

    It looks twice in a tick and beats: it announces the position of each consumer to all processes, so none
    of them needs to look for that, nor for new commits in the log.
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
        self._definitions = self._next_definitions = consumers
        self._codes: Mapping[str, str] = {}
        self._feed = feed
        self._checkpoints = checkpoints
        self._generations = Generations(database)
        self._leases = PartitionLeases(database, unique_server_name(), TERM_SHARE * lease_time)
        self._wakeups = wakeups
        self._pause = min(BEAT_EVERY * tick, lease_time / 3)
        self._partitions = partitions
        self._builds = builds
        self._is_stopping = False
        self._running: dict[PartitionKey, Consumer] = {}
        self._requests: set[PartitionKey] = set()
        self._handovers: dict[Consumer, asyncio.Task[None]] = {}
        self._listener = wakeups.listen(CONSUMERS_TOPIC)
        self._loop = BackgroundLoop(
            self._look,
            "leases are neither taken nor extended",
            logger,
            backoff=Backoff(cap=self._pause),
            sleep=lambda pause: self._listener.wait(pause, beyond=0),
        )

    @property
    def partition_count(self) -> int:
        """The number of partitions that this process works on."""
        return sum(not consumer.has_ended for consumer in self._running.values())

    @property
    def leases(self) -> Sequence[PartitionLease]:
        """The leases of these partitions; may be read in another thread while the event loop is blocked."""
        return [consumer.lease for consumer in list(self._running.values())]

    def replace_consumers(self, consumers: Mapping[str, ConsumerDefinition]) -> None:
        """Work on these consumers from the next look on, which begins at once, and leave all others."""
        self._next_definitions = consumers
        self._listener.notify(1)

    async def start(self) -> None:
        """Begin to take partitions, and to work on them, in the background."""
        self._feed.beat()
        self._loop.start()

    async def stop(self) -> None:
        """Finish the batches in hand, and release the partitions."""
        self._is_stopping = True
        self._listener.notify(1)
        # A look that is cancelled would keep the lease that it was about to take.
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_LOOK):
                await self._loop.join()
        await self._loop.stop()
        await asyncio.gather(
            self._withdraw_requests(), *(consumer.stop() for consumer in self._running.values())
        )
        await asyncio.gather(*self._handovers.values())
        await self._release(self._running.values())

    async def _withdraw_requests(self) -> None:
        """Let other processes take the partitions that are kept for this one."""
        try:
            await self._leases.withdraw(self._requests)
        except Unavailable as error:
            logger.warning("requests for partitions are not withdrawn, and end by themselves: %s", error)

    async def _release(self, consumers: Collection[Consumer]) -> None:
        """Let other processes take the partitions of consumers that have ended."""
        try:
            await self._leases.release([consumer.lease for consumer in consumers])
        except Unavailable as error:
            logger.warning("leases are not released, and expire by themselves: %s", error)
        self._wakeups.announce(CONSUMERS_TOPIC, 1)

    async def _look(self) -> float | None:
        """Drop, extend, leave and take leases. Return the seconds until the next look, None for none."""
        if self._is_stopping:
            return None
        self._definitions = self._next_definitions
        self._codes = {name: definition.code for name, definition in self._definitions.items()}
        self._running = {key: consumer for key, consumer in self._running.items() if not consumer.has_ended}
        self._handovers = {consumer: task for consumer, task in self._handovers.items() if not task.done()}
        states = await self._checkpoints.states(self._definitions)
        for name, state in states.items():
            definition = self._definitions[name]
            if state.active is None:
                states[name] = await self._open(name, definition) or state
            elif definition.observe is not None:
                await definition.observe(state)
            self._wakeups.beat(name, states[name].position, states[name].revision)
        seen = list(assignments(states.values(), self._builds))
        self._requests = {
            assignment.key for assignment in seen if assignment.partition.successor == self._leases.owner
        }
        await self._extend(seen)
        return await self._take_share(seen)

    async def _open(self, name: str, definition: ConsumerDefinition) -> ConsumerState | None:
        """Begin the first generation of a consumer. Return None if its start is not known yet."""
        position: int | None = await self._feed.head() if definition.starts_at_head else 0
        if definition.find_start is not None:
            position = await definition.find_start()
        if position is None:
            return None
        return await self._generations.open(
            name, definition.code, self._partitions, definition.output, position
        )

    async def _extend(self, seen: list[Assignment]) -> None:
        """Extend the leases that no checkpoint has extended lately, and leave what is lost or asked for."""
        partitions = {assignment.key: assignment.partition for assignment in seen}
        for key, consumer in self._running.items():
            partition = partitions.get(key)
            is_lost = partition is None or partition.epoch != consumer.lease.epoch
            if is_lost or not await self._keep(consumer):
                consumer.lose()
            elif partition and partition.successor and consumer not in self._handovers:
                self._handovers[consumer] = asyncio.create_task(self._hand_over(consumer))

    async def _keep(self, consumer: Consumer) -> bool:
        """Extend the lease of a consumer, unless it was extended lately. Return False if it is lost."""
        now = time.monotonic()
        if consumer.extended > now - self._leases.term / 3:
            return True
        consumer.extended = now
        return await self._leases.renew(consumer.lease)

    async def _hand_over(self, consumer: Consumer) -> None:
        """Release a partition that another process has asked for, once all that was done is saved."""
        await consumer.drain()
        await consumer.stop(HAND_OVER_TIMEOUT)
        await self._release([consumer])

    async def _take_share(self, seen: list[Assignment]) -> float:
        """Take free partitions, or ask a process with too many. Return the seconds until the next look."""
        own = self._leases.owner
        # A partition that this process is about to leave cannot be taken again before its consumer has ended.
        seen = [
            _owned(assignment, own) if assignment.key in self._running else assignment for assignment in seen
        ]
        while (chosen := next_assignment(seen, own, self._codes)) is not None:
            if chosen.partition.owner is not None:
                await self._request(chosen)
                # One at a time: other processes ask the same one.
                return 0.0
            await self._take(chosen)
            seen = [_owned(assignment, own) if assignment is chosen else assignment for assignment in seen]
        foreign = [
            assignment.partition.left for assignment in seen if assignment.partition.owner not in (None, own)
        ]
        return min([self._pause, *(left + EXPIRY_SLACK for left in foreign)])

    async def _request(self, assignment: Assignment) -> None:
        """Ask the owner of the partition for it."""
        name, generation, _ = assignment.key
        self._requests.add(assignment.key)
        await self._leases.request(name, generation, assignment.partition)
        self._wakeups.announce(CONSUMERS_TOPIC, 1)

    async def _take(self, assignment: Assignment) -> None:
        """Take the partition, unless another process was faster, and begin to work on it."""
        name, generation, number = assignment.key
        definition = self._definitions[name]
        taken = await self._leases.take(name, generation, assignment.partition, code=definition.code)
        if taken is not None:
            lease, position = taken
            can_continue = definition.can_continue(assignment.generation.code)
            self._running[assignment.key] = Consumer(
                lease,
                position,
                self._feed,
                self._checkpoints,
                definition.make_handler() if can_continue else None,
                self._wakeups.announce,
                definition.lead if number == 0 else None,
                None if definition.categories is None else _commits_in(definition.categories),
            )


def _commits_in(categories: frozenset[str]) -> Callable[[Commit], bool]:
    """Return a function that returns whether a commit belongs to one of the categories."""

    def is_one(commit: Commit) -> bool:
        return commit.info is not None and commit.info.category in categories

    return is_one


def _owned(assignment: Assignment, owner: str) -> Assignment:
    """The assignment as it is once `owner` works on it with the generation's code."""
    code = assignment.generation.code
    return assignment._replace(partition=replace(assignment.partition, owner=owner, owner_code=code))
