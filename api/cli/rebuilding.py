"""Shows rebuilds on the terminal: progress bars, and the comparison of old and new rows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import timedelta

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from api.cli.terminal import progress_bars, warn
from domain.kernel.names import quantity
from projections.rebuilding.comparison import Comparison
from projections.rebuilding.rebuilds import Rebuilds
from projections.rebuilding.status import GenerationStatus
from subscriptions.consumers.state import GenerationState

POLL_INTERVAL = 0.25
"""Seconds between two reads of the state of the rebuilds."""

EXPLAIN_AFTER = 2.0
"""Seconds after which a rebuild that waits is explained; a running worker starts it sooner."""

MAX_EXAMPLES = 5
"""Number of different rows that are listed."""

SUCCEEDED = (GenerationState.ACTIVE, GenerationState.KEPT)
"""States of a generation whose rebuild has succeeded; a kept one has been replaced since."""

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.completed:.0f} of {task.total:.0f} events"),
    TextColumn("{task.fields[rate]:.0f}/s"),
    TextColumn("{task.fields[left]}"),
    TextColumn("{task.fields[phase]}"),
)


def describe_generation(generation: GenerationStatus) -> str:
    """Describe a generation that is not active, on one line."""
    text = f"{generation.number} {generation.state.lower()}"
    if generation.phase is None:
        return text
    done = f"{generation.events} of {quantity(generation.total, 'event')}, {generation.rate:.0f}/s"
    return ", ".join(filter(None, (f"{text}: {generation.phase.lower()}", done, time_left(generation))))


def describe_wait(view: str, generation: GenerationStatus) -> str:
    """Describe in one sentence what a generation waits for."""
    text = f"generation {generation.number} waits for {generation.waiting_for}"
    if generation.state is not GenerationState.HELD:
        return text
    return f"{text}; deploy a correction, or switch to it as it is with `nerve views switch {view}`"


def list_workers(generation: GenerationStatus) -> str:
    """List the workers of a generation, one per line; with their partitions, if it has several."""
    several = sum(generation.holders.values()) > 1
    return "\n".join(
        f"{_process(name)}{f': {count}' if several else ''}" for name, count in generation.holders.items()
    )


def _process(owner: str | None) -> str:
    """Return host and process, without the unique part of the name."""
    return "none" if owner is None else owner.rpartition(":")[0]


def time_left(generation: GenerationStatus) -> str:
    """Return the estimated time that is left; empty if it is unknown."""
    seconds = generation.seconds_left
    return "" if seconds is None else f"{timedelta(seconds=round(seconds))} left"


class RebuildFollower:
    """Shows progress bars until the rebuilds end; `numbers` are their generations by view."""

    def __init__(self, rebuilds: Rebuilds, numbers: Mapping[str, int], report: Callable[[str], None]) -> None:
        """`report` prints how each rebuild has ended."""
        self._rebuilds = rebuilds
        self._numbers = numbers
        self._report = report
        self._ends: dict[str, bool] = {}
        self._waits: dict[str, str | None] = {}
        self._seen: dict[str, GenerationStatus] = {}

    async def run(self, max_wait: float | None = None) -> bool:
        """Wait for the end, at most `max_wait` seconds. Return whether all generations are active now."""
        try:
            async with asyncio.timeout(max_wait):
                await self._follow()
        except TimeoutError:
            for name, generation in self._seen.items():
                self._explain(name, generation)
            names = ", ".join(name for name in self._numbers if name not in self._ends)
            warn(f"not completed after {max_wait:g} s: {names}; `nerve views` shows the progress")
            return False
        return all(self._ends.values())

    async def _follow(self) -> None:
        started = time.monotonic()
        with progress_bars(*COLUMNS) as progress:
            bars = {
                name: progress.add_task(name, total=0.0, rate=0.0, left="", phase="")
                for name in self._numbers
            }
            while len(self._ends) < len(bars):
                for view in await self._rebuilds.status(bars.keys() - self._ends.keys()):
                    number = self._numbers[view.name]
                    generation = next((each for each in view.generations if each.number == number), None)
                    self._show(view.name, generation, progress, bars[view.name])
                    if generation is None:
                        continue
                    self._seen[view.name] = generation
                    if time.monotonic() > started + EXPLAIN_AFTER:
                        self._explain(view.name, generation)
                await asyncio.sleep(POLL_INTERVAL)

    def _explain(self, name: str, generation: GenerationStatus) -> None:
        """Print what the rebuild waits for, whenever that changes."""
        if generation.waiting_for != self._waits.get(name) and generation.waiting_for is not None:
            warn(f"{name}: generation {generation.number} waits for {generation.waiting_for}")
        self._waits[name] = generation.waiting_for

    def _show(self, name: str, generation: GenerationStatus | None, progress: Progress, bar: TaskID) -> None:
        if generation is not None and generation.state is GenerationState.BUILDING:
            left, phase = time_left(generation), (generation.phase or "").lower()
            done, total = generation.events, generation.total
            progress.update(bar, completed=done, total=total, rate=generation.rate, left=left, phase=phase)
            return
        progress.remove_task(bar)
        self._ends[name] = generation is not None and generation.state in SUCCEEDED
        if generation is None or not (self._ends[name] or generation.state is GenerationState.HELD):
            self._report(f"{name}: the rebuild of generation {self._numbers[name]} was cancelled")
            return
        if generation.state is GenerationState.HELD:
            warn(f"{name}: {describe_wait(name, generation)}")
        else:
            number, events = generation.number, generation.events
            self._report(
                f"{name}: generation {number} is active now, with {quantity(events, 'event')} folded"
            )
        if generation.comparison is not None:
            for line in _comparison_lines(generation.comparison):
                self._report(line)


def _comparison_lines(comparison: Comparison) -> Iterator[str]:
    counts = (
        f"rows: {comparison.same} equal, {comparison.different} different, {comparison.missing} missing, "
        f"{comparison.extra} new"
    )
    yield f"  {counts}, {comparison.moving} kept changing" if comparison.moving else f"  {counts}"
    if comparison.fields:
        fields = ", ".join(f"{name} ({n})" for name, n in comparison.fields.most_common())
        yield f"  fields that differ: {fields}"
    for row in comparison.examples[:MAX_EXAMPLES]:
        names = f": {', '.join(row.fields)}" if row.fields else ""
        yield f"  {row.verdict.lower()} {row.tenant}/{row.id}{names}"
