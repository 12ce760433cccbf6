"""``nerve archive``: move old commits to compressed segments, where they can still be read."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from api.archiving import open_archiver
from api.cli.connection import connect_runtime
from api.cli.points import Point, last_position_before, parse_point
from api.cli.terminal import output, progress_bars, say
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.archiver import ArchiveProgress
from eventstore.archiving.segments import Segment


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
) -> None:
    """Move old commits to compressed segments, or list the segments.

    Archived commits are read as before, as long as their segments are in the store that archive_url names.
    """
    if before is not None and list_:
        raise ValidationFailed("--before and --list exclude each other")
    asyncio.run(_show() if before is None else _archive(parse_point(before)))


async def _archive(before: Point) -> None:
    async with connect_runtime() as runtime, open_archiver(runtime.settings) as archiver:
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
    commits, size = sum(segment.count for segment in segments), sum(segment.bytes for segment in segments)
    stored = sum(segment.stored_bytes for segment in segments)
    say(f"archived {commits} commits in {len(segments)} segments: {size} bytes became {stored}")


async def _show() -> None:
    async with connect_runtime(allow_shortfall=True) as runtime:
        segments = await runtime.log.archive.segments()
    if not segments:
        say("no commit is archived")
        return
    titles = ("segment", "positions", "commits", "bytes", "stored", "archived")
    table = Table(*(Column(title, no_wrap=True) for title in titles), Column("name", overflow="fold"))
    for segment in segments:
        positions = f"{segment.first} to {segment.last}"
        at = f"{segment.at:%Y-%m-%d}"
        counts = map(str, (segment.count, segment.bytes, segment.stored_bytes))
        table.add_row(str(segment.number), positions, *counts, at, segment.name)
    output.print(table)
