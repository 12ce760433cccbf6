"""``nerve export``: events of the log as CloudEvents."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn

from api.cli.connection import connect_runtime
from api.cli.points import (
    OccurredSince,
    OccurredUntil,
    Point,
    last_position_before,
    parse_moment,
    parse_point,
)
from api.cli.records import AsJson, print_result
from api.cli.terminal import progress_bars
from api.transfer.exporter import Exporter, ExportRange, ExportReport
from domain.kernel.errors import NotFound
from domain.kernel.names import quantity
from eventstore.mongo.driver import Database
from eventstore.reading.event_query import EventQuery
from eventstore.tenants.census import tenants_with_stream

POINT = "2026-01-31, 2026-01-31T12:00:00Z, or a position"


def export(
    file: Annotated[
        Path,
        typer.Argument(help="The file to write: .jsonl or .ndjson, with .gz or .zst after it to compress."),
    ],
    since: Annotated[
        str | None, typer.Option(help=f"Only events recorded at this point or later: {POINT}.")
    ] = None,
    before: Annotated[
        str | None, typer.Option(help=f"Only events recorded before this point: {POINT}.")
    ] = None,
    occurred_since: OccurredSince = None,
    occurred_until: OccurredUntil = None,
    tenant: Annotated[str | None, typer.Option(help="Only events of this tenant; default: of all.")] = None,
    stream: Annotated[
        list[str] | None, typer.Option(help="Only events of this stream, such as task-42; can be repeated.")
    ] = None,
    personal: Annotated[
        bool, typer.Option("--personal", help="Write personal data in plain text; default: as null.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export events as CloudEvents, one per line, in the order of the log.

    `nerve import` imports such a file into another log.
    """
    points = (None if since is None else parse_point(since), None if before is None else parse_point(before))
    query = EventQuery(
        streams=frozenset(stream) if stream else None,
        occurred_since=parse_moment(occurred_since),
        occurred_until=parse_moment(occurred_until),
    )
    print_export(file, asyncio.run(run_export(file, points, tenant, query, personal)), as_json=as_json)


def print_export(file: Path, report: ExportReport, *, as_json: bool) -> None:
    """Print what was exported to the file."""
    seconds = report.seconds
    text = (
        f"{quantity(report.events, 'event')} of {quantity(report.commits, 'commit')} in {seconds:.1f} s"
        f" ({report.events / seconds:.0f} events/s)"
    )
    record = {"file": str(file), "events": report.events, "commits": report.commits, "seconds": seconds}
    print_result(record, text, as_json=as_json)


async def run_export(
    file: Path,
    points: tuple[Point | None, Point | None],
    tenant: str | None,
    query: EventQuery,
    personal: bool,
    *,
    renumber: bool = False,
) -> ExportReport:
    """Export what was recorded between two points, with a progress bar; see `Exporter`.

    Raises NotFound for a stream that does not exist.
    """
    columns = TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()
    since, before = points
    async with connect_runtime() as runtime:
        for stream in query.streams or ():
            await _check_stream(runtime.database, tenant, stream)
        after = 0 if since is None else await last_position_before(runtime, since)
        upto = (
            await runtime.log.high_water_mark()
            if before is None
            else await last_position_before(runtime, before)
        )
        with progress_bars(*columns) as progress:
            bar = progress.add_task(file.name, total=max(0, upto - after))

            def show(report: ExportReport) -> None:
                progress.update(bar, completed=report.position - after)

            exporter = Exporter(runtime.log, personal=personal, renumber=renumber, on_progress=show)
            return await exporter.run(file, ExportRange(after, upto, tenant, query))


async def _check_stream(database: Database, tenant: str | None, stream: str) -> None:
    tenants = await tenants_with_stream(database, stream)
    if tenant not in tenants and (tenant is not None or not tenants):
        raise NotFound(f"there is no stream {stream!r}; ids are exact, such as task-01J…")
