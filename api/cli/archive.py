"""``nerve archive``: move old commits to compressed segments, where they can still be read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from api.archiving import open_archiver
from api.cli.connection import connect_runtime
from api.cli.points import Point, last_position_before, parse_point
from api.cli.records import AsJson, Cell, Record, print_records, print_result, to_record
from api.cli.terminal import progress_bars
from api.devserver.folder import differing_settings
from api.runtime import Runtime
from api.self_monitoring.monitor import worker_reports
from domain.kernel.errors import ConfigurationError, ValidationFailed
from domain.kernel.names import quantity
from eventstore.archiving.archiver import ArchiveProgress
from eventstore.archiving.segments import Segment

COLUMNS: Mapping[str, Cell] = {
    "segment": "number",
    "positions": lambda segment: f"{segment['first']} to {segment['last']}",
    "commits": "commits",
    "bytes": "bytes",
    "stored": "storedBytes",
    "archived": lambda segment: f"{segment['at']:%Y-%m-%d}",
    "name": "name",
}


def archive(
    before: Annotated[
        str | None,
        typer.Option(
            help="Archive commits recorded before this: 2026-01-31, 2026-01-31T12:00:00Z, or a position."
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the segments; the default without options.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Move old commits to compressed segments, or list the segments.

    Archived commits are read as before, as long as their segments are in the store that archive_url names.
    """
    if before is not None and list_:
        raise ValidationFailed("--before and --list exclude each other")
    if before is None:
        asyncio.run(_show(as_json=as_json))
    else:
        asyncio.run(_archive(parse_point(before), as_json=as_json))


async def _archive(before: Point, *, as_json: bool) -> None:
    async with connect_runtime() as runtime, open_archiver(runtime.settings) as archiver:
        await _check_store(runtime)
        upto = await last_position_before(runtime, before)
        done = sum(segment.count for segment in await runtime.log.archive.segments())
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with progress_bars(*columns) as progress:
            bar = progress.add_task("commits", total=max(0, upto - done))
            segments: list[Segment] = []

            def show(archived: ArchiveProgress) -> None:
                segments.append(archived.segment)
                progress.update(bar, advance=archived.segment.count)

            await archiver.run(upto, progress=show)
    _print_run(segments, as_json=as_json)


async def _check_store(runtime: Runtime) -> None:
    """Raise ConfigurationError where a running server could not read from the store."""
    own = runtime.settings.archive_url
    others = {report.archive_url for report in await worker_reports(runtime).read()} - {own}
    if others or "archive_url" in differing_settings(runtime.settings):
        raise ConfigurationError(
            "the nerve that is running has another archive_url, so it could not read what is archived; set"
            " the same one for the API and all workers, and start them again"
        )


def _print_run(segments: Sequence[Segment], *, as_json: bool) -> None:
    commits, size = sum(segment.count for segment in segments), sum(segment.bytes for segment in segments)
    stored = sum(segment.stored_bytes for segment in segments)
    text = f"archived {quantity(commits, 'commit')} in {quantity(len(segments), 'segment')}"
    text += f": {quantity(size, 'byte')} became {stored:,}"
    record = {"segments": len(segments), "commits": commits, "bytes": size, "storedBytes": stored}
    print_result(record, text, as_json=as_json)


async def _show(*, as_json: bool) -> None:
    async with connect_runtime(allow_shortfall=True) as runtime:
        segments = await runtime.log.archive.segments()
    records = map(_segment_record, segments)
    print_records(records, COLUMNS, as_json=as_json, empty="no commit is archived")


def _segment_record(segment: Segment) -> Record:
    return {**to_record(asdict(segment)), "commits": segment.count}
