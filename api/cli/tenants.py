"""``nerve tenants``: list, count, export and erase what whole tenants have."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.table import Table

from api.cli.connection import connect_runtime
from api.cli.export import run_export, say_exported
from api.cli.terminal import output, progress_bars, say
from api.tenant_erasure import TenantErasure, erase_tenant
from domain.kernel.errors import NotFound
from domain.kernel.tenants import check_tenant
from eventstore.reading.event_query import EVERYTHING
from eventstore.tenants.census import TenantCount, count_tenants
from projections.querying.tenant_rows import count_tenant_rows

app = typer.Typer(help="List, count, export and erase what whole tenants have.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The name of a tenant.", callback=check_tenant)]

COLUMNS = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())


@app.command("list")
def list_() -> None:
    """List the tenants, with what each has in the log."""
    counts = asyncio.run(_count(None))
    if not counts:
        say("the log is empty")
        return
    table = Table("tenant", "streams", "commits", "events", "bytes", "first", "last")
    for name, count in counts.items():
        numbers = (count.streams, count.commits, count.events, count.bytes)
        times = (f"{time:%Y-%m-%d %H:%M}" if time else "-" for time in (count.first, count.last))
        table.add_row(name, *(f"{number:,}" for number in numbers), *times)
    output.print(table)


@app.command()
def count(tenant: Name) -> None:
    """Count what a tenant has: streams, commits, events and bytes in the log, and rows of each view."""
    counts = asyncio.run(_count(tenant))
    if tenant not in counts:
        raise NotFound(f"the log has nothing of the tenant {tenant!r}; `nerve tenants list` lists all")
    rows = asyncio.run(_rows(tenant))
    log = counts[tenant]
    say(f"{log.streams} streams, {log.commits} commits, {log.events} events, {log.bytes} bytes in the log")
    for view, number in rows.items():
        say(f"{number} rows of {view}")


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
    with progress_bars(*COLUMNS) as bars:
        bar = bars.add_task(task, total=None)
        yield lambda done, total: bars.update(bar, completed=done, total=total)


@app.command()
def erase(
    tenant: Name,
    reason: Annotated[
        str | None, typer.Option(help="The reason, stored in the log; it must not contain personal data.")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Erase a tenant: its commits, keys, rows, dead letters and open work. This cannot be undone.

    End the access of the tenant first. The log keeps its positions and times, and the record of the erasure.
    A run that was interrupted can be repeated. Commits in the archive cannot be erased.
    """
    if not yes:
        typer.confirm(f"Erase everything that {tenant} has, for ever?", abort=True)
    erasure = asyncio.run(_erase(tenant, reason))
    say(
        f"erased {tenant}: {erasure.commits} commits, {erasure.keys} keys, {erasure.rows} rows and dead "
        f"letters, {erasure.work} pieces of open work of processes"
    )


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
) -> None:
    """Export all commits of a tenant to a file that `nerve import` imports.

    Unlike those of `nerve export --tenant`, its positions count the tenant's own commits, so that they
    reveal nothing of other tenants.
    """
    say_exported(asyncio.run(run_export(file, (None, None), tenant, EVERYTHING, personal, renumber=True)))
