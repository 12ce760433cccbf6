"""The assignment of partitions: fair, and to processes with the right code."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from subscriptions.consumers.assignment import Assignment, assignments, next_assignment
from subscriptions.consumers.state import (
    ConsumerState,
    Generation,
    GenerationState,
    Partition,
    PartitionState,
)

Held = tuple[str | None, str | None]
"""An owner and its code."""

FREE: Held = (None, None)


def generation(
    number: int, held: list[Held], code: str = "new", state: GenerationState = GenerationState.ACTIVE
) -> Generation:
    of = len(held)
    partitions = tuple(
        PartitionState(Partition(i, of), 0, 0, 1, owner, owner_code, 9.0 if owner else 0.0)
        for i, (owner, owner_code) in enumerate(held)
    )
    return Generation(number, state, code, datetime.now(UTC), partitions, {})


def consumer(*generations: Generation, name: str = "a") -> list[Assignment]:
    by_number = {one.number: one for one in generations}
    return list(assignments([ConsumerState(name, 1, 9, 1, by_number)]))


def test_a_stopped_generation_is_not_worked_on() -> None:
    stopped = [
        generation(2, [FREE], state=state) for state in (GenerationState.CANCELLED, GenerationState.KEPT)
    ]
    assert consumer(stopped[0]) == consumer(stopped[1]) == []


def test_a_generation_is_only_built_by_its_own_code() -> None:
    built = consumer(generation(2, [FREE], state=GenerationState.BUILDING))
    assert next_assignment(built, "me", {"a": "old"}) is None
    assert next_assignment(built, "me", {"a": "new"}) == built[0]


def test_the_active_generation_is_left_to_its_code_but_never_left_alone() -> None:
    free = consumer(generation(1, [FREE, FREE]))
    assert next_assignment(free, "me", {"a": "old"}) == free[0]
    worked = consumer(generation(1, [("they", "new"), FREE]))
    assert next_assignment(worked, "me", {"a": "old"}) is None
    assert next_assignment(worked, "me", {"a": "new"}) == worked[1]


def test_a_process_with_the_code_takes_over_from_one_without() -> None:
    worked = consumer(generation(1, [("they", "old")]))
    assert next_assignment(worked, "me", {"a": "new"}) == worked[0]
    assert next_assignment(worked, "me", {"a": "other"}) is None


def test_a_partition_that_its_owner_has_left_is_taken_by_its_successor() -> None:
    (left,) = consumer(generation(1, [FREE]))
    left = left._replace(partition=replace(left.partition, successor="they"))
    assert next_assignment([left], "me", {"a": "new"}) is None
    assert next_assignment([left], "they", {"a": "new"}) == left


def test_a_partition_counts_as_its_successor_s_while_its_owner_is_about_to_leave() -> None:
    """So a process asks for its share, and no more."""
    owned = consumer(generation(1, [("they", "new")] * 3))
    asked = next_assignment(owned, "me", {"a": "new"})
    assert asked == owned[2]
    owned[2] = asked._replace(partition=replace(asked.partition, successor="me"))
    assert next_assignment(owned, "me", {"a": "new"}) is None


def test_a_partition_that_was_taken_over_to_stand_still_is_left_alone() -> None:
    held = consumer(generation(1, [("switching", None)] * 4))
    assert next_assignment(held, "me", {"a": "new"}) is None
    assert next_assignment(held, "me", {"a": "old"}) is None


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Assignment], list[str]]:
    """Partitions of several consumers: of workers that run, of some that died, or free."""
    workers = [f"worker-{i}" for i in range(draw(st.integers(1, 5)))]
    holders = st.sampled_from([None, *workers])
    found: list[Assignment] = []
    for name in "abc"[: draw(st.integers(1, 3))]:
        owners = draw(st.lists(holders, min_size=1, max_size=6))
        held: list[Held] = [(owner, "new") if owner else FREE for owner in owners]
        found += consumer(generation(1, held), name=name)
    return found, workers


def after_turn(held: list[Assignment], owner: str, codes: dict[str, str], leaves: bool) -> list[Assignment]:
    """The partitions after a turn of a process, which also `leaves` what it was asked for, or not yet."""
    if leaves:
        asked_for = [one for one in held if one.partition.owner == owner and one.partition.successor]
        held = [
            one._replace(partition=replace(one.partition, owner=None, owner_code=None))
            if one in asked_for
            else one
            for one in held
        ]
    wanted = next_assignment(held, owner, codes)
    if wanted is None:
        return held
    if wanted.partition.owner is None:
        changed = replace(wanted.partition, owner=owner, owner_code="new", successor=None)
    else:
        assert wanted.partition.successor is None, "each is asked for once"
        changed = replace(wanted.partition, successor=owner)
    return [one._replace(partition=changed) if one is wanted else one for one in held]


@given(world=worlds(), turns=st.lists(st.tuples(st.integers(0, 4), st.booleans()), max_size=40))
def test_after_some_turns_all_is_taken_and_no_process_has_two_more_than_another(
    world: tuple[list[Assignment], list[str]], turns: list[tuple[int, bool]]
) -> None:
    """Whoever's turn it is, and however late an owner leaves; and then nothing moves any more."""
    held, workers = world
    codes = dict.fromkeys("abc", "new")
    rounds = [(turn, True) for turn in range(len(workers))] * (2 * len(held) + 2)
    for turn, leaves in [*turns, *rounds]:
        held = after_turn(held, workers[turn % len(workers)], codes, leaves)
    loads = Counter(seat.partition.owner for seat in held)
    assert None not in loads
    assert max(loads[owner] for owner in workers) - min(loads[owner] for owner in workers) <= 1
    assert [next_assignment(held, owner, codes) for owner in workers] == [None] * len(workers)


