"""``nerve events replay``: a part of the log once more, at once or in its own rhythm."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.events import Streams, Types, print_event_line
from api.cli.points import OccurredSince, OccurredUntil, parse_as_of, parse_moment
from api.cli.terminal import connect_runtime, errors, output
from domain.kernel import Commit, Scope
from domain.kernel.errors import NotFound
from eventstore.log import EventLog
from eventstore.reading.as_of import AsOf
from eventstore.reading.event_query import EventQuery

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("{task.fields[rate]:.0f} positions/s"),
    TimeRemainingColumn(),
)


def replay(
    since: Annotated[
        str | None,
        typer.Option(help="From this position on, or moment of record such as 2026-01-31T12:00:00Z."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Before this position or moment of record.")] = None,
    occurred_since: OccurredSince = None,
    occurred_until: OccurredUntil = None,
    type: Types = None,
    stream: Streams = None,
    category: Annotated[list[str] | None, typer.Option(help="Only this category, such as task.")] = None,
    speed: Annotated[
        float | None,
        typer.Option(min=0.001, help="In the rhythm of the events' times, this many times as fast."),
    ] = None,
) -> None:
    """Print once more what was recorded between two points, in order. Ctrl-C tells where to go on."""
    query = EventQuery(
        streams=stream,
        categories=category,
        types=type,
        occurred_since=parse_moment(occurred_since),
        occurred_until=parse_moment(occurred_until),
    )
    first, last = (None if point is None else parse_as_of(point) for point in (since, until))
    asyncio.run(_replay(query, first, last, speed))


async def _replay(query: EventQuery, since: AsOf | None, until: AsOf | None, speed: float | None) -> None:
    async with connect_runtime() as runtime:
        await _check_streams(runtime.log, query)
        found = await runtime.log.replay(Scope().tenant, query, since=since, until=until)
        player = ReplayPrinter(query, speed)
        # Where lines scroll by, they are the progress.
        with Progress(*COLUMNS, console=errors, transient=True, disable=output.is_terminal) as progress:
            bar = progress.add_task("replay", total=found.progress.total, rate=0.0)

            async def play(commit: Commit) -> None:
                done, _, rate = found.progress
                progress.update(bar, completed=done, rate=rate)
                await player.play(commit)

            try:
                await found.to(play)
            except asyncio.CancelledError:
                errors.print(f"go on with --since {found.position + 1}", highlight=False)
                raise
    errors.print(f"{player.events} events in {player.commits} commits", highlight=False)


async def _check_streams(log: EventLog, query: EventQuery) -> None:
    for stream in query.streams or ():
        if not await log.stream(Scope().tenant, stream, limit=1):
            raise NotFound(f"there is no stream {stream!r}; ids are exact, such as task-01J…")


class ReplayPrinter:
    """Prints what is wanted of each commit; with `speed` when it is due."""

    def __init__(self, query: EventQuery, speed: float | None) -> None:
        self._query = query
        self._speed = speed
        self._first: datetime | None = None
        self._begun = 0.0
        self.commits = 0
        self.events = 0

    async def play(self, commit: Commit) -> None:
        """Print a commit's events. One that happened before those that came before it is due at once."""
        wanted = [event for event in commit.events if self._query.wants(event)]
        await self._until_due(wanted[0].time)
        for event in wanted:
            print_event_line(event)
        self.commits += 1
        self.events += len(wanted)

    async def _until_due(self, time: datetime) -> None:
        if self._speed is None:
            return
        now = asyncio.get_running_loop().time()
        if self._first is None:
            self._first, self._begun = time, now
        due = self._begun + (time - self._first).total_seconds() / self._speed
        await asyncio.sleep(max(0.0, due - now))
