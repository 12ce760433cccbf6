"""Which partition a process should take next, so that all who work on them have about as many. Pure.

Each process decides for itself on the leases as it sees them: it takes what is free, and from whoever holds
the most, where that is at least two more than its own. Nobody need know who else is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from subscriptions.consumers.state import ConsumerState, Generation, GenerationState, PartitionState

Key = tuple[str, int, int]
"""A partition: the consumer, the generation's number, and its own number in it."""


class Assignment(NamedTuple):
    """A partition that is to be worked on by somebody."""

    consumer: str
    generation: Generation
    partition: PartitionState

    @property
    def key(self) -> Key:
        return self.consumer, self.generation.number, self.partition.partition.number


def assignments(states: Iterable[ConsumerState], builds: int | None = None) -> Iterator[Assignment]:
    """All partitions of the generations that are active, held or being built.

    Of the last `builds` at a time, None for all: first those that somebody works on, then those that were
    begun first; the others wait.
    """
    running = [
        (state.consumer, generation)
        for state in states
        for generation in state.generations.values()
        if generation.state.running
    ]
    built = [one for one in running if one[1].state is GenerationState.BUILDING]
    waiting = sorted(built, key=_turn)[builds:] if builds is not None else []
    for consumer, generation in running:
        if (consumer, generation) not in waiting:
            for partition in generation.partitions:
                yield Assignment(consumer, generation, partition)


def _turn(built: tuple[str, Generation]) -> tuple[bool, datetime, str]:
    consumer, generation = built
    free = all(partition.owner is None for partition in generation.partitions)
    return free, generation.begun_at, consumer


def next_assignment(all: Sequence[Assignment], owner: str, codes: Mapping[str, str]) -> Assignment | None:
    """What `owner` should take next, which works on each consumer with the code of `codes`; None for nothing.

    A generation that is built is worked on by its own code alone. So is the active one as long as somebody
    does who has that code; else by any, so that it goes on.
    """
    allowed = [assignment for assignment in all if _may_take(assignment, all, codes[assignment.consumer])]
    for assignment in allowed:
        if assignment.partition.owner is None:
            return assignment
    worked = [assignment for assignment in all if assignment.partition.owner_code is not None]
    taken = [
        assignment for assignment in allowed if assignment in worked and assignment.partition.owner != owner
    ]
    for assignment in taken:
        code = assignment.generation.code
        if assignment.partition.owner_code != code == codes[assignment.consumer]:
            return assignment
    loads = Counter(assignment.partition.owner for assignment in worked)
    # The first partition last: another leader would begin anew.
    most = max(
        taken, key=lambda assignment: (loads[assignment.partition.owner], assignment.key[2]), default=None
    )
    if most is None or loads[most.partition.owner] < loads[owner] + 2:
        return None
    return most


def _may_take(assignment: Assignment, all: Sequence[Assignment], code: str) -> bool:
    """Whether one who has this code may work on it."""
    generation = assignment.generation
    if generation.code == code:
        return True
    if generation.state is not GenerationState.ACTIVE:
        return False
    return not any(
        other.consumer == assignment.consumer
        and other.generation is generation
        and other.partition.owner_code == generation.code
        for other in all
    )