@given(key=st.text(), of=st.integers(1, 64))
def test_a_key_belongs_to_one_partition(key: str, of: int) -> None:
    assert [Partition(number, of).contains(key) for number in range(of)].count(True) == 1


def test_a_key_belongs_to_the_same_partition_in_every_process_and_version() -> None:
    keys = ["default/note-1", "default/note-2", "ä/ö"]
    owners = [[Partition(number, 5).contains(key) for number in range(5)].index(True) for key in keys]
    assert owners == [0, 3, 4]


def test_builds_limits_the_generations_that_are_built_at_a_time() -> None:
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    states = []
    for i, (name, held) in enumerate({"a": FREE, "b": FREE, "c": ("they", "new"), "d": FREE}.items()):
        built = replace(
            generation(2, [held], state=GenerationState.BUILDING), begun_at=begun - timedelta(minutes=i)
        )
        states.append(ConsumerState(name, 1, 9, 1, {1: generation(1, [FREE]), 2: built}))

    def worked_on(builds: int | None) -> list[str]:
        found = list(assignments(states, builds))
        assert [one.consumer for one in found if one.generation.number == 1] == ["a", "b", "c", "d"]
        return [one.consumer for one in found if one.generation.number == 2]

    assert worked_on(1) == ["c"]
    assert worked_on(2) == ["c", "d"]
    assert worked_on(3) == ["b", "c", "d"]
    assert worked_on(None) == worked_on(9) == ["a", "b", "c", "d"]


def test_a_held_generation_is_worked_on_by_its_code_and_does_not_count_as_a_build() -> None:
    held = ConsumerState("a", 1, 9, 1, {2: generation(2, [FREE], state=GenerationState.HELD)})
    building = ConsumerState("b", 1, 9, 1, {2: generation(2, [FREE], state=GenerationState.BUILDING)})
    found = list(assignments([held, building], builds=1))
    assert {seat.consumer for seat in found} == {"a", "b"}
    assert next_assignment(found[:1], "me", {"a": "old"}) is None
    assert next_assignment(found[:1], "me", {"a": "new"}) == found[0]
