"""``nerve claims``: the claims on unique values."""

from __future__ import annotations

import asyncio

import typer

from api.cli.connection import connect_runtime
from api.cli.records import AsJson, print_result
from api.cli.terminal import warn
from domain.kernel.names import quantity
from eventstore.aggregates.claim_upkeep import RebuildReport

claims = typer.Typer(help="Manage the claims on unique values.", no_args_is_help=True)


@claims.callback()
def _group() -> None:
    """Keep `rebuild` a command of the group, which it would replace as the only one."""


@claims.command()
def rebuild(as_json: AsJson = False) -> None:
    """Claim the unique values of all stored streams, and release claims that are not needed any more.

    Run it after a unique value got another form. nerve itself runs it for a value that is newly declared,
    and after an import. The exit code is 1 if a value is found in two streams.
    """
    if report_claims(asyncio.run(_rebuild()), as_json=as_json):
        raise typer.Exit(1)


def report_claims(report: RebuildReport, *, as_json: bool = False) -> bool:
    """Print the report; return whether a value was found in two streams."""
    released = quantity(report.released, "claim")
    text = f"claimed the unique values of {quantity(report.streams, 'stream')}; released {released}"
    duplicates = [dict(zip(("tenant", "stream", "field"), each, strict=True)) for each in report.duplicates]
    record = {"streams": report.streams, "released": report.released, "duplicates": duplicates}
    print_result(record, text, as_json=as_json)
    warn_of_duplicates(report)
    return bool(report.duplicates)


def warn_of_duplicates(report: RebuildReport) -> None:
    """Name each value that was found in two streams."""
    for tenant, stream, field in report.duplicates:
        warn(f"tenant {tenant}: another stream has the same {field} as {stream}; change one of them")


async def _rebuild() -> RebuildReport:
    async with connect_runtime(appends_events=True) as runtime:
        return await runtime.claim_upkeep.rebuild()
