"""The generations of a consumer: which there are, and which one counts.

Each change but `switch`, `hold` and `note` is decided on what was read, and made by one update that holds
only while the document's `revision` is still the one that was read; else it is decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from pymongo.errors import DuplicateKeyError

from domain.kernel.errors import InvariantViolated, NotFound
from eventstore.mongo.driver import Database, unavailable_if_down
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import (
    CANDIDATE_STATES,
    CONSUMERS,
    PROJECTION,
    ConsumerState,
    Generation,
    GenerationState,
    partition_path,
)

SLOTS = 3
"""Generations that a consumer has at most: one that is kept, the active one, one that is built.

No two of them have the same remainder by it, so that what each makes has a place of its own.
"""


RETIRED = 50
"""Codes of former generations that are kept, the latest."""

GenerationOutput = Mapping[str, str]
"""What describes what a generation makes: see `Generation.output`."""


class ConsumerUpdate(NamedTuple):
    """What an update sets, and takes out."""

    set: Mapping[str, Any]
    unset: Sequence[str] = ()
    date: Sequence[str] = ()
    """Set to the server's time."""
    inc: Sequence[str] = ()
    retire: Sequence[str] = ()
    """Codes that are not new any more: see `ConsumerState.retired`."""


class Generations:
    """Generations of the consumers of one database. Every method raises Unavailable.

    What a generation that is removed has made is for others to clear away.
    """

    def __init__(self, database: Database) -> None:
        self._consumers = database[CONSUMERS]

    async def open(
        self, consumer: str, code: str = "", partitions: int = 1, output: GenerationOutput | None = None
    ) -> ConsumerState:
        """How the consumer stands; with a first active generation at position 0 where it has none."""

        def decide(seen: ConsumerState) -> ConsumerUpdate | None:
            number = seen.last + 1
            if seen.active:
                return None
            return _begun(number, GenerationState.ACTIVE, code, partitions, output, active=number)

        return await self._change(consumer, decide)

    async def begin(
        self, consumer: str, code: str, partitions: int = 1, output: GenerationOutput | None = None
    ) -> int:
        """Begin to build another generation beside the active one; its number.

        A cancelled one is removed, and a kept one whose place is needed. Raises InvariantViolated where one
        is being built already, NotFound where there is no active one.
        """

        def decide(seen: ConsumerState) -> ConsumerUpdate:
            if seen.active is None:
                raise NotFound(f"{consumer} has no active generation")
            if candidate := seen.candidate:
                raise InvariantViolated(f"generation {candidate.number} of {consumer} is being built already")
            number = _next(seen)
            over = [
                one.number
                for one in seen.generations.values()
                if one.state is GenerationState.CANCELLED or one.number % SLOTS == number % SLOTS
            ]
            begun = _begun(number, GenerationState.BUILDING, code, partitions, output)
            retired = [seen.generations[number].code for number in over]
            return begun._replace(unset=_places(over), retire=retired)

        return (await self._change(consumer, decide)).last

    async def cancel(self, consumer: str, number: int) -> ConsumerState:
        """Stop building a generation, at once: who holds a lease of it loses it. How all stands then.

        Raises NotFound where there is no such generation, InvariantViolated where it is not being built.
        """

        def decide(seen: ConsumerState) -> ConsumerUpdate | None:
            generation = _find(seen, number)
            if generation.state is GenerationState.CANCELLED:
                return None
            if generation.state not in CANDIDATE_STATES:
                raise InvariantViolated(f"generation {number} of {consumer} is not being built")
            places = [partition_path(number, one.partition.number) for one in generation.partitions]
            free = [f"{place}.{name}" for place in places for name in ("owner", "code", "until")]
            free.append(f"generations.{number}.approved")
            state = {f"generations.{number}.state": GenerationState.CANCELLED.value}
            return ConsumerUpdate(state, unset=free, inc=[f"{place}.epoch" for place in places])

        return await self._change(consumer, decide)

    async def resume(self, consumer: str, number: int) -> ConsumerState:
        """Go on building a generation that was cancelled or kept, from where it was. How all stands then.

        Raises NotFound where there is no such generation, InvariantViolated where it is the active one, or
        another one is being built.
        """

        def decide(seen: ConsumerState) -> ConsumerUpdate | None:
            generation, candidate = _find(seen, number), seen.candidate
            if generation is candidate:
                return None
            if generation.state is GenerationState.ACTIVE:
                raise InvariantViolated(f"generation {number} of {consumer} is the active one")
            if candidate:
                raise InvariantViolated(f"generation {candidate.number} of {consumer} is being built already")
            return ConsumerUpdate({f"generations.{number}.state": GenerationState.BUILDING.value})

        return await self._change(consumer, decide)

    async def approve(self, consumer: str, number: int) -> ConsumerState:
        """Let a generation that is held take the active one's place. How all stands then.

        Raises NotFound where there is no such generation, InvariantViolated where it is not held.
        """

        def decide(seen: ConsumerState) -> ConsumerUpdate:
            generation = _find(seen, number)
            if generation.state is not GenerationState.HELD:
                raise InvariantViolated(f"generation {number} of {consumer} is not held")
            place = f"generations.{number}"
            return ConsumerUpdate(
                {f"{place}.state": GenerationState.BUILDING.value, f"{place}.approved": True}
            )

        return await self._change(consumer, decide)

    async def forget(self, consumer: str, number: int) -> ConsumerState:
        """Remove a generation that was cancelled or kept. How all stands then.

        Raises NotFound where there is none, InvariantViolated where it is active or being built.
        """

        def decide(seen: ConsumerState) -> ConsumerUpdate:
            generation = _find(seen, number)
            if generation.state.running:
                state = generation.state.value.lower()
                raise InvariantViolated(f"generation {number} of {consumer} is {state}; cancel it first")
            return ConsumerUpdate({}, unset=_places([number]), retire=[generation.code])

        return await self._change(consumer, decide)

    async def drop(self, consumer: str) -> ConsumerState:
        """Remove all generations: whoever runs the consumer starts from zero, in a new one. How it stood."""
        dropped: list[ConsumerState] = []

        def decide(seen: ConsumerState) -> ConsumerUpdate | None:
            dropped.append(seen)
            return ConsumerUpdate({"generations": {}}, unset=["active"]) if seen.generations else None

        await self._change(consumer, decide)
        return dropped[-1]

    async def switch(self, leader: PartitionLease, held: Sequence[PartitionLease], reached: int) -> bool:
        """Make the generation that `leader` is a lease of the active one, and keep the one before.

        `held` are the leases of all partitions of the active generation (see `PartitionLeases.take_over`), so
        that nobody moves it any more, and `reached` is a position that nobody has seen it pass. False, and
        nothing changes, where one of the leases is lost, the new generation is not being built, or one of
        its partitions is not at `reached`. What was kept before is removed. After Unavailable it may be done.

        Guarded by all of that in the update itself: by the epochs, the state, and each partition's position.
        """
        seen = await self._read(leader.consumer)
        new, old = seen.generations.get(leader.generation), held[0].generation
        if new is None or seen.active != old or len(held) != len(seen.generations[old].partitions):
            return False
        guard: dict[str, Any] = {"revision": seen.revision, "active": old, **leader.guard}
        for lease in held:
            guard |= lease.guard
        for one in new.partitions:
            guard[f"{partition_path(new.number, one.partition.number)}.position"] = {"$gte": reached}
        guard[f"generations.{new.number}.state"] = {"$in": [state.value for state in CANDIDATE_STATES]}
        kept = [one.number for one in seen.generations.values() if one.state is GenerationState.KEPT]
        states = {new.number: GenerationState.ACTIVE, old: GenerationState.KEPT}
        set_: dict[str, Any] = {
            f"generations.{number}.state": state.value for number, state in states.items()
        }
        set_ |= {f"generations.{new.number}.switched": reached, f"generations.{old}.proven": True}
        retired = [seen.generations[number].code for number in (*kept, old)]
        change = ConsumerUpdate({"active": new.number, **set_}, unset=_places(kept), retire=retired)
        with unavailable_if_down():
            result = await self._consumers.update_one(guard, _update(change))
        return result.matched_count == 1

    async def note(self, leader: PartitionLease, notes: Mapping[str, Any]) -> bool:
        """Keep notes of a generation, to be read as `Generation.notes`. False where the lease is lost.

        Guarded by the epoch of the lease.
        """
        noted = {f"generations.{leader.generation}.notes": dict(notes)}
        with unavailable_if_down():
            result = await self._consumers.update_one(leader.guard, {"$set": noted})
        return result.matched_count == 1

    async def hold(self, leader: PartitionLease, notes: Mapping[str, Any]) -> bool:
        """Hold the generation until it is approved, with these notes.

        False where that has happened already, it is not being built, or the lease is lost. Guarded by the
        epoch of the lease and by the state.
        """
        place = f"generations.{leader.generation}"
        candidate = {f"{place}.state": {"$in": [state.value for state in CANDIDATE_STATES]}}
        guard = {**leader.guard, **candidate, f"{place}.approved": {"$ne": True}}
        change = ConsumerUpdate({f"{place}.state": GenerationState.HELD.value, f"{place}.notes": dict(notes)})
        with unavailable_if_down():
            result = await self._consumers.update_one(guard, _update(change))
        return result.matched_count == 1

    async def _change(
        self, consumer: str, decide: Callable[[ConsumerState], ConsumerUpdate | None]
    ) -> ConsumerState:
        """Make the change that is decided on how the consumer stands, None for none; how it stands then."""
        while (change := decide(seen := await self._read(consumer))) is not None:
            guard = {"_id": consumer, "revision": seen.revision}
            with unavailable_if_down():
                try:
                    result = await self._consumers.update_one(
                        guard, _update(change), upsert=seen.revision == 0
                    )
                except DuplicateKeyError:
                    continue
            if result.matched_count or result.upserted_id is not None:
                return await self._read(consumer)
        return seen

    async def _read(self, consumer: str) -> ConsumerState:
        with unavailable_if_down():
            return ConsumerState.of(consumer, await self._consumers.find_one({"_id": consumer}, PROJECTION))


