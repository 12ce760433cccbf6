"""``nerve events replay``: print a part of the log, at once or at the pace of its events."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from api.cli.connection import connect_runtime
from api.cli.events import Streams, Types, app, print_event_line
from api.cli.points import OccurredSince, OccurredUntil, parse_as_of, parse_moment
from api.cli.records import AsJson
from api.cli.tenant_option import DEFAULT_TENANT, Tenant
from api.cli.terminal import output, progress_bars, warn
from domain.kernel import Commit
from domain.kernel.errors import NotFound
from domain.kernel.names import quantity
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


@app.command()
def replay(
    since: Annotated[
        str | None,
        typer.Option(help="Start at this position or time of recording, such as 2026-01-31T12:00:00Z."),
    ] = None,
    until: Annotated[str | None, typer.Option(help="Stop before this position or time of recording.")] = None,
    occurred_since: OccurredSince = None,
    occurred_until: OccurredUntil = None,
    type: Types = None,
    stream: Streams = None,
    category: Annotated[
        list[str] | None, typer.Option(help="Only streams of this category, such as task; can be repeated.")
    ] = None,
    speed: Annotated[
        float | None,
        typer.Option(
            min=0.001,
            help="Print at the pace of the events' times, this many times as fast; default: at once.",
        ),
    ] = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Print the events between two points of the log, in order. After Ctrl-C it prints where to continue."""
    query = EventQuery(
        streams=stream,
        categories=category,
        types=type,
        occurred_since=parse_moment(occurred_since),
        occurred_until=parse_moment(occurred_until),
    )
    first, last = (None if point is None else parse_as_of(point) for point in (since, until))
    asyncio.run(_replay(tenant, query, first, last, ReplayPrinter(query, speed, as_json=as_json)))


async def _replay(
    tenant: str, query: EventQuery, since: AsOf | None, until: AsOf | None, printer: ReplayPrinter
) -> None:
    async with connect_runtime() as runtime:
        await _check_streams(runtime.log, tenant, query)
        events = await runtime.log.replay(tenant, query, since=since, until=until)
        # On a terminal the printed events show the progress.
        with progress_bars(*COLUMNS, disable=output.is_terminal) as progress:
            bar = progress.add_task("replay", total=events.progress.total, rate=0.0)

            async def play(commit: Commit) -> None:
                done, _, rate = events.progress
                progress.update(bar, completed=done, rate=rate)
                await printer.print_commit(commit)

            try:
                await events.to(play)
            except asyncio.CancelledError:
                warn(f"continue with --since {events.position + 1}")
                raise
    warn(f"{quantity(printer.events, 'event')} in {quantity(printer.commits, 'commit')}")


async def _check_streams(log: EventLog, tenant: str, query: EventQuery) -> None:
    for stream in query.streams or ():
        if not await log.stream(tenant, stream, limit=1):
            raise NotFound(f"there is no stream {stream!r}; ids are exact, such as task-01J…")


class ReplayPrinter:
    """Prints the events of each commit that match the query; with `speed`, when they are due."""

    def __init__(self, query: EventQuery, speed: float | None, *, as_json: bool) -> None:
        self._query = query
        self._speed = speed
        self._as_json = as_json
        self._first: datetime | None = None
        self._started = 0.0
        self.commits = 0
        self.events = 0

    async def print_commit(self, commit: Commit) -> None:
        """Print the matching events of a commit. An event older than those before it is due at once."""
        events = [event for event in commit.events if self._query.wants(event)]
        await self._until_due(events[0].time)
        for event in events:
            print_event_line(event, as_json=self._as_json)
        self.commits += 1
        self.events += len(events)

    async def _until_due(self, time: datetime) -> None:
        if self._speed is None:
            return
        now = asyncio.get_running_loop().time()
        if self._first is None:
            self._first, self._started = time, now
        due = self._started + (time - self._first).total_seconds() / self._speed
        await asyncio.sleep(max(0.0, due - now))
