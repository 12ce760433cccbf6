"""``nerve import``: process logs, commands as CloudEvents, and exports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
import uvloop
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from api.cli.claims import report_claims, warn_of_duplicates
from api.cli.connection import connect_runtime
from api.cli.import_inputs import (
    Columns,
    Delimiter,
    DryRun,
    Encoding,
    Files,
    Format,
    Source,
    Strict,
    Transitions,
    input_files,
    parse_columns,
    parse_delimiter,
    parse_encoding,
    parse_transitions,
)
from api.cli.records import AsJson, print_record, sentence_printer
from api.cli.tenant_option import DEFAULT_TENANT, cli_scope
from api.cli.terminal import progress_bars, say, warn
from api.fleet.process_logs import PROCESS_LOG_READERS
from api.ids import new_id, now
from api.runtime import Runtime
from api.transfer.command_importer import CommandDispatcher, CommandImporter, CommandLookup
from api.transfer.command_reader import command_readers
from api.transfer.export_importer import ExportImporter, is_export
from api.transfer.import_options import ImportOptions
from api.transfer.import_report import ImportReport, RowOutcome
from api.transfer.rehearsal import Rehearsal
from api.transfer.rows import RefusedRow
from domain.kernel.errors import ValidationFailed
from domain.kernel.names import quantity
from domain.kernel.tenants import check_tenant
from eventstore.integrity.log_compatibility import schemas_of_log

COLUMNS = (
    TextColumn("{task.description}"),
    BarColumn(),
    MofNCompleteColumn(),
    TextColumn("{task.fields[rate]:.0f} rows/s"),
    TimeRemainingColumn(),
)


def import_files(
    files: Files,
    tenant: Annotated[
        str,
        typer.Option(
            help="The tenant whose commands are imported; an export names its own.", callback=check_tenant
        ),
    ] = DEFAULT_TENANT,
    source: Source = None,
    columns: Columns = None,
    transitions: Transitions = None,
    encoding: Encoding = None,
    delimiter: Delimiter = None,
    format: Format = None,
    dry_run: DryRun = False,
    strict: Strict = False,
    as_json: AsJson = False,
) -> None:
    """Import process logs, commands as CloudEvents, or files that `nerve export` wrote.

    Importing a file twice adds nothing. The exit code is 1 if rows or files are refused or conflict with what
    is stored, and 2 if an option is wrong.
    """
    options = ImportOptions(
        scope=cli_scope(tenant),
        source=source or None,
        columns=parse_columns(columns),
        transitions=parse_transitions(transitions),
        encoding=parse_encoding(encoding),
        delimiter=parse_delimiter(delimiter),
    )
    with input_files(files, format) as paths:
        if not uvloop.run(_import(paths, options, dry_run=dry_run, strict=strict, as_json=as_json)):
            raise typer.Exit(1)


async def _import(
    files: Sequence[Path], options: ImportOptions, *, dry_run: bool, strict: bool, as_json: bool
) -> bool:
    """Import the files; return whether all of their rows are stored or known."""
    async with connect_runtime(appends_events=True) as runtime:
        if dry_run or strict:
            rehearsal = Rehearsal(
                runtime.catalog, runtime.log, runtime.aggregates, now, new_id, runtime.digest_key
            )
            trial = _FileImport(runtime, options, rehearsal, rehearsal, is_dry=True, as_json=as_json)
            is_clean = await _import_each(files, trial)
            if dry_run or not is_clean:
                sentence_printer(as_json=as_json)("nothing was stored")
                return is_clean
        return await _import_each(
            files, _FileImport(runtime, options, runtime.bus, runtime.log, is_dry=False, as_json=as_json)
        )


async def _import_each(files: Sequence[Path], importer: _FileImport) -> bool:
    is_clean = True
    for file in files:
        try:
            report, unit = await importer.run(file)
        except ValidationFailed as error:
            warn(f"nerve: {error}")
            is_clean = False
            continue
        if importer.as_json:
            print_record(_report_record(file, report, unit, is_dry=importer.is_dry))
        else:
            _say_report(report, unit, prefix=f"{file}: " if len(files) > 1 else "", is_dry=importer.is_dry)
        is_clean &= report.is_clean
    return is_clean


def _report_record(file: Path, report: ImportReport, unit: str, *, is_dry: bool) -> dict[str, Any]:
    return {
        "file": str(file),
        "dryRun": is_dry,
        "seconds": report.seconds,
        "rows": {"read": report.rows, **{each.value: report.outcomes[each] for each in RowOutcome}},
        unit: {"stored": report.stored, "alreadyStored": report.already_stored},
    }


def _say_report(report: ImportReport, unit: str, *, prefix: str, is_dry: bool) -> None:
    action = "would be stored" if is_dry else "stored"
    say(
        f"{prefix}{quantity(report.rows, 'row')} in {report.seconds:.1f} s ({report.rate:.0f} rows/s): "
        f"{quantity(report.stored, unit.removesuffix('s'))} {action}, {report.already_stored} already stored "
        f"by an earlier run, {quantity(report.refused, 'row')} refused"
    )
    say(f"{prefix}rows: {report.describe_rows()}")


@dataclass(frozen=True)
class _FileImport:
    """Imports one file after the other; `is_dry` stores nothing, and `as_json` is for the output."""

    runtime: Runtime
    options: ImportOptions
    bus: CommandDispatcher
    log: CommandLookup
    is_dry: bool
    as_json: bool

    async def run(self, file: Path) -> tuple[ImportReport, str]:
        """Import the file. Return the report, and the name of what it counts."""
        with progress_bars(*COLUMNS) as progress:
            bar = progress.add_task(file.name, total=None, rate=0.0)

            def show(report: ImportReport) -> None:
                progress.update(bar, completed=report.rows, total=report.total, rate=report.rate)

            if is_export(file):
                return await self._import_export(file, show), "commits"
            return await self._import_commands(file, show), "commands"

    async def _import_export(self, file: Path, show: Callable[[ImportReport], None]) -> ImportReport:
        runtime = self.runtime
        schemas = await schemas_of_log(runtime.database)
        print_refused = partial(_print_refused, file)
        exports = ExportImporter(
            runtime.catalog, runtime.log, show, print_refused, schemas, dry_run=self.is_dry
        )
        report = await exports.run(file)
        if runtime.unique_values.contexts and not self.is_dry:
            claims = await runtime.claim_upkeep.rebuild()
            if self.as_json:
                warn_of_duplicates(claims)
            else:
                report_claims(claims)
        return report

    async def _import_commands(self, file: Path, show: Callable[[ImportReport], None]) -> ImportReport:
        runtime = self.runtime
        options = replace(self.options, on_note=lambda note: warn(f"{file.name} {note}"))
        readers = {**PROCESS_LOG_READERS, **command_readers(runtime.catalog)}
        print_refused = partial(_print_refused, file)
        return await CommandImporter(self.bus, self.log, readers, show, print_refused, options).run(file)


def _print_refused(file: Path, row: RefusedRow) -> None:
    warn(f"{file}:{row.line}: {row.reason}")