def _update(change: ConsumerUpdate) -> dict[str, Any]:
    return {
        **({"$set": change.set} if change.set else {}),
        **({"$unset": dict.fromkeys(change.unset, "")} if change.unset else {}),
        **({"$currentDate": dict.fromkeys(change.date, True)} if change.date else {}),
        **({"$push": {"retired": {"$each": change.retire, "$slice": -RETIRED}}} if change.retire else {}),
        "$inc": dict.fromkeys(("revision", *change.inc), 1),
    }


def _begun(
    number: int,
    state: GenerationState,
    code: str,
    partitions: int,
    output: GenerationOutput | None,
    **also: int,
) -> ConsumerUpdate:
    """A generation that nobody has worked on."""
    place = f"generations.{number}"
    shares = {str(index): {"position": 0, "epoch": 0} for index in range(partitions)}
    fresh: dict[str, Any] = {"state": state.value, "code": code, "partitions": shares}
    if output is not None:
        fresh["output"] = dict(output)
    set_ = {"last": number, **also, **{f"{place}.{name}": value for name, value in fresh.items()}}
    return ConsumerUpdate(set_, date=[f"{place}.begun_at"])


def _next(seen: ConsumerState) -> int:
    """The number of the next generation: one whose place is not the active one's."""
    number = seen.last + 1
    return number + 1 if seen.active is not None and (number - seen.active) % SLOTS == 0 else number


def _places(numbers: Sequence[int]) -> list[str]:
    return [f"generations.{number}" for number in numbers]


def _find(seen: ConsumerState, number: int) -> Generation:
    if number not in seen.generations:
        raise NotFound(f"{seen.consumer} has no generation {number}")
    return seen.generations[number]
