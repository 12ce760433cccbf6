"""The status of a view and its generations, as people and clients see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain.kernel.obstacles import Obstacle
from eventstore.fingerprint import same_fold
from projections.querying.locator import obstacle
from projections.rebuilding.comparison import Comparison
from projections.rebuilding.progress_rate import time_left
from projections.rebuilding.rebuild_progress import RebuildPhase, RebuildProgress
from subscriptions.consumers.failures import FailureHistory
from subscriptions.consumers.state import ConsumerState, Generation, GenerationState


@dataclass(frozen=True, slots=True)
class GenerationStatus:
    """The status of one generation.

    `events` of about `total` are folded, at `rate` events a second; the rest takes `seconds_left`, None if
    that is unknown. `phase` is None unless the generation is being built. `holders` counts the partitions
    that each process works on; None stands for no process. `waiting_for` says in words why the generation
    does not go on or is held; None if it goes on, or nothing has to be done.
    """

    number: int
    state: GenerationState
    phase: RebuildPhase | None
    begun_at: datetime
    events: int
    total: int
    rate: float
    seconds_left: float | None
    comparison: Comparison | None
    holders: Mapping[str | None, int]
    waiting_for: str | None = None

    @property
    def workers(self) -> Sequence[str]:
        """The processes that work on its partitions."""
        return sorted(holder for holder in self.holders if holder is not None)


@dataclass(frozen=True, slots=True)
class ViewStatus:
    """The status of a view. `lag` is in positions; the generations are in the order of their numbers.

    `obstacle` is what keeps the view from coming further, None if nothing does, and `failing` has its failed
    attempts.
    """

    name: str
    position: int
    lag: int
    obstacle: Obstacle | None
    failing: FailureHistory | None
    generations: Sequence[GenerationStatus]

    def of_state(self, state: GenerationState) -> GenerationStatus | None:
        """Return the latest generation of this state."""
        latest_first = reversed(self.generations)
        return next((generation for generation in latest_first if generation.state is state), None)


def to_status(name: str, state: ConsumerState, head: int) -> ViewStatus:
    """Return the status of the view whose consumer has this state; `head` is the end of the log."""
    total = _total_events(state, head)
    generations = [
        _generation_status(state.generations[number], total, state) for number in sorted(state.generations)
    ]
    failing = None if state.active is None else state.generations[state.active].failing
    lag = max(0, head - state.position)
    return ViewStatus(name, state.position, lag, _obstacle(state, lag), failing, generations)


def _obstacle(state: ConsumerState, lag: int) -> Obstacle | None:
    reason = obstacle(state)
    return None if reason is Obstacle.BEHIND and not lag else reason


def _total_events(state: ConsumerState, head: int) -> int:
    """Return about how many events the log contains.

    They are counted as far as any generation has read it, and estimated by the same ratio for the rest.
    """
    furthest = max(state.generations.values(), key=lambda generation: generation.position, default=None)
    if furthest is None or not furthest.position:
        return head
    return furthest.events + round(max(0, head - furthest.position) * furthest.events / furthest.position)


def _generation_status(generation: Generation, total: int, state: ConsumerState) -> GenerationStatus:
    progress = RebuildProgress.from_document(generation.notes)
    is_building = generation.state is GenerationState.BUILDING
    return GenerationStatus(
        number=generation.number,
        state=generation.state,
        phase=_phase(generation, progress) if is_building else None,
        begun_at=generation.begun_at,
        events=generation.events,
        total=total,
        rate=progress.rate if is_building else 0.0,
        seconds_left=time_left(total - generation.events, progress.rate) if is_building else None,
        comparison=progress.comparison,
        holders=Counter(partition.owner for partition in generation.partitions),
        waiting_for=_waiting_for(generation, state),
    )


def _phase(generation: Generation, progress: RebuildProgress) -> RebuildPhase:
    """Return the phase; without a worker the saved one is of the past."""
    return progress.phase if _has_worker(generation) else RebuildPhase.WAITING


def _has_worker(generation: Generation) -> bool:
    return any(partition.owner is not None for partition in generation.partitions)


def _waiting_for(generation: Generation, state: ConsumerState) -> str | None:
    if generation.state is GenerationState.HELD:
        reasons = RebuildProgress.from_document(generation.notes).objections
        return f"a decision, since {' and '.join(reasons)}"
    if generation.blocked is not None:
        return f"the end of a call: {generation.blocked}; correct that code and restart the workers"
    if generation.state is GenerationState.ACTIVE and _has_worker(generation):
        codes = [partition.owner_code for partition in generation.partitions if partition.owner_code]
        if any(same_fold(code, generation.code) for code in codes):
            return None
        return "a worker with its code: those that are running have other code, so its rows stand still"
    if generation.state is not GenerationState.BUILDING or _has_worker(generation):
        return None
    partitions = [partition for other in state.generations.values() for partition in other.partitions]
    running_codes = {partition.owner_code for partition in partitions} - {None}
    if not running_codes:
        return "a worker: none is running; start one with `nerve worker`"
    if generation.code not in running_codes:
        return "a worker with its code: those that are running have other code"
    return "its turn: workers build rebuilds_at_once views at a time"
