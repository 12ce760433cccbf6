"""``nerve erase`` and ``nerve keys``: erasure of personal data, and rotation of the master key."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn

from api.cli.confirmation import Yes, confirm, is_interactive
from api.cli.connection import connect_runtime
from api.cli.records import AsJson, print_record, print_result
from api.cli.tenant_option import DEFAULT_TENANT, Tenant, cli_scope
from api.cli.terminal import progress_bars, say, warn
from api.graphql.fields.command_inputs import read_input
from api.runtime import Runtime
from domain.builtin.subjects.commands import EraseSubject
from domain.kernel import Envelope
from domain.kernel.errors import NotFound, StaleRead, Unavailable
from domain.kernel.names import quantity
from domain.kernel.personal import actor_subject
from eventstore.personal.erasure import Erasure
from eventstore.personal.subject_census import count_subject_data

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
    yes: Yes = False,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Erase the personal data of a subject: it reads as null from now on. This cannot be undone."""
    command = read_input(EraseSubject, {"subject": actor_subject(subject), "reason": reason})
    try:
        asyncio.run(_erase(command, tenant, yes=yes, as_json=as_json))
    except NotFound as error:
        # The name of an actor, and not the digest under which its data is stored.
        raise NotFound(str(error).replace(command.subject, subject)) from None


async def _erase(command: EraseSubject, tenant: str, *, yes: bool, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        if is_interactive() and not yes:
            await _confirm_erasure(runtime, tenant, command)
        receipt = await runtime.bus.dispatch(Envelope(command, cli_scope(tenant), source="cli"))
        if as_json:
            print_record({"subject": command.subject, "changed": receipt.changed})
        else:
            state = "is erased" if receipt.changed else "was erased before"
            say(f"{command.subject} {state}; its key is destroyed")
        try:
            await runtime.projection_waits.reach(runtime.readers, receipt.position, VIEW_TIMEOUT)
        except StaleRead as stale:
            warn(f"views may still contain its data: {stale}")
            raise typer.Exit(1) from None
        if not as_json:
            say("no view contains its data any more")


async def _confirm_erasure(runtime: Runtime, tenant: str, command: EraseSubject) -> None:
    """Show how much data there is, and ask. Raises NotFound for a subject without data."""
    await Erasure(runtime.log.keys).require_key(tenant, command)
    archived = ", and maybe more in archived commits" if await runtime.log.archive.segments() else ""
    warn(f"{command.subject} {await _describe_data(runtime, tenant, command.subject)}{archived}")
    confirm(f"Erase the personal data of {command.subject} for ever?")


async def _describe_data(runtime: Runtime, tenant: str, subject: str) -> str:
    try:
        data = await count_subject_data(runtime.database, tenant, subject)
    except Unavailable:
        # The count reads the whole log, which takes too long for a large one.
        return "has personal data, which could not be counted in time"
    return f"has personal data in {quantity(data.events, 'event')} of {quantity(data.streams, 'stream')}"


@keys.command()
def rotate(as_json: AsJson = False) -> None:
    """Encrypt all keys with the current master key. The previous one must be in old_master_keys.

    The command can be interrupted and run again. Afterwards, remove the previous master key: the keys in old
    backups then cannot be decrypted any more.
    """
    count = asyncio.run(_rotate())
    text = f"encrypted {quantity(count, 'key')} with the current master key"
    print_result({"keys": count}, text, as_json=as_json)


async def _rotate() -> int:
    columns = TextColumn("keys"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    async with connect_runtime() as runtime:
        with progress_bars(*columns) as progress:
            bar = progress.add_task("keys", total=None)
            return await runtime.log.keys.rotate(
                lambda done, total: progress.update(bar, completed=done, total=total)
            )
