"""``nerve erase`` and ``nerve keys``: erasure of personal data, and rotation of the master key."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from api.cli.connection import connect_runtime
from api.cli.tenant_option import DEFAULT_TENANT, Tenant, cli_scope
from api.cli.terminal import progress_bars, say, warn
from api.graphql.fields.command_inputs import read_input
from domain.builtin.subjects.commands import EraseSubject
from domain.kernel import Envelope
from domain.kernel.errors import StaleRead
from domain.kernel.personal import actor_subject

keys = typer.Typer(help="Manage the keys that encrypt personal data.", no_args_is_help=True)

VIEW_TIMEOUT = 60.0
"""Seconds to wait for the views to remove the personal data."""


def erase(
    subject: Annotated[
        str, typer.Argument(help="The id of the person that the data is about, or the name of an actor.")
    ],
    reason: Annotated[
        str | None, typer.Option(help="The reason, stored in the log; it must not contain personal data.")
    ] = None,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Erase the personal data of a subject: it reads as null from now on. This cannot be undone."""
    command = read_input(EraseSubject, {"subject": actor_subject(subject), "reason": reason})
    asyncio.run(_erase(command, tenant))


async def _erase(command: EraseSubject, tenant: str) -> None:
    async with connect_runtime() as runtime:
        receipt = await runtime.bus.dispatch(Envelope(command, cli_scope(tenant), source="cli"))
        state = "is erased" if receipt.changed else "was erased before"
        say(f"{command.subject} {state}; its key is destroyed")
        try:
            await runtime.projection_waits.reach(runtime.readers, receipt.position, VIEW_TIMEOUT)
        except StaleRead as stale:
            warn(f"views may still contain its data: {stale}")
            raise typer.Exit(1) from None
        say("no view contains its data any more")


@keys.command()
def rotate() -> None:
    """Encrypt all keys with the current master key. The previous one must be in old_master_keys.

    The command can be interrupted and run again. Afterwards, remove the previous master key: the keys in old
    backups then cannot be decrypted any more.
    """
    count = asyncio.run(_rotate())
    say(f"{count} keys are now encrypted with the current master key")


async def _rotate() -> int:
    columns = TextColumn("keys"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    async with connect_runtime() as runtime:
        with progress_bars(*columns) as progress:
            bar = progress.add_task("keys", total=None)
            return await runtime.log.keys.rotate(
                lambda done, total: progress.update(bar, completed=done, total=total)
            )
