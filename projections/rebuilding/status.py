"""How far a view and its generations are, as people and clients are told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from eventstore.fingerprint import same_fold
from projections.rebuilding.comparison import Comparison
from projections.rebuilding.progress_rate import time_left
from projections.rebuilding.rebuild_progress import RebuildPhase, RebuildProgress
from subscriptions.consumers.failures import FailureHistory
from subscriptions.consumers.state import ConsumerState, Generation, GenerationState


@dataclass(frozen=True, slots=True)
class GenerationStatus:
    """One build of a view's rows.

    `events` of about `total` are folded in, `rate` a second, and the rest takes `left` seconds; None where
    that is unknown. `phase` is None for what is not being built. `waiting_for` says to a person why it
    does not go on, or why it is held; None where it goes on, or nothing is to be done. `holders` says how
    many of its partitions each process works on; None stands for nobody.
    """

    number: int
    state: GenerationState
    phase: RebuildPhase | None
    begun_at: datetime
    events: int
    total: int
    rate: float
    left: float | None
    comparison: Comparison | None
    holders: Mapping[str | None, int]
    waiting_for: str | None = None


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """A view: where it is, how many positions of the log it lags behind, and its generations in order.

    `failing` is what keeps it from coming further, None where nothing does.
    """

    name: str
    position: int
    lag: int
    failing: FailureHistory | None
    generations: Sequence[GenerationStatus]

    def of_state(self, state: GenerationState) -> GenerationStatus | None:
        """The latest generation of this state."""
        return next((one for one in reversed(self.generations) if one.state is state), None)


def to_status(name: str, state: ConsumerState, head: int) -> ViewStatus:
    """How a view is that stands so, where `head` is the end of the log."""
    total = _total(state, head)
    found = (state.generations[number] for number in sorted(state.generations))
    generations = [_generation(one, total, state) for one in found]
    failing = None if state.active is None else state.generations[state.active].failing
    return ViewStatus(name, state.position, max(0, head - state.position), failing, generations)


def _total(state: ConsumerState, head: int) -> int:
    """How many events the log holds: as counted where it was read, and by the same measure behind that."""
    furthest = max(state.generations.values(), key=lambda one: one.position, default=None)
    if furthest is None or not furthest.position:
        return head
    return furthest.events + round(max(0, head - furthest.position) * furthest.events / furthest.position)


def _generation(found: Generation, total: int, state: ConsumerState) -> GenerationStatus:
    notes = RebuildProgress.of(found.notes)
    building = found.state is GenerationState.BUILDING
    return GenerationStatus(
        number=found.number,
        state=found.state,
        phase=_phase(found, notes) if building else None,
        begun_at=found.begun_at,
        events=found.events,
        total=total,
        rate=notes.rate if building else 0.0,
        left=time_left(total - found.events, notes.rate) if building else None,
        comparison=notes.comparison,
        holders=Counter(partition.owner for partition in found.partitions),
        waiting_for=_waiting_for(found, state),
    )


def _phase(found: Generation, notes: RebuildProgress) -> RebuildPhase:
    """What was noted is of the past where nobody works on it."""
    return notes.phase if _is_worked_on(found) else RebuildPhase.WAITING


def _is_worked_on(found: Generation) -> bool:
    return any(partition.owner is not None for partition in found.partitions)


def _waiting_for(found: Generation, state: ConsumerState) -> str | None:
    if found.state is GenerationState.HELD:
        return f"a decision, since {' and '.join(RebuildProgress.of(found.notes).objections)}"
    if found.state is GenerationState.ACTIVE and _is_worked_on(found):
        own = any(same_fold(one.owner_code, found.code) for one in found.partitions if one.owner_code)
        return None if own else "a worker of its version; it stands still, for those that run have other code"
    if found.state is not GenerationState.BUILDING or _is_worked_on(found):
        return None
    partitions = [one for generation in state.generations.values() for one in generation.partitions]
    codes = {one.owner_code for one in partitions} - {None}
    if not codes:
        return "a worker: none is running; start one with `nerve worker`"
    if found.code not in codes:
        return "a worker with its code: those that are running have another version"
    return "its turn: workers build rebuilds_at_once views at a time"
