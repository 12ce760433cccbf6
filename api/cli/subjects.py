"""``nerve erase`` and ``nerve keys``: people whose data is to go, and the key that guards the others'."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from api.cli.terminal import connect_runtime, errors, output
from api.graphql.fields.command_inputs import read_input
from domain.builtin.subjects.commands import EraseSubject
from domain.kernel import Envelope
from domain.kernel.errors import StaleRead

keys = typer.Typer(help="The keys that personal data is sealed under.", no_args_is_help=True)

PATIENCE = 60.0
"""Seconds that a view may take to forget the subject."""


def erase(
    subject: Annotated[str, typer.Argument(help="The id of the entity that the data is about.")],
    reason: Annotated[str | None, typer.Option(help="Why, for the record; nothing personal.")] = None,
) -> None:
    """Erase a person: all personal data about it reads null from now on. This is final."""
    command = read_input(EraseSubject, {"subject": subject, "reason": reason})
    asyncio.run(_erase(command))


async def _erase(command: EraseSubject) -> None:
    async with connect_runtime() as runtime:
        receipt = await runtime.bus.dispatch(Envelope(command, source="cli"))
        erased = "is erased" if receipt.changed else "was erased before"
        output.print(f"{command.subject} {erased}; its key is destroyed", highlight=False, soft_wrap=True)
        try:
            await runtime.projection_waits.reach(runtime.readers, receipt.position, PATIENCE)
        except StaleRead as stale:
            errors.print(f"views may still show its data: {stale}", highlight=False, soft_wrap=True)
            raise typer.Exit(1) from None
        output.print("no view shows its data any more", highlight=False)


@keys.command()
def rotate() -> None:
    """Wrap every key by the current master key; the former one must be among old_master_keys.

    It may be interrupted and run again. Afterwards the former master key can go: with it goes what backups
    hold of the keys it wrapped.
    """
    count = asyncio.run(_rotate())
    output.print(f"{count} keys were wrapped by the current master key", highlight=False)


async def _rotate() -> int:
    columns = TextColumn("keys"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    async with connect_runtime() as runtime:
        with Progress(*columns, console=errors, transient=True, disable=not errors.is_terminal) as progress:
            bar = progress.add_task("keys", total=None)
            return await runtime.log.keys.rotate(
                lambda done, total: progress.update(bar, completed=done, total=total)
            )
