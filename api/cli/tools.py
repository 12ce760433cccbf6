"""Commands that do one thing: `import` and `demo`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.terminal import errors, output, running_nerve
from api.fleet.demo import Demo
from api.transfer.command_importer import CommandImporter, ImportReport
from api.transfer.export_importer import ExportImporter, is_export
from api.transfer.rows import RefusedRow
from eventstore.integrity.log_compatibility import schemas_of_log


def import_file(
    file: Annotated[
        Path,
        typer.Argument(help="A process log (.csv, .xes), CloudEvents or an export (.jsonl), also .gz, .zst."),
    ],
) -> None:
    """Import a process log, commands as CloudEvents, or what `nerve export` wrote.

    A second run adds nothing. Exit code 1 where rows were refused.
    """
    report, unit = asyncio.run(_import(file))
    output.print(
        f"{report.rows} rows in {report.seconds:.1f} s ({report.rate:.0f} rows/s): {report.stored} {unit}"
        f" stored, {report.known} known from an earlier run, {report.refused} rows refused",
        highlight=False,
        soft_wrap=True,
    )
    if report.refused:
        raise typer.Exit(1)


async def _import(file: Path) -> tuple[ImportReport, str]:
    """Import the file; the report, and what it counts."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:.0f} rows/s"),
        TimeRemainingColumn(),
    )
    async with running_nerve(operate=False) as nerve:
        with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
            bar = progress.add_task(file.name, total=None, rate=0.0)

            def show(report: ImportReport) -> None:
                progress.update(bar, completed=report.rows, total=report.total, rate=report.rate)

            refuse = partial(_refuse, file)
            if is_export(file):
                of_log = await schemas_of_log(nerve.database)
                restorer = ExportImporter(nerve.catalog, nerve.log, show, refuse, of_log)
                return await restorer.run(file), "commits"
            return await CommandImporter(nerve.catalog, nerve.bus, nerve.log, show, refuse).run(
                file
            ), "commands"


def _refuse(file: Path, row: RefusedRow) -> None:
    errors.print(f"{file}:{row.line}: {row.reason}", highlight=False, markup=False, soft_wrap=True)


def demo(
    agents: Annotated[int, typer.Option(min=1, help="How many agents.")] = 8,
    rate: Annotated[float, typer.Option(min=0.01, help="About how many tasks end in a second.")] = 2.0,
    duration: Annotated[float | None, typer.Option(help="Seconds; without it, until Ctrl-C.")] = None,
    seed: Annotated[int, typer.Option(help="Another one plays another story.")] = 1,
) -> None:
    """Play a fleet of agents that work on tasks, so that live pages move."""
    with suppress(KeyboardInterrupt):
        sent = asyncio.run(_demo(agents, rate, duration, seed))
        output.print(f"the agents are done after {sum(sent.values())} commands", highlight=False)


async def _demo(agents: int, rate: float, duration: float | None, seed: int) -> Mapping[str, int]:
    async with running_nerve(operate=False) as nerve:
        errors.print(f"{agents} agents are at work; Ctrl-C stops them", highlight=False)
        return await Demo(nerve.bus, fleet=agents, rate=rate, seed=seed).play(duration)
