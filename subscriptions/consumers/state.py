"""The state of a durable consumer: its generations, and how far each of them is. One document contains it.

    {_id: "view.tasks", revision, last: 4, active: 3, retired: [codes],
     generations: {"3": {state, code, output, begun_at, notes, switched, approved, proven,
                         partitions: {"0": {position, events, epoch, owner, code, until, at,
                                           successor}, …}},
                   "4": {…}}}

A *generation* is one start from zero. They are numbered from 1; `last` is the highest number that was used,
and none is used twice. The `active` one is read; the others are being built, or stopped. `code` of a
generation names the code that is to make it, `code` of a partition the code of its worker; `retired` are the
codes of generations that are not read any more, or are gone.

A *partition* is a share of a generation's work by key. Its lease belongs to `owner` until the server's clock
reads `until`, and `epoch` grows with each new owner. `successor` is the process that has asked the owner for
it. `revision` grows with each change of the generations and guards the next one; checkpoints and leases leave
it alone. One read of the document is consistent, and each change is one guarded update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from math import inf
from typing import Any, NamedTuple
from zlib import crc32

from eventstore.mongo.driver import Document
from subscriptions.consumers.blocking_calls import BlockingCall
from subscriptions.consumers.failures import FailureHistory

CONSUMERS = "consumers"
"""The name of the collection."""

RESERVED_FOR = 5.0
"""Seconds for which a partition that its owner has left is kept for the process that asked for it."""

PartitionKey = tuple[str, int, int]
"""The consumer, the number of the generation, and the number of the partition."""

PROJECTION = {"revision": 1, "last": 1, "active": 1, "generations": 1, "retired": 1, "now": "$$NOW"}
"""What `ConsumerState.from_document` needs to be read, with the server's clock at that time."""


class Partition(NamedTuple):
    """The share `number`, from 0, of the `of` equal shares of a generation's work."""

    number: int = 0
    of: int = 1

    def contains(self, key: str) -> bool:
        """Return whether `key` belongs to this partition: the same in every process and version."""
        return self.of == 1 or crc32(key.encode()) % self.of == self.number


WHOLE = Partition()
"""The only partition of a generation that is not divided."""


class GenerationState(StrEnum):
    """The state of a generation.

    ACTIVE: it is read. BUILDING: workers build it. HELD: it is built, and waits for an approval. CANCELLED:
    its build was stopped, and can be resumed. KEPT: it was read before the active one.
    """

    ACTIVE = "ACTIVE"
    BUILDING = "BUILDING"
    HELD = "HELD"
    """It is built and goes on, but is approved by a person before it becomes the active one."""
    CANCELLED = "CANCELLED"
    """It was stopped while it was being built, and can be resumed."""
    KEPT = "KEPT"
    """It was the active one before, and has stopped."""

    @property
    def running(self) -> bool:
        """Whether workers work on it."""
        return self is GenerationState.ACTIVE or self in CANDIDATE_STATES


CANDIDATE_STATES = (GenerationState.BUILDING, GenerationState.HELD)
"""The states of a candidate: the generation that is to become the active one. A consumer has at most one."""


@dataclass(frozen=True, slots=True)
class PartitionState:
    """The position of a partition, and its lease: it belongs to `owner`, None if it is free.

    `left` are the seconds until the lease ends. `events` counts all events up to the position, whichever
    partition they belong to. `owner_code` is the code that the owner works with; None also if the partition
    was taken over only to stand still. `successor` has asked the owner for the partition, and for a moment
    after the owner has left no other process takes it. `failing` are the owner's failures since it last came
    further; `blocked` is the call that keeps the owner's process from going on.
    """

    partition: Partition
    position: int
    events: int
    epoch: int
    owner: str | None
    owner_code: str | None
    left: float
    failing: FailureHistory | None = None
    blocked: BlockingCall | None = None
    successor: str | None = None

    @property
    def next_owner(self) -> str | None:
        """The successor, or the owner if no process has asked for the partition."""
        return self.successor or self.owner


