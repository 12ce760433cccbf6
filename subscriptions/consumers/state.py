"""How a durable consumer stands: its generations, and how far each is. One document holds it.

    {_id: "view.tasks", revision, last: 4, active: 3, retired: [codes],
     generations: {"3": {state, code, output, begun_at, notes, switched, approved, proven,
                         partitions: {"0": {position, events, epoch, owner, code, until, at}, …}},
                   "4": {…}}}

A *generation* is one start from zero, numbered from 1; `last` is the highest number that was given out, and
none is given twice. The `active` one counts, the others are built or stopped. `code` names the code that a
generation is to be made by, and its holder's; `retired` are the codes of generations that are not read any
more, or are gone. A *partition* is a share of a generation's work by key; its lease is held by `owner` until
the server's clock says `until`, and `epoch` grows with each new holder. `revision` grows with each change of
what generations there are, and guards the next one; checkpoints and leases leave it alone. What is read of
one document is consistent, and what is changed in it is one guarded update.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple
from zlib import crc32

from eventstore.mongo.driver import Document
from subscriptions.consumers.failures import FailureHistory

CONSUMERS = "consumers"
"""The collection's name."""

PROJECTION = {"revision": 1, "last": 1, "active": 1, "generations": 1, "retired": 1, "now": "$$NOW"}
"""The projection that `ConsumerState.of` needs: with the server's clock at the time of the reading."""


class Partition(NamedTuple):
    """The share `number`, from 0, `of` so many that a generation's work is divided into."""

    number: int = 0
    of: int = 1

    def has(self, key: str) -> bool:
        """Whether what belongs to `key` is this partition's work: the same in every process and version."""
        return self.of == 1 or crc32(key.encode()) % self.of == self.number


WHOLE = Partition()
"""All of it, where a generation is not divided."""


class GenerationState(StrEnum):
    """What becomes of a generation: the active one is read, and it and those being built are worked on."""

    ACTIVE = "ACTIVE"
    BUILDING = "BUILDING"
    HELD = "HELD"
    """It is built and goes on, and waits until it is approved before it takes the active one's place."""
    CANCELLED = "CANCELLED"
    """It was stopped while it was built, and can be resumed."""
    KEPT = "KEPT"
    """It was the active one before, and has stopped where it was."""

    @property
    def running(self) -> bool:
        """Whether its partitions are worked on."""
        return self in (GenerationState.ACTIVE, *CANDIDATE_STATES)


CANDIDATE_STATES = (GenerationState.BUILDING, GenerationState.HELD)
"""What is to take the place of the active one; of one consumer there is one at most."""


@dataclass(frozen=True, slots=True)
class PartitionState:
    """How far a partition is, and who holds its lease for how many more seconds; None where it is free.

    `events` are all those up to its position, whether they are its work or another's. `owner_code` is the
    code that its holder works with; None also where it is held only so that nobody works on it. `failing` is
    what its holder has failed at since it last came further.
    """

    partition: Partition
    position: int
    events: int
    epoch: int
    owner: str | None
    owner_code: str | None
    left: float
    failing: FailureHistory | None = None


@dataclass(frozen=True, slots=True)
class Generation:
    """One start from zero. `code` is what it is to be made by; `notes` what its leader has noted of it.
    `output` describes what it makes, in the words of the code that began it; None where it gave none.

    `switched` is how far all was when it took the place of another one, 0 where it did not. It is `approved`
    to do so whatever speaks against it, and `proven` once another one has taken its place.
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
        """The position up to which all is done: the least of its partitions'."""
        return min(partition.position for partition in self.partitions)

    @property
    def events(self) -> int:
        """How many events there are up to its position."""
        return min(partition.events for partition in self.partitions)

    @property
    def failing(self) -> FailureHistory | None:
        """What one of its partitions fails at: that which has failed for the longest time."""
        found = [partition.failing for partition in self.partitions if partition.failing is not None]
        return min(found, key=lambda one: one.first.at, default=None)

    @property
    def furthest(self) -> int:
        """The highest position that any of its partitions has had."""
        return max(partition.position for partition in self.partitions)


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """A consumer as it was at one moment."""

    consumer: str
    revision: int
    last: int
    active: int | None
    generations: Mapping[int, Generation]
    retired: Sequence[str] = ()

    @classmethod
    def of(cls, consumer: str, stored: Document | None) -> ConsumerState:
        """What the document says, read with the projection `PROJECTION`; None: the consumer never began."""
        if stored is None:
            return cls(consumer, 0, 0, None, {})
        found = stored.get("generations", {}).items()
        generations = {int(number): _generation(int(number), one, stored["now"]) for number, one in found}
        begun = (stored["revision"], stored["last"], stored.get("active"))
        return cls(consumer, *begun, generations, stored.get("retired", ()))

    def is_known(self, code: str) -> bool:
        """Whether generations of this code are there, or were read before."""
        return code in self.retired or any(one.code == code for one in self.generations.values())

    def of_state(self, state: GenerationState) -> Generation | None:
        """The latest generation of this state."""
        found = [one for one in self.generations.values() if one.state is state]
        return max(found, key=lambda one: one.number, default=None)

    @property
    def candidate(self) -> Generation | None:
        """The generation that is to take the active one's place."""
        return next((one for one in self.generations.values() if one.state in CANDIDATE_STATES), None)

    @property
    def position(self) -> int:
        """The position up to which the active generation has done all; 0 where there is none."""
        return 0 if self.active is None else self.generations[self.active].position

    @property
    def furthest(self) -> int:
        """The highest position that any partition of any generation has had."""
        return max((generation.furthest for generation in self.generations.values()), default=0)


def partition_path(generation: int, partition: int) -> str:
    """Where a partition is in the document."""
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
    left = (until - now).total_seconds() if until is not None else 0.0
    owner = stored.get("owner") if left > 0 else None
    code = stored.get("code") if owner is not None else None
    position, events, epoch = stored["position"], stored.get("events", 0), stored["epoch"]
    failing = FailureHistory.of(stored["failing"]) if "failing" in stored else None
    return PartitionState(partition, position, events, epoch, owner, code, max(0.0, left), failing)
