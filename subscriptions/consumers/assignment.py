"""Which partition a process should take next, so that all who work on them have about as many. Pure.

Each process decides for itself on the leases as it sees them: it takes what is free, and from whoever holds
the most, where that is at least two more than its own. Nobody need know who else is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from subscriptions.consumers.state import Generation, PartitionStanding, Standing, State

Key = tuple[str, int, int]
"""A partition: the consumer, the generation's number, and its own number in it."""


class Seat(NamedTuple):
    """A partition that is to be worked on by somebody."""

    consumer: str
    generation: Generation
    partition: PartitionStanding

    @property
    def key(self) -> Key:
        return self.consumer, self.generation.number, self.partition.partition.number


def seats(standings: Iterable[Standing], builds: int | None = None) -> Iterator[Seat]:
    """All partitions of the generations that are active, held or being built.

    Of the last `builds` at a time, None for all: first those that somebody works on, then those that were
    begun first; the others wait.
    """
    running = [
        (standing.consumer, generation)
        for standing in standings
        for generation in standing.generations.values()
        if generation.state.running
    ]
    built = [one for one in running if one[1].state is State.BUILDING]
    waiting = sorted(built, key=_turn)[builds:] if builds is not None else []
    for consumer, generation in running:
        if (consumer, generation) not in waiting:
            for partition in generation.partitions:
                yield Seat(consumer, generation, partition)


def _turn(built: tuple[str, Generation]) -> tuple[bool, datetime, str]:
    consumer, generation = built
    free = all(partition.owner is None for partition in generation.partitions)
    return free, generation.begun_at, consumer


def next_seat(all: Sequence[Seat], owner: str, codes: Mapping[str, str]) -> Seat | None:
    """What `owner` should take next, which works on each consumer with the code of `codes`; None for nothing.

    A generation that is built is worked on by its own code alone. So is the active one as long as somebody
    does who has that code; else by any, so that it goes on.
    """
    allowed = [seat for seat in all if _may_take(seat, all, codes[seat.consumer])]
    for seat in allowed:
        if seat.partition.owner is None:
            return seat
    worked = [seat for seat in all if seat.partition.owner_code is not None]
    taken = [seat for seat in allowed if seat in worked and seat.partition.owner != owner]
    for seat in taken:
        code = seat.generation.code
        if seat.partition.owner_code != code == codes[seat.consumer]:
            return seat
    loads = Counter(seat.partition.owner for seat in worked)
    # The first partition last: another leader would begin anew.
    most = max(taken, key=lambda seat: (loads[seat.partition.owner], seat.key[2]), default=None)
    if most is None or loads[most.partition.owner] < loads[owner] + 2:
        return None
    return most


def _may_take(seat: Seat, all: Sequence[Seat], code: str) -> bool:
    """Whether one who has this code may work on it."""
    generation = seat.generation
    if generation.code == code:
        return True
    if generation.state is not State.ACTIVE:
        return False
    return not any(
        other.consumer == seat.consumer
        and other.generation is generation
        and other.partition.owner_code == generation.code
        for other in all
    )
