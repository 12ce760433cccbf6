"""``nerve export``: the events of the log as CloudEvents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from api.cli.points import (
    OccurredSince,
    OccurredUntil,
    Point,
    last_position_before,
    parse_moment,
    parse_point,
)
from api.cli.terminal import connect_runtime, errors, output
from api.transfer.exporter import Exporter, ExportRange, ExportReport
from eventstore.reading.event_query import EventQuery

POINT = "2026-01-31, 2026-01-31T12:00:00Z, or a position"


def export(
    file: Annotated[Path, typer.Argument(help="Where to; .jsonl or .ndjson, packed with .gz or .zst.")],
    since: Annotated[
        str | None, typer.Option(help=f"Only what was recorded at this or later: {POINT}.")
    ] = None,
    before: Annotated[str | None, typer.Option(help=f"Only what was recorded before this: {POINT}.")] = None,
    occurred_since: OccurredSince = None,
    occurred_until: OccurredUntil = None,
    tenant: Annotated[str | None, typer.Option(help="Only this tenant; without it all.")] = None,
    stream: Annotated[list[str] | None, typer.Option(help="Only this stream, such as task-42.")] = None,
    personal: Annotated[bool, typer.Option("--personal", help="Personal data in plain, not null.")] = False,
) -> None:
    """Export events as CloudEvents, one a line, in the order of the log; `nerve import` reads them back."""
    points = (None if since is None else parse_point(since), None if before is None else parse_point(before))
    query = EventQuery(
        streams=frozenset(stream) if stream else None,
        occurred_since=parse_moment(occurred_since),
        occurred_until=parse_moment(occurred_until),
    )
    report = asyncio.run(_export(file, points, tenant, query, personal))
    output.print(
        f"{report.events} events of {report.commits} commits in {report.seconds:.1f} s"
        f" ({report.events / report.seconds:.0f} events/s)",
        highlight=False,
        soft_wrap=True,
    )


async def _export(
    file: Path,
    points: tuple[Point | None, Point | None],
    tenant: str | None,
    query: EventQuery,
    personal: bool,
) -> ExportReport:
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    since, before = points
    async with connect_runtime() as runtime:
        after = 0 if since is None else await last_position_before(runtime, since)
        upto = (
            await runtime.log.high_water_mark()
            if before is None
            else await last_position_before(runtime, before)
        )
        with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
            bar = progress.add_task(file.name, total=max(0, upto - after))

            def show(report: ExportReport) -> None:
                progress.update(bar, completed=report.position - after)

            exporter = Exporter(runtime.log, personal=personal, on_progress=show)
            return await exporter.run(file, ExportRange(after, upto, tenant, query))
