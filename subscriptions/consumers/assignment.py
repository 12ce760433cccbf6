"""Which partition a process should take next, so that all processes work on about as many. Pure.

Each process decides by itself, from the leases as it has read them. It takes a free partition, or asks the
process with the most for one, if that has at least two more. No process needs to know the others.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from subscriptions.consumers.state import (
    ConsumerState,
    Generation,
    GenerationState,
    PartitionKey,
    PartitionState,
)


class Assignment(NamedTuple):
    """A partition that some process should work on, and the process that does."""

    consumer: str
    generation: Generation
    partition: PartitionState

    @property
    def key(self) -> PartitionKey:
        """What identifies the partition."""
        return self.consumer, self.generation.number, self.partition.partition.number


def assignments(states: Iterable[ConsumerState], builds: int | None = None) -> Iterator[Assignment]:
    """Yield all partitions of the generations that are active, held or being built.

    Only `builds` generations are built at a time, all if it is None: first those that a process works on,
    then those that were begun first. The others wait.
    """
    running = [
        (state.consumer, generation)
        for state in states
        for generation in state.generations.values()
        if generation.state.running
    ]
    building = [pair for pair in running if pair[1].state is GenerationState.BUILDING]
    waiting = sorted(building, key=_build_order)[builds:] if builds is not None else []
    for consumer, generation in running:
        if (consumer, generation) not in waiting:
            for partition in generation.partitions:
                yield Assignment(consumer, generation, partition)


def _build_order(building: tuple[str, Generation]) -> tuple[bool, datetime, str]:
    consumer, generation = building
    is_free = all(partition.owner is None for partition in generation.partitions)
    return is_free, generation.begun_at, consumer


def next_assignment(
    all_assignments: Sequence[Assignment], owner: str, codes: Mapping[str, str]
) -> Assignment | None:
    """Return what `owner` should take next, or ask its owner for; None for nothing.

    `codes` are the codes that `owner` works with, by consumer. A generation that is being built is only
    worked on by its own code. So is the active one as long as a process with that code works on it; otherwise
    a process with any code may. A partition that its owner was asked for counts as one of the successor.
    """
    allowed = [
        assignment
        for assignment in all_assignments
        if _may_take(assignment, all_assignments, codes[assignment.consumer])
    ]
    for assignment in allowed:
        partition = assignment.partition
        if partition.owner is None and partition.successor in (None, owner):
            return assignment
    working = [assignment for assignment in all_assignments if assignment.partition.owner_code is not None]
    foreign = [
        assignment
        for assignment in allowed
        if assignment in working
        and assignment.partition.owner != owner
        and assignment.partition.successor is None
    ]
    for assignment in foreign:
        code = assignment.generation.code
        if assignment.partition.owner_code != code == codes[assignment.consumer]:
            return assignment
    loads = Counter(assignment.partition.next_owner for assignment in working)
    # The first partition is taken last: its new leader would begin again.
    candidate = max(
        foreign, key=lambda assignment: (loads[assignment.partition.owner], assignment.key[2]), default=None
    )
    if candidate is None or loads[candidate.partition.owner] < loads[owner] + 2:
        return None
    return candidate


def _may_take(assignment: Assignment, all_assignments: Sequence[Assignment], code: str) -> bool:
    """Whether a process with this code may work on the partition."""
    generation = assignment.generation
    if generation.code == code:
        return True
    if generation.state is not GenerationState.ACTIVE:
        return False
    return not any(
        other.consumer == assignment.consumer
        and other.generation is generation
        and other.partition.owner_code == generation.code
        for other in all_assignments
    )
