"""``nerve tenants``: list, count, export and erase what whole tenants have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from api.cli.confirmation import Yes, confirm
from api.cli.connection import connect_runtime
from api.cli.export import print_export, run_export
from api.cli.records import (
    AsJson,
    Cell,
    Record,
    format_value,
    print_record,
    print_records,
    print_result,
    to_record,
)
from api.cli.terminal import progress_bars, say, warn
from api.tenant_erasure import TenantErasure, erase_tenant
from domain.kernel.errors import NotFound
from domain.kernel.names import quantity
from domain.kernel.tenants import check_tenant
from eventstore.reading.event_query import EVERYTHING
from eventstore.tenants.census import TenantCount, count_tenants
from projections.querying.tenant_rows import count_tenant_rows

app = typer.Typer(help="List, count, export and erase what whole tenants have.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name of a tenant.", callback=check_tenant)]

BARS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


COLUMNS: Mapping[str, Cell] = {
    "tenant": "tenant",
    "streams": lambda count: f"{count['streams']:,}",
    "commits": lambda count: f"{count['commits']:,}",
    "events": lambda count: f"{count['events']:,}",
    "bytes": lambda count: f"{count['bytes']:,}",
    "first": lambda count: format_value(count["first"])[:16],
    "last": lambda count: format_value(count["last"])[:16],
}


@app.command("list")
def list_(as_json: AsJson = False) -> None:
    """List the tenants, with what each has in the log."""
    counts = asyncio.run(_count(None))
    records = (_count_record(name, count) for name, count in counts.items())
    print_records(records, COLUMNS, as_json=as_json, empty="the log is empty")


def _count_record(tenant: str, count: TenantCount) -> Record:
    return {"tenant": tenant, **to_record(asdict(count))}


@app.command()
def count(tenant: Name, as_json: AsJson = False) -> None:
    """Count what a tenant has: streams, commits, events and bytes in the log, and rows of each view."""
    log, rows = asyncio.run(_count_all(tenant))
    if log == TenantCount():
        raise NotFound(f"the log has nothing of the tenant {tenant!r}; `nerve tenants list` lists all")
    if as_json:
        print_record({**_count_record(tenant, log), "rows": to_record(rows)})
        return
    say(_describe_count(log))
    for view, number in rows.items():
        say(f"{quantity(number, 'row')} of {view}")


def _describe_count(log: TenantCount) -> str:
    counts = {"stream": log.streams, "commit": log.commits, "event": log.events, "byte": log.bytes}
    return f"{', '.join(quantity(count, noun) for noun, count in counts.items())} in the log"


async def _count_all(tenant: str) -> tuple[TenantCount, Mapping[str, int]]:
    """Return what the tenant has in the log, and its rows of each view."""
    counts = await _count(tenant)
    return counts.get(tenant, TenantCount()), await _rows(tenant)


async def _count(tenant: str | None) -> Mapping[str, TenantCount]:
    async with connect_runtime() as runtime:
        upto = await runtime.log.high_water_mark()
        with _progress("counting") as show:
            return await count_tenants(runtime.database, upto, tenant, show)


async def _rows(tenant: str) -> Mapping[str, int]:
    async with connect_runtime() as runtime:
        locators = {name: parts.locator for name, parts in runtime.view_parts.items()}
        return await count_tenant_rows(locators, tenant)


@contextmanager
def _progress(task: str) -> Iterator[Callable[[int, int], None]]:
    with progress_bars(*BARS) as bars:
        bar = bars.add_task(task, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


@app.command()
def erase(
    tenant: Name,
    reason: Annotated[
        str | None, typer.Option(help="The reason, stored in the log; it must not contain personal data.")
    ] = None,
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Erase a tenant: its commits, keys, rows, dead letters and open work. This cannot be undone.

    End the access of the tenant first. The log keeps its positions and times, and the record of the erasure.
    A run that was interrupted can be repeated. Commits in the archive cannot be erased.
    """
    if not yes:
        log, rows = asyncio.run(_count_all(tenant))
        warn(f"{tenant} has {_describe_count(log)}, and {quantity(sum(rows.values()), 'row')} of views")
        confirm(f"Erase everything that {tenant} has, for ever?")
    erasure = asyncio.run(_erase(tenant, reason))
    text = (
        f"erased {tenant}: {quantity(erasure.commits, 'commit')}, {quantity(erasure.keys, 'key')}, "
        f"{quantity(erasure.rows, 'row or dead letter')}, {erasure.work} pieces of open work of processes"
    )
    print_result({"tenant": tenant, **asdict(erasure)}, text, as_json=as_json)


async def _erase(tenant: str, reason: str | None) -> TenantErasure:
    async with connect_runtime(as_maintenance=True, appends_events=True) as runtime:
        with _progress("erasing") as show:
            return await erase_tenant(runtime, tenant, reason, show)


@app.command()
def export(
    tenant: Name,
    file: Annotated[Path, typer.Argument(help="The file to write: .jsonl, with .gz or .zst to compress.")],
    personal: Annotated[
        bool, typer.Option("--personal", help="Include personal data, in plain text.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Export all commits of a tenant to a file that `nerve import` imports.

    Unlike those of `nerve export --tenant`, its positions count the tenant's own commits, so that they
    reveal nothing of other tenants.
    """
    report = asyncio.run(run_export(file, (None, None), tenant, EVERYTHING, personal, renumber=True))
    print_export(file, report, as_json=as_json)