@dataclass(frozen=True, slots=True)
class Generation:
    """One start from zero, by the code `code`.

    `notes` are kept by its leader. `output` describes what it makes, in the terms of the code that began it;
    None if that gave no description. `switched` is the position at which it became the active one, 0 if it
    did not replace another one. `approved`: it may do so in spite of objections. `proven`: it was active,
    until another one replaced it.
    """

    number: int
    state: GenerationState
    code: str
    begun_at: datetime
    partitions: tuple[PartitionState, ...]
    notes: Mapping[str, Any]
    switched: int = 0
    approved: bool = False
    proven: bool = False
    output: Mapping[str, str] | None = None

    @property
    def position(self) -> int:
        """The position up to which all of its partitions are done."""
        return min(partition.position for partition in self.partitions)

    @property
    def events(self) -> int:
        """The number of events up to its position."""
        return min(partition.events for partition in self.partitions)

    @property
    def failing(self) -> FailureHistory | None:
        """The failures of the partition that has failed for the longest time; None if none fails."""
        failing = [partition.failing for partition in self.partitions if partition.failing is not None]
        return min(failing, key=lambda history: history.first.at, default=None)

    @property
    def blocked(self) -> BlockingCall | None:
        """The call that has blocked the worker of one of its partitions for the longest time."""
        calls = [partition.blocked for partition in self.partitions if partition.blocked is not None]
        return max(calls, key=lambda call: call.seconds, default=None)

    @property
    def furthest(self) -> int:
        """The highest position of any of its partitions."""
        return max(partition.position for partition in self.partitions)


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """The state of a consumer at one moment."""

    consumer: str
    revision: int
    last: int
    active: int | None
    generations: Mapping[int, Generation]
    retired: Sequence[str] = ()

    @classmethod
    def from_document(cls, consumer: str, stored: Document | None) -> ConsumerState:
        """Read a document that was found with `PROJECTION`; None if the consumer has never run."""
        if stored is None:
            return cls(consumer, 0, 0, None, {})
        generations = {
            int(number): _generation(int(number), generation, stored["now"])
            for number, generation in stored.get("generations", {}).items()
        }
        return cls(
            consumer,
            stored["revision"],
            stored["last"],
            stored.get("active"),
            generations,
            stored.get("retired", ()),
        )

    def is_known(self, code: str) -> bool:
        """Return whether there is or was a generation of this code."""
        return code in self.retired or any(
            generation.code == code for generation in self.generations.values()
        )

    def of_state(self, state: GenerationState) -> Generation | None:
        """Return the latest generation of this state."""
        matching = [generation for generation in self.generations.values() if generation.state is state]
        return max(matching, key=lambda generation: generation.number, default=None)

    @property
    def candidate(self) -> Generation | None:
        """The generation that is to become the active one."""
        candidates = (
            generation for generation in self.generations.values() if generation.state in CANDIDATE_STATES
        )
        return next(candidates, None)

    @property
    def position(self) -> int:
        """The position up to which the active generation is done; 0 if there is none."""
        return 0 if self.active is None else self.generations[self.active].position

    @property
    def furthest(self) -> int:
        """The highest position of any partition of any generation."""
        return max((generation.furthest for generation in self.generations.values()), default=0)


def partition_path(generation: int, partition: int) -> str:
    """Return the path of a partition in the document."""
    return f"generations.{generation}.partitions.{partition}"


def _generation(number: int, stored: Mapping[str, Any], now: datetime) -> Generation:
    shares = stored["partitions"]
    partitions = tuple(_partition(Partition(i, len(shares)), shares[str(i)], now) for i in range(len(shares)))
    return Generation(
        number,
        GenerationState(stored["state"]),
        stored["code"],
        stored["begun_at"],
        partitions,
        stored.get("notes", {}),
        stored.get("switched", 0),
        stored.get("approved", False),
        stored.get("proven", False),
        stored.get("output"),
    )


def _partition(partition: Partition, stored: Mapping[str, Any], now: datetime) -> PartitionState:
    until = stored.get("until")
    left = (until - now).total_seconds() if until is not None else -inf
    owner = stored.get("owner") if left > 0 else None
    return PartitionState(
        partition,
        stored["position"],
        stored.get("events", 0),
        stored["epoch"],
        owner,
        stored.get("code") if owner is not None else None,
        max(0.0, left),
        FailureHistory.from_document(stored["failing"]) if "failing" in stored else None,
        BlockingCall.from_document(stored["blocked"], now) if "blocked" in stored else None,
        stored.get("successor") if left > -RESERVED_FOR else None,
    )
