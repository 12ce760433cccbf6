"""``nerve archive``: old commits move to compressed segments, and stay as readable as before."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Column, Table

from api.archiving import open_archiver
from api.cli.points import Point, last_position_before, parse_point
from api.cli.terminal import connect_runtime, errors, output
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.archiver import ArchiveProgress
from eventstore.archiving.segments import Segment


def archive(
    before: Annotated[
        str | None,
        typer.Option(
            help="Archive what was recorded before this: 2026-01-31, 2026-01-31T12:00:00Z, or a position."
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="Show the segments, as without options.")] = False,
) -> None:
    """Move old commits to compressed segments, or show those that there are.

    What is archived is read as before, as long as its segment is where archive_url says.
    """
    if before is not None and list_:
        raise ValidationFailed("give --before or --list, not both")
    asyncio.run(_show() if before is None else _archive(parse_point(before)))


async def _archive(before: Point) -> None:
    async with connect_runtime() as runtime, open_archiver(runtime.settings) as archiver:
        upto = await last_position_before(runtime, before)
        done = sum(segment.count for segment in await runtime.log.archive.segments())
        columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
        with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
            bar = progress.add_task("commits", total=max(0, upto - done))
            made: list[Segment] = []

            def show(archived: ArchiveProgress) -> None:
                made.append(archived.segment)
                progress.update(bar, advance=archived.segment.count)

            await archiver.run(upto, progress=show)
    commits, size = sum(one.count for one in made), sum(one.bytes for one in made)
    stored = sum(one.stored_bytes for one in made)
    _say(f"{commits} commits archived in {len(made)} segments: {size} bytes are {stored} now")


async def _show() -> None:
    async with connect_runtime(allow_shortfall=True) as runtime:
        segments = await runtime.log.archive.segments()
    if not segments:
        _say("nothing is archived")
        return
    titles = ("segment", "positions", "commits", "bytes", "stored", "archived")
    table = Table(*(Column(title, no_wrap=True) for title in titles), Column("name", overflow="fold"))
    for one in segments:
        positions = f"{one.first} to {one.last}"
        at = f"{one.at:%Y-%m-%d}"
        counts = map(str, (one.count, one.bytes, one.stored_bytes))
        table.add_row(str(one.number), positions, *counts, at, one.name)
    output.print(table)


def _say(text: str) -> None:
    output.print(text, highlight=False, markup=False, soft_wrap=True)
