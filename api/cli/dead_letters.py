"""``nerve dead-letters``: events that are parked because the fold of a view failed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.connection import connect_runtime
from api.cli.events import print_event_line
from api.cli.tenant_option import DEFAULT_TENANT, Tenant, cli_scope
from api.cli.terminal import print_table, say, warn
from api.graphql.fields.command_inputs import read_input
from api.runtime import Runtime
from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.kernel import Envelope
from domain.kernel.errors import NotFound, StaleRead, ValidationFailed
from domain.kernel.names import declared_name
from eventstore.mongo.driver import Document
from projections.querying.dead_letter_reader import cursor

app = typer.Typer(help="List events that views could not fold, and retry or drop them.", no_args_is_help=True)

PAGE = 500

VIEW_TIMEOUT = 60.0
"""Seconds to wait until the view has retried or dropped the events."""

View = Annotated[str, typer.Argument(help="The view, such as tasks.")]
Event = Annotated[str, typer.Argument(help="The event: its stream and version, such as task-42@7.")]
Row = Annotated[str | None, typer.Option(help="Only in this row; default: in all rows where it is parked.")]


@app.command("list")
def list_(
    view: Annotated[str | None, typer.Option(help="Only events of this view.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """List the parked events by view and row."""
    asyncio.run(_list(tenant, view))


async def _list(tenant: str, view: str | None) -> None:
    async with connect_runtime() as runtime:
        letters = await _letters(runtime, tenant, view)
    if not letters:
        say("no event is parked")
        return
    print_table(dead_letter_table(letters))


def dead_letter_table(letters: Sequence[Document]) -> Table:
    """Return a table with a line for each letter."""
    table = Table("view", "row", "event", "type", "error", "failures", "last")
    for letter in letters:
        last = letter["last_at"].isoformat(sep=" ", timespec="seconds")
        event = (_event_name(letter), letter["type"], letter["error"])
        table.add_row(letter["view"], letter["row"] or "-", *event, str(letter["failures"]), last)
    return table


@app.command()
def show(view: View, event: Event, row: Row = None, tenant: Tenant = DEFAULT_TENANT) -> None:
    """Show why an event is parked, and the events of its stream that wait behind it."""
    asyncio.run(_show(tenant, view, event, row))


async def _show(tenant: str, view: str, event: str, row: str | None) -> None:
    async with connect_runtime() as runtime:
        letters = await _letters_of(runtime, tenant, view, event, row)
        for letter in letters:
            place = "for an unknown row" if letter["row"] is None else f"in the row {letter['row']}"
            say(f"{_event_name(letter)} is parked in {view}, {place}")
            say(f"{letter['error']}: {letter['detail']}")
            say(f"{letter['failures']} failures, first at {letter['first_at']}, last at {letter['last_at']}")
        first = letters[0]
        for waiting in await runtime.log.stream(tenant, first["stream"], first["version"] - 1):
            print_event_line(waiting)


@app.command()
def retry(
    view: View,
    event: Annotated[str | None, typer.Argument(help="The event, such as task-42@7.")] = None,
    row: Row = None,
    all: Annotated[bool, typer.Option("--all", help="All events that are parked in the view.")] = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Fold parked events again, and the events that wait behind them.

    The exit code is 1 if one of them fails again.
    """
    if all == (event is not None):
        raise ValidationFailed("name the event to retry, or use --all")
    if not asyncio.run(_retry(tenant, view, event, row)):
        raise typer.Exit(1)


async def _retry(tenant: str, view: str, event: str | None, row: str | None) -> bool:
    """Retry the events, and return whether all of them were folded."""
    async with connect_runtime() as runtime:
        letters = await (
            _letters(runtime, tenant, view)
            if event is None
            else _letters_of(runtime, tenant, view, event, row)
        )
        commands = [read_input(RetryDeadLetter, _input(letter)) for letter in letters]
        await _settle(runtime, tenant, view, commands)
        parked = {
            (letter["row"], letter["stream"]): letter for letter in await _letters(runtime, tenant, view)
        }
    folded = 0
    for letter in letters:
        failed = parked.get((letter["row"], letter["stream"]))
        if failed is None:
            folded += 1
        else:
            warn(f"{_event_name(failed)} is still parked: {failed['error']}, {failed['detail']}")
    say(f"folded {folded} of {len(letters)} parked events, and the events behind them")
    return folded == len(letters)


@app.command()
def drop(
    view: View,
    event: Event,
    row: Row = None,
    reason: Annotated[str | None, typer.Option(help="The reason, stored in the log.")] = None,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Leave an event out of its row for good, and fold the events that wait behind it."""
    asyncio.run(_drop(tenant, view, event, row, reason))


async def _drop(tenant: str, view: str, event: str, row: str | None, reason: str | None) -> None:
    async with connect_runtime() as runtime:
        letters = await _letters_of(runtime, tenant, view, event, row)
        commands = [read_input(DropDeadLetter, {**_input(letter), "reason": reason}) for letter in letters]
        await _settle(runtime, tenant, view, commands)
        say(f"dropped {event} from {len(letters)} rows of {view}")


async def _settle(
    runtime: Runtime, tenant: str, view: str, commands: Sequence[RetryDeadLetter | DropDeadLetter]
) -> None:
    """Dispatch the commands, and wait until the view has carried them out."""
    position = 0
    for command in commands:
        receipt = await runtime.bus.dispatch(Envelope(command, cli_scope(tenant), source="cli"))
        position = max(position, receipt.position)
    try:
        await runtime.readers[declared_name(view, runtime.readers) or view].wait_for(position, VIEW_TIMEOUT)
    except StaleRead as stale:
        warn(f"the decision is stored, but the view has not carried it out yet: {stale}")
        raise typer.Exit(1) from None


async def _letters(runtime: Runtime, tenant: str, view: str | None) -> list[Document]:
    """Return all dead letters, or those of a view."""
    letters: list[Document] = []
    while True:
        after = cursor(letters[-1]) if letters else None
        page = await runtime.dead_letters.page(tenant, view, first=PAGE, after=after)
        letters += page.letters
        if not page.has_next:
            return letters


async def _letters_of(
    runtime: Runtime, tenant: str, view: str, event: str, row: str | None
) -> list[Document]:
    """Return the dead letters of an event. Raises NotFound if there is none."""
    letters = [
        letter
        for letter in await _letters(runtime, tenant, view)
        if _event_name(letter) == event and (row is None or letter["row"] == row)
    ]
    if not letters:
        raise NotFound(f"{event} is not parked in {view}; `nerve dead-letters list` lists the parked events")
    return letters


def _event_name(letter: Document) -> str:
    return f"{letter['stream']}@{letter['version']}"


def _input(letter: Document) -> dict[str, Any]:
    return {name: letter[name] for name in ("view", "row", "stream", "version")}
