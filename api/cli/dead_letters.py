"""``nerve dead-letters``: the events that wait in views because these could not fold them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.events import print_event_line
from api.cli.terminal import connect_runtime, errors, output
from api.graphql.fields.command_inputs import read_input
from api.runtime import Runtime
from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.kernel import Envelope, Scope
from domain.kernel.errors import NotFound, StaleRead, ValidationFailed
from domain.kernel.names import declared_name
from eventstore.mongo.driver import Document
from projections.querying.dead_letters import cursor

app = typer.Typer(help="Look at the events that views could not fold, and settle them.", no_args_is_help=True)

PAGE = 500

WIDE = output.options.update(max_width=10_000)
"""To measure a table as if the terminal had room for it."""

PATIENCE = 60.0
"""Seconds that a view may take to do what was decided."""

View = Annotated[str, typer.Argument(help="The view, such as tasks.")]
Event = Annotated[str, typer.Argument(help="The event: its stream and version, such as task-42@7.")]
Row = Annotated[str | None, typer.Option(help="Only in this row; without it, in each in which it waits.")]


@app.command("list")
def list_(view: Annotated[str | None, typer.Option(help="Only of this view.")] = None) -> None:
    """List the events that wait, by view and row."""
    asyncio.run(_list(view))


async def _list(view: str | None) -> None:
    async with connect_runtime() as runtime:
        letters = await _letters(runtime, view)
    if not letters:
        output.print("nothing waits", highlight=False)
        return
    output.print(dead_letter_table(letters), soft_wrap=True)


def dead_letter_table(letters: Sequence[Document]) -> Table:
    """One line a letter. It may be wider than the terminal: views, rows and events are there to be copied."""
    table = Table("view", "row", "event", "type", "error", "failures", "last")
    for one in letters:
        last = one["last_at"].isoformat(sep=" ", timespec="seconds")
        event = (_name(one), one["type"], one["error"])
        table.add_row(one["view"], one["row"] or "-", *event, str(one["failures"]), last)
    table.width = output.measure(table, options=WIDE).maximum
    return table


@app.command()
def show(view: View, event: Event, row: Row = None) -> None:
    """Show why an event waits, and what waits behind it in its stream."""
    asyncio.run(_show(view, event, row))


async def _show(view: str, event: str, row: str | None) -> None:
    async with connect_runtime() as runtime:
        letters = await _named(runtime, view, event, row)
        for one in letters:
            place = "no row knows it" if one["row"] is None else f"in the row {one['row']}"
            times = f"{one['failures']} times, first at {one['first_at']}, last at {one['last_at']}"
            said = f"{_name(one)} waits in {view}, {place}\n{one['error']}: {one['detail']}\n{times}"
            output.print(said, highlight=False, markup=False, soft_wrap=True)
        first = letters[0]
        for waiting in await runtime.log.stream(Scope().tenant, first["stream"], first["version"] - 1):
            print_event_line(waiting)


@app.command()
def retry(
    view: View,
    event: Annotated[str | None, typer.Argument(help="As task-42@7.")] = None,
    row: Row = None,
    all: Annotated[bool, typer.Option("--all", help="All that wait in the view.")] = False,
) -> None:
    """Fold what waits again. Exit code 1 where something fails again."""
    if all == (event is not None):
        raise ValidationFailed("name the event to retry, or give --all")
    if not asyncio.run(_retry(view, event, row)):
        raise typer.Exit(1)


async def _retry(view: str, event: str | None, row: str | None) -> bool:
    """Whether all of it was folded."""
    async with connect_runtime() as runtime:
        letters = await (_letters(runtime, view) if event is None else _named(runtime, view, event, row))
        commands = [read_input(RetryDeadLetter, _names(one)) for one in letters]
        await _done(runtime, view, commands)
        again = {(one["row"], one["stream"]): one for one in await _letters(runtime, view)}
    folded = 0
    for one in letters:
        failed = again.get((one["row"], one["stream"]))
        if failed is None:
            folded += 1
        else:
            said = f"{_name(failed)} waits: {failed['error']}, {failed['detail']}"
            errors.print(said, highlight=False, markup=False, soft_wrap=True)
    output.print(f"{folded} of {len(letters)} were folded, and all behind them", highlight=False)
    return folded == len(letters)


@app.command()
def drop(
    view: View,
    event: Event,
    row: Row = None,
    reason: Annotated[str | None, typer.Option(help="Why, for the record.")] = None,
) -> None:
    """Leave an event out of its row for good, and fold what waits behind it."""
    asyncio.run(_drop(view, event, row, reason))


async def _drop(view: str, event: str, row: str | None, reason: str | None) -> None:
    async with connect_runtime() as runtime:
        letters = await _named(runtime, view, event, row)
        given = [{**_names(one), "reason": reason} for one in letters]
        await _done(runtime, view, [read_input(DropDeadLetter, one) for one in given])
        output.print(f"{event} is dropped from {len(letters)} rows of {view}", highlight=False)


async def _done(runtime: Runtime, view: str, commands: Sequence[RetryDeadLetter | DropDeadLetter]) -> None:
    """Record what was decided, and wait until the view has done it."""
    position = 0
    for command in commands:
        receipt = await runtime.bus.dispatch(Envelope(command, source="cli"))
        position = max(position, receipt.position)
    try:
        await runtime.readers[declared_name(view, runtime.readers) or view].wait_for(position, PATIENCE)
    except StaleRead as stale:
        errors.print(f"it is on record, but not done yet: {stale}", highlight=False, soft_wrap=True)
        raise typer.Exit(1) from None


async def _letters(runtime: Runtime, view: str | None) -> list[Document]:
    found: list[Document] = []
    while True:
        after = cursor(found[-1]) if found else None
        page = await runtime.dead_letters.page(Scope().tenant, view, first=PAGE, after=after)
        found += page.letters
        if not page.has_next:
            return found


async def _named(runtime: Runtime, view: str, event: str, row: str | None) -> list[Document]:
    named = [
        one
        for one in await _letters(runtime, view)
        if _name(one) == event and (row is None or one["row"] == row)
    ]
    if not named:
        raise NotFound(f"{event} waits nowhere in {view}; `nerve dead-letters list` tells what does")
    return named


def _name(letter: Document) -> str:
    return f"{letter['stream']}@{letter['version']}"


def _names(letter: Document) -> dict[str, Any]:
    return {name: letter[name] for name in ("view", "row", "stream", "version")}
