"""``nerve import``: process logs, commands as CloudEvents, and exports."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from api.cli.claims import report_claims
from api.cli.connection import connect_runtime
from api.cli.tenant_option import DEFAULT_TENANT, cli_scope
from api.cli.terminal import progress_bars, say, warn
from api.fleet.process_logs import PROCESS_LOG_READERS
from api.transfer.command_importer import CommandImporter, ImportReport
from api.transfer.command_reader import command_readers
from api.transfer.export_importer import ExportImporter, is_export
from api.transfer.rows import RefusedRow
from domain.kernel import Scope
from domain.kernel.tenants import check_tenant
from eventstore.integrity.log_compatibility import schemas_of_log

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("{task.fields[rate]:.0f} rows/s"),
    TimeRemainingColumn(),
)


def import_file(
    file: Annotated[
        Path,
        typer.Argument(
            help="A process log (.csv, .xes), or commands or an export as CloudEvents (.jsonl, .ndjson);"
            " it may be compressed (.gz, .zst)."
        ),
    ],
    tenant: Annotated[
        str,
        typer.Option(
            help="The tenant whose commands are imported; an export names its own.", callback=check_tenant
        ),
    ] = DEFAULT_TENANT,
) -> None:
    """Import a process log, commands as CloudEvents, or a file that `nerve export` wrote.

    Importing a file twice adds nothing. The exit code is 1 if rows are refused.
    """
    report, unit = asyncio.run(_import(file, cli_scope(tenant)))
    say(
        f"{report.rows} rows in {report.seconds:.1f} s ({report.rate:.0f} rows/s): {report.stored} {unit}"
        f" stored, {report.already_stored} already stored by an earlier run, {report.refused} rows refused"
    )
    if report.refused:
        raise typer.Exit(1)


async def _import(file: Path, scope: Scope) -> tuple[ImportReport, str]:
    """Import the file. Return the report, and the name of what it counts."""
    async with connect_runtime(appends_events=True) as runtime:
        with progress_bars(*COLUMNS) as progress:
            bar = progress.add_task(file.name, total=None, rate=0.0)

            def show(report: ImportReport) -> None:
                progress.update(bar, completed=report.rows, total=report.total, rate=report.rate)

            print_refused = partial(_print_refused, file)
            if is_export(file):
                schemas = await schemas_of_log(runtime.database)
                exports = ExportImporter(runtime.catalog, runtime.log, show, print_refused, schemas)
                report = await exports.run(file)
                if runtime.unique_values.contexts:
                    report_claims(await runtime.claim_upkeep.rebuild())
                return report, "commits"
            readers = {**PROCESS_LOG_READERS, **command_readers(runtime.catalog)}
            commands = CommandImporter(runtime.bus, runtime.log, readers, show, print_refused, scope)
            return await commands.run(file), "commands"


def _print_refused(file: Path, row: RefusedRow) -> None:
    warn(f"{file}:{row.line}: {row.reason}")
