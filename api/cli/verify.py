"""``nerve verify``: check the integrity of the log."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from api.archiving import open_archive
from api.cli.connection import command_settings
from api.cli.points import MAX_INTEGER
from api.cli.records import AsJson, Record, print_record, to_record
from api.cli.terminal import errors, output, print_table, say, warn
from api.contexts import load_contexts
from api.ids import now
from api.settings import Settings
from domain.kernel.errors import ConfigurationError
from domain.kernel.names import quantity
from eventstore.archiving.archive import Archive
from eventstore.integrity.blocks import Block, block_of, first_of
from eventstore.integrity.event_schemas import EventSchemas
from eventstore.integrity.log_compatibility import schemas_of_log
from eventstore.integrity.report import Defect, VerificationReport
from eventstore.integrity.verifier import Verifier
from eventstore.mongo.driver import open_client, refused_if_forbidden
from eventstore.mongo.log_collections import LogCollections
from subscriptions.consumers.checkpoints import Checkpoints

MAX_DEFECTS = 1_000
"""Defects that are printed; the table counts the others too."""

PROGRESS_INTERVAL = 10.0
"""Seconds between two lines of progress if stderr is not a terminal."""

ShowProgress = Callable[[int, int], None]


def verify(
    start: Annotated[
        int, typer.Option("--from", min=1, max=MAX_INTEGER, help="Start with the block of this position.")
    ] = 1,
    expect: Annotated[
        list[str] | None,
        typer.Option(help="A seal that an earlier run printed, such as 12:9f86…; the log must contain it."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Check the whole log, and print every fault and its place.

    The command only reads, and can run while nerve is in use. The exit code is 1 if there is a fault.
    """
    expected = dict(map(_seal, expect or ()))
    printer = DefectPrinter(as_json=as_json)
    settings = command_settings()
    report = asyncio.run(_verify(settings, first_of(block_of(start)), expected, printer))
    if as_json:
        print_record({**_report_record(report), "defects": printer.records})
    else:
        _print(report)
    if not report.is_sound:
        raise typer.Exit(1)


def _seal(text: str) -> tuple[int, bytes]:
    parts = re.fullmatch(r"(\d{1,15}):([0-9a-f]{64})", text)
    if parts is None:
        raise typer.BadParameter(f"{text} is not a seal as `nerve verify` prints it, such as 12:9f86…")
    return int(parts[1]), bytes.fromhex(parts[2])


async def _verify(
    settings: Settings, start: int, expected: Mapping[int, bytes], on_defect: Callable[[Defect], None]
) -> VerificationReport:
    if settings.mongo_url is None:
        raise ConfigurationError("mongo_url is not set")
    catalog = load_contexts(settings).catalog
    async with open_client(settings.mongo_url.get_secret_value(), settings.mongo_driver) as client:
        database = client[settings.database]
        collections = LogCollections.of(database)
        with refused_if_forbidden("mongo_url"), _progress() as show:
            schemas = EventSchemas(catalog, await schemas_of_log(database))
            consumers = await Checkpoints(database).furthest()
            verifier = Verifier(
                collections,
                Archive(collections.segments, open_archive(settings)),
                schema_check=schemas.violation,
                clock=now,
                on_defect=on_defect,
                on_progress=show,
            )
            return await verifier.run(start, consumers, expected)


class DefectPrinter:
    """Prints defects as they are found, at most `limit` of them; for JSON it keeps them as `records`."""

    def __init__(self, limit: int = MAX_DEFECTS, *, as_json: bool = False) -> None:
        self._limit = limit
        self._as_json = as_json
        self._count = 0
        self.records: list[Record] = []

    def __call__(self, defect: Defect) -> None:
        self._count += 1
        if self._count <= self._limit:
            self._add(defect)
        elif self._count == self._limit + 1 and not self._as_json:
            say("more defects are counted in the table below")

    def _add(self, defect: Defect) -> None:
        if self._as_json:
            self.records.append(to_record(defect._asdict()))
        else:
            say(Text.assemble((defect.where, "bold red"), f": {defect.what}"))


@contextmanager
def _progress() -> Iterator[ShowProgress]:
    """Show the progress: as a bar on a terminal, else as a line from time to time."""
    if not errors.is_terminal:
        yield ProgressLines()
        return
    columns = (
        TextColumn("verifying"),
        BarColumn(),
        TextColumn("{task.completed:,} of {task.total:,} positions, {task.fields[rate]:,.0f}/s"),
        TimeRemainingColumn(),
    )
    started = time.monotonic()
    with Progress(*columns, console=errors, transient=True, redirect_stdout=output.is_terminal) as progress:
        bar = progress.add_task("", total=0, rate=0.0)

        def show(done: int, total: int) -> None:
            rate = done / max(time.monotonic() - started, 1e-3)
            progress.update(bar, completed=done, total=total, rate=rate)

        yield show


class ProgressLines:
    """Prints the progress as a line every `interval` seconds, for a log file."""

    def __init__(self, interval: float = PROGRESS_INTERVAL) -> None:
        self._interval = interval
        self._started = self._printed = time.monotonic()

    def __call__(self, done: int, total: int) -> None:
        now = time.monotonic()
        if now - self._printed >= self._interval:
            self._printed = now
            rate = done / (now - self._started)
            left = (total - done) / max(rate, 1e-3)
            warn(f"verified {done:,} of {quantity(total, 'position')}, {rate:,.0f}/s, {left:,.0f} s left")


def _report_record(report: VerificationReport) -> Record:
    checks = [
        {"check": check, "checked": count, "wrong": report.defects[check]}
        for check, count in report.checked.items()
    ]
    return {
        "sound": report.is_sound,
        "first": report.first,
        "last": report.last,
        "checks": checks,
        "notes": report.notes,
        "seal": None if report.seal is None else _seal_text(report.seal),
    }


def _print(report: VerificationReport) -> None:
    table = Table("", "checked", "wrong")
    for column in table.columns[1:]:
        column.justify = "right"
    for check, count in report.checked.items():
        wrong = report.defects[check]
        table.add_row(check, f"{count:,}", Text(f"{wrong:,}", style="bold red" if wrong else "green"))
    print_table(table)
    for note in report.notes:
        say(f"note: {note}")
    span = f"positions {report.first:,} to {report.last:,}: " if report.last else "the log is empty: "
    verdict = (
        ("sound", "bold green") if report.is_sound else (f"{report.defects.total():,} wrong", "bold red")
    )
    say(Text.assemble(span, verdict))
    if report.seal is not None and report.is_sound:
        _print_seal(report.seal)


def _print_seal(seal: Block) -> None:
    say(
        f"sealed up to position {seal.last:,}. A user that can write the whole database can forge its seals;"
        f" keep this one elsewhere:\n  nerve verify --expect {_seal_text(seal)}"
    )


def _seal_text(seal: Block) -> str:
    return f"{seal.number}:{seal.digest.hex()}"
