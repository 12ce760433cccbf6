"""What a person is shown of rebuilds: bars while they go on, and how old and new rows compare."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta

from rich.progress import BarColumn, Progress, TaskID, TextColumn

from api.cli.terminal import errors, output
from projections.rebuilding.comparison import Comparison
from projections.rebuilding.rebuilds import Rebuilds
from projections.rebuilding.status import GenerationStatus
from subscriptions.consumers.state import GenerationState

LOOK = 0.25
"""Seconds between two looks."""

PATIENCE = 2.0
"""Seconds in which a worker takes up what was begun, before it is said what is missing."""

SHOWN = 5
"""How many of the rows that differ are named."""

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    TextColumn("{task.completed:.0f} of {task.total:.0f} events"),
    TextColumn("{task.fields[rate]:.0f}/s"),
    TextColumn("{task.fields[left]}"),
    TextColumn("{task.fields[phase]}"),
)


def describe_generation(found: GenerationStatus) -> str:
    """One line about a generation that is not read."""
    text = f"{found.number} {found.state.lower()}"
    if found.phase is None:
        return text
    done = f"{found.events} of {found.total} events, {found.rate:.0f}/s"
    return ", ".join(filter(None, (f"{text}: {found.phase.lower()}", done, time_left(found))))


def describe_wait(view: str, found: GenerationStatus) -> str:
    """One sentence about a generation that waits for something."""
    text = f"generation {found.number} waits for {found.waiting_for}"
    if found.state is not GenerationState.HELD:
        return text
    return f"{text}; deploy a correction, or `nerve views switch {view}` reads it as it is"


def list_workers(found: GenerationStatus) -> str:
    """Who works on a generation, a line for each; how many of its partitions, where there are several."""
    several = sum(found.holders.values()) > 1
    return "\n".join(
        f"{_process(name)}{f': {count}' if several else ''}" for name, count in found.holders.items()
    )


def _process(owner: str | None) -> str:
    """Host and process, without what makes the name one of a kind."""
    return "nobody" if owner is None else owner.rpartition(":")[0]


def time_left(found: GenerationStatus) -> str:
    """How long it will take, for a person; nothing where that cannot be told."""
    return "" if found.seconds_left is None else f"{timedelta(seconds=round(found.seconds_left))} left"


class RebuildFollower:
    """Shows bars until the generations of these numbers, by their views' names, are read or given up."""

    def __init__(self, rebuilds: Rebuilds, numbers: Mapping[str, int]) -> None:
        self._rebuilds = rebuilds
        self._numbers = numbers
        self._ends: dict[str, bool] = {}
        self._waits: dict[str, str | None] = {}

    async def run(self, within: float | None = None) -> bool:
        """Whether all of them are read now; False also after `within` seconds."""
        try:
            async with asyncio.timeout(within):
                await self._follow()
        except TimeoutError:
            left = ", ".join(name for name in self._numbers if name not in self._ends)
            _warn(f"not done after {within:g} s: {left}; it goes on, and `nerve views` shows how far it is")
            return False
        return all(self._ends.values())

    async def _follow(self) -> None:
        began = time.monotonic()
        with Progress(*COLUMNS, console=errors, transient=True, disable=not errors.is_terminal) as progress:
            bars = {
                name: progress.add_task(name, total=0.0, rate=0.0, left="", phase="")
                for name in self._numbers
            }
            while len(self._ends) < len(bars):
                for view in await self._rebuilds.status(bars.keys() - self._ends.keys()):
                    number = self._numbers[view.name]
                    found = next((one for one in view.generations if one.number == number), None)
                    self._show(view.name, found, progress, bars[view.name])
                    if found is not None and time.monotonic() > began + PATIENCE:
                        self._explain(view.name, found)
                await asyncio.sleep(LOOK)

    def _explain(self, name: str, found: GenerationStatus) -> None:
        """Say what it waits for, each time that this is something else."""
        if found.waiting_for != self._waits.get(name) and found.waiting_for is not None:
            _warn(f"{name}: generation {found.number} waits for {found.waiting_for}")
        self._waits[name] = found.waiting_for

    def _show(self, name: str, found: GenerationStatus | None, progress: Progress, bar: TaskID) -> None:
        if found is not None and found.state is GenerationState.BUILDING:
            left, phase = time_left(found), (found.phase or "").lower()
            done, total = found.events, found.total
            progress.update(bar, completed=done, total=total, rate=found.rate, left=left, phase=phase)
            return
        self._ends[name] = found is not None and found.state in (GenerationState.ACTIVE, GenerationState.KEPT)
        progress.remove_task(bar)
        if found is not None and found.state is GenerationState.HELD:
            _warn(f"{name}: {describe_wait(name, found)}")
            if found.comparison is not None:
                _tell(found.comparison)
            return
        if found is None or not self._ends[name]:
            _say(f"{name}: the rebuild of generation {self._numbers[name]} was cancelled")
            return
        _say(f"{name}: generation {found.number} is read now, {found.events} events are folded in")
        if found.comparison is not None:
            _tell(found.comparison)


def _tell(found: Comparison) -> None:
    counts = (
        f"{found.same} rows as before, {found.different} differ, {found.missing} missing, {found.extra} new"
    )
    _say(f"  {counts}, {found.moving} changing" if found.moving else f"  {counts}")
    if found.fields:
        _say("  fields that differ: " + ", ".join(f"{name} ({n})" for name, n in found.fields.most_common()))
    for one in found.examples[:SHOWN]:
        names = f": {', '.join(one.fields)}" if one.fields else ""
        _say(f"  {one.verdict.lower()} {one.tenant}/{one.id}{names}")


def _warn(text: str) -> None:
    errors.print(text, highlight=False, markup=False, soft_wrap=True)


def _say(text: str) -> None:
    output.print(text, highlight=False, markup=False, soft_wrap=True)
