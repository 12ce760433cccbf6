"""The generations of a consumer: which there are, and which one is active.

Each change but `switch`, `hold` and `save_notes` is decided on a read state, and made by one update that is
only valid as long as the document has the `revision` that was read; otherwise it is decided again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pymongo.errors import DuplicateKeyError

from domain.kernel.errors import InvariantViolated, NotFound
from eventstore.mongo.driver import Database, unavailable_if_down
from subscriptions.consumers.consumer_update import (
    SLOTS,
    ConsumerUpdate,
    GenerationOutput,
    find_generation,
    generation_path,
    new_generation,
    next_number,
)
from subscriptions.consumers.partition_leases import PartitionLease
from subscriptions.consumers.state import (
    CANDIDATE_STATES,
    CONSUMERS,
    PROJECTION,
    ConsumerState,
    GenerationState,
    partition_path,
)

IS_CANDIDATE = {"$in": [state.value for state in CANDIDATE_STATES]}


class Generations:
    """The generations of the consumers of one database. Every method raises Unavailable.

    The rows of a generation that is removed are not removed with it.
    """

    def __init__(self, database: Database) -> None:
        self._consumers = database[CONSUMERS]

    async def open(
        self,
        consumer: str,
        code: str = "",
        partitions: int = 1,
        output: GenerationOutput | None = None,
        position: int = 0,
    ) -> ConsumerState:
        """Begin a first active generation after `position`, if there is none. Return the state."""

        def decide(state: ConsumerState) -> ConsumerUpdate | None:
            if state.active:
                return None
            number = state.last + 1
            first = new_generation(number, GenerationState.ACTIVE, code, partitions, output, position)
            return first._replace(set={**first.set, "active": number})

        return await self._change(consumer, decide)

    async def begin(
        self, consumer: str, code: str, partitions: int = 1, output: GenerationOutput | None = None
    ) -> int:
        """Begin to build another generation next to the active one. Return its number.

        A cancelled generation is removed, and a kept one whose place is needed. Raises InvariantViolated if
        one is being built already, NotFound if there is no active one.
        """

        def decide(state: ConsumerState) -> ConsumerUpdate:
            if state.active is None:
                raise NotFound(f"{consumer} has no active generation")
            _check_no_candidate(state)
            number = next_number(state)
            replaced = [
                generation
                for generation in state.generations.values()
                if generation.state is GenerationState.CANCELLED
                or generation.number % SLOTS == number % SLOTS
            ]
            return new_generation(number, GenerationState.BUILDING, code, partitions, output)._replace(
                unset=[generation_path(generation.number) for generation in replaced],
                retire=[generation.code for generation in replaced],
            )

        return (await self._change(consumer, decide)).last

    async def cancel(self, consumer: str, number: int) -> ConsumerState:
        """Stop building a generation at once: its leases are lost. Return the state after that.

        Raises NotFound if there is no such generation, InvariantViolated if it is not being built.
        """

        def decide(state: ConsumerState) -> ConsumerUpdate | None:
            generation = find_generation(state, number)
            if generation.state is GenerationState.CANCELLED:
                return None
            if generation.state not in CANDIDATE_STATES:
                raise InvariantViolated(f"generation {number} of {consumer} is not being built")
            paths = [
                partition_path(number, partition.partition.number) for partition in generation.partitions
            ]
            lease_fields = [f"{path}.{name}" for path in paths for name in ("owner", "code", "until")]
            return ConsumerUpdate(
                {f"{generation_path(number)}.state": GenerationState.CANCELLED.value},
                unset=[*lease_fields, f"{generation_path(number)}.approved"],
                inc=[f"{path}.epoch" for path in paths],
            )

        return await self._change(consumer, decide)

    async def resume(self, consumer: str, number: int) -> ConsumerState:
        """Continue to build a cancelled or kept generation from where it was. Return the state after that.

        Raises NotFound if there is no such generation, InvariantViolated if it is the active one, or another
        one is being built.
        """

        def decide(state: ConsumerState) -> ConsumerUpdate | None:
            generation = find_generation(state, number)
            if generation is state.candidate:
                return None
            if generation.state is GenerationState.ACTIVE:
                raise InvariantViolated(f"generation {number} of {consumer} is the active one")
            _check_no_candidate(state)
            return ConsumerUpdate({f"{generation_path(number)}.state": GenerationState.BUILDING.value})

        return await self._change(consumer, decide)

    async def approve(self, consumer: str, number: int) -> ConsumerState:
        """Let a held generation become the active one. Return the state after that.

        Raises NotFound if there is no such generation, InvariantViolated if it is not held.
        """

        def decide(state: ConsumerState) -> ConsumerUpdate:
            generation = find_generation(state, number)
            if generation.state is not GenerationState.HELD:
                raise InvariantViolated(f"generation {number} of {consumer} is not held")
            path = generation_path(number)
            return ConsumerUpdate({f"{path}.state": GenerationState.BUILDING.value, f"{path}.approved": True})

        return await self._change(consumer, decide)

    async def remove(self, consumer: str, number: int) -> ConsumerState:
        """Remove a cancelled or kept generation. Return the state after that.

        Raises NotFound if there is no such generation, InvariantViolated if it is active or being built.
        """

        def decide(state: ConsumerState) -> ConsumerUpdate:
            generation = find_generation(state, number)
            if generation.state.running:
                name = generation.state.value.lower()
                raise InvariantViolated(f"generation {number} of {consumer} is {name}; cancel it first")
            return ConsumerUpdate({}, unset=[generation_path(number)], retire=[generation.code])

        return await self._change(consumer, decide)

    async def drop(self, consumer: str) -> ConsumerState:
        """Remove all generations: the consumer starts from zero, in a new one. Return the state before."""
        dropped: list[ConsumerState] = []

        def decide(state: ConsumerState) -> ConsumerUpdate | None:
            dropped.append(state)
            return ConsumerUpdate({"generations": {}}, unset=["active"]) if state.generations else None

        await self._change(consumer, decide)
        return dropped[-1]

    async def switch(self, leader: PartitionLease, taken: Sequence[PartitionLease], reached: int) -> bool:
        """Make the generation of the lease `leader` the active one, and keep the former one.

        `taken` are the leases of all partitions of the active generation, from `PartitionLeases.take_over`,
        so that no process moves it. `reached` is a position that no reader has seen it pass. Return False,
        and change nothing, if one of the leases is lost, the new generation is not being built, or one of its
        partitions is not at `reached`. The generation that was kept before is removed. After Unavailable the
        switch may have been made.

        Guarded by all of that in the update itself: by the epochs, the state, and the position of each
        partition.
        """
        state = await self._read(leader.consumer)
        new, old = state.generations.get(leader.generation), taken[0].generation
        if new is None or state.active != old or len(taken) != len(state.generations[old].partitions):
            return False
        guard: dict[str, Any] = {"revision": state.revision, "active": old, **leader.guard}
        for lease in taken:
            guard |= lease.guard
        for partition in new.partitions:
            path = partition_path(new.number, partition.partition.number)
            guard[f"{path}.position"] = {"$gte": reached}
        guard[f"{generation_path(new.number)}.state"] = IS_CANDIDATE
        return await self._update(guard, _switched(state, old, new.number, reached))

    async def save_notes(self, leader: PartitionLease, notes: Mapping[str, Any]) -> bool:
        """Save the leader's notes, which are read as `Generation.notes`. False if the lease is lost.

        Guarded by the epoch of the lease.
        """
        noted = {f"{generation_path(leader.generation)}.notes": dict(notes)}
        with unavailable_if_down():
            result = await self._consumers.update_one(leader.guard, {"$set": noted})
        return result.matched_count == 1

    async def hold(self, leader: PartitionLease, notes: Mapping[str, Any]) -> bool:
        """Hold the generation until it is approved, and save these notes.

        Return False if it is approved already or not being built, or the lease is lost. Guarded by the epoch
        of the lease and by the state.
        """
        path = generation_path(leader.generation)
        guard = {**leader.guard, f"{path}.state": IS_CANDIDATE, f"{path}.approved": {"$ne": True}}
        return await self._update(
            guard,
            ConsumerUpdate({f"{path}.state": GenerationState.HELD.value, f"{path}.notes": dict(notes)}),
        )

    async def _change(
        self, consumer: str, decide: Callable[[ConsumerState], ConsumerUpdate | None]
    ) -> ConsumerState:
        """Make the change that `decide` returns for the current state. Return the state after that."""
        while True:
            state = await self._read(consumer)
            change = decide(state)
            if change is None:
                return state
            guard = {"_id": consumer, "revision": state.revision}
            if await self._update(guard, change, upsert=state.revision == 0):
                return await self._read(consumer)

    async def _update(
        self, guard: Mapping[str, Any], change: ConsumerUpdate, *, upsert: bool = False
    ) -> bool:
        """Make the change if the document matches `guard`; with `upsert` also if there is none."""
        with unavailable_if_down():
            try:
                result = await self._consumers.update_one(guard, change.to_document(), upsert=upsert)
            except DuplicateKeyError:
                # Another process has just inserted the document.
                return False
        return result.matched_count == 1 or result.upserted_id is not None

    async def _read(self, consumer: str) -> ConsumerState:
        with unavailable_if_down():
            stored = await self._consumers.find_one({"_id": consumer}, PROJECTION)
        return ConsumerState.from_document(consumer, stored)


def _check_no_candidate(state: ConsumerState) -> None:
    if candidate := state.candidate:
        raise InvariantViolated(f"generation {candidate.number} of {state.consumer} is being built already")


def _switched(state: ConsumerState, old: int, new: int, reached: int) -> ConsumerUpdate:
    """The change that makes `new` the active generation in place of `old`."""
    kept = [
        generation.number
        for generation in state.generations.values()
        if generation.state is GenerationState.KEPT
    ]
    return ConsumerUpdate(
        {
            "active": new,
            f"{generation_path(new)}.state": GenerationState.ACTIVE.value,
            f"{generation_path(new)}.switched": reached,
            f"{generation_path(old)}.state": GenerationState.KEPT.value,
            f"{generation_path(old)}.proven": True,
        },
        unset=[generation_path(number) for number in kept],
        retire=[state.generations[number].code for number in (*kept, old)],
    )
