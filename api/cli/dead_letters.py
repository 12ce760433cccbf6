"""``nerve dead-letters``: events that are parked because the fold of a view failed."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from api.cli.confirmation import Yes, confirm, is_interactive
from api.cli.connection import connect_runtime
from api.cli.events import event_record, print_event_line
from api.cli.records import AsJson, Cell, Record, print_record, print_records, print_result, to_record
from api.cli.tenant_option import DEFAULT_TENANT, Tenant, cli_scope
from api.cli.terminal import say, warn
from api.graphql.fields.command_inputs import read_input
from api.runtime import Runtime
from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.kernel import Envelope, RecordedEvent
from domain.kernel.errors import NotFound, StaleRead, ValidationFailed
from domain.kernel.names import declared_name, quantity
from eventstore.mongo.driver import Document
from projections.querying.dead_letter_reader import cursor

app = typer.Typer(help="List events that views could not fold, and retry or drop them.", no_args_is_help=True)

PAGE = 500

VIEW_TIMEOUT = 60.0
"""Seconds to wait until the view has retried or dropped the events."""

LETTER_FIELDS = (
    "view",
    "row",
    "stream",
    "version",
    "type",
    "position",
    "error",
    "detail",
    "failures",
    "first_at",
    "last_at",
)
"""The fields of a stored letter that are printed as JSON."""

COLUMNS: Mapping[str, Cell] = {
    "view": "view",
    "row": "row",
    "event": lambda letter: _event_name(letter),
    "type": "type",
    "error": "error",
    "failures": "failures",
    "last": "lastAt",
}

View = Annotated[str, typer.Argument(help="The view, such as tasks.")]
Event = Annotated[str, typer.Argument(help="The event: its stream and version, such as task-42@7.")]
Row = Annotated[str | None, typer.Option(help="Only in this row; default: in all rows where it is parked.")]


@app.command("list")
def list_(
    view: Annotated[str | None, typer.Option(help="Only events of this view.")] = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """List the parked events by view and row."""
    letters = asyncio.run(_list(tenant, view))
    print_records(map(_letter_record, letters), COLUMNS, as_json=as_json, empty="no event is parked")


async def _list(tenant: str, view: str | None) -> list[Document]:
    async with connect_runtime() as runtime:
        return await _letters(runtime, tenant, view)


def _letter_record(letter: Document) -> Record:
    return to_record(letter, LETTER_FIELDS)


@app.command()
def show(
    view: View, event: Event, row: Row = None, as_json: AsJson = False, tenant: Tenant = DEFAULT_TENANT
) -> None:
    """Show why an event is parked, and the events of its stream that wait behind it."""
    letters, waiting = asyncio.run(_show(tenant, view, event, row))
    if as_json:
        events = [event_record(each) for each in waiting]
        for letter in letters:
            print_record({**_letter_record(letter), "events": events})
        return
    for letter in letters:
        place = "for an unknown row" if letter["row"] is None else f"in the row {letter['row']}"
        say(f"{_event_name(letter)} is parked in {view}, {place}")
        say(f"{letter['error']}: {letter['detail']}")
        say(f"{letter['failures']} failures, first at {letter['first_at']}, last at {letter['last_at']}")
    for each in waiting:
        print_event_line(each)


async def _show(
    tenant: str, view: str, event: str, row: str | None
) -> tuple[Sequence[Document], Sequence[RecordedEvent]]:
    """Return the letters of the event, and the event with those behind it."""
    async with connect_runtime() as runtime:
        letters = await _letters_of(runtime, tenant, view, event, row)
        return letters, await _events_from(runtime, tenant, letters[0])


async def _events_from(runtime: Runtime, tenant: str, letter: Document) -> Sequence[RecordedEvent]:
    """Return the event of a letter, and the events of its stream that wait behind it."""
    return await runtime.log.stream(tenant, letter["stream"], letter["version"] - 1)


@app.command()
def retry(
    view: View,
    event: Annotated[str | None, typer.Argument(help="The event, such as task-42@7.")] = None,
    row: Row = None,
    all: Annotated[bool, typer.Option("--all", help="All events that are parked in the view.")] = False,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Fold parked events again, and the events that wait behind them.

    The exit code is 1 if one of them fails again.
    """
    if all == (event is not None):
        raise ValidationFailed("name the event to retry, or use --all")
    letters, failed = asyncio.run(_retry(tenant, view, event, row))
    _warn_of_parked(failed)
    folded = len(letters) - len(failed)
    text = f"folded {folded} of {len(letters)} parked events, and the events behind them"
    print_result(
        {"folded": folded, "parked": [_letter_record(letter) for letter in failed]}, text, as_json=as_json
    )
    if failed:
        raise typer.Exit(1)


async def _retry(
    tenant: str, view: str, event: str | None, row: str | None
) -> tuple[Sequence[Document], Sequence[Document]]:
    """Retry the events. Return their letters, and those that their streams still have in the same rows."""
    async with connect_runtime() as runtime:
        letters = await (
            _letters(runtime, tenant, view)
            if event is None
            else _letters_of(runtime, tenant, view, event, row)
        )
        commands = [read_input(RetryDeadLetter, _input(letter)) for letter in letters]
        await _settle(runtime, tenant, view, commands)
        return letters, await _parked_again(runtime, tenant, view, letters)


async def _parked_again(
    runtime: Runtime, tenant: str, view: str, letters: Sequence[Document]
) -> Sequence[Document]:
    """Return the letters that now are in the places of these: the same events, or later ones."""
    places = {(letter["row"], letter["stream"]) for letter in letters}
    remaining = await _letters(runtime, tenant, view)
    return [letter for letter in remaining if (letter["row"], letter["stream"]) in places]


def _warn_of_parked(letters: Sequence[Document]) -> None:
    for letter in letters:
        warn(f"{_event_name(letter)} is still parked: {letter['error']}, {letter['detail']}")


@app.command()
def drop(
    view: View,
    event: Event,
    row: Row = None,
    reason: Annotated[str | None, typer.Option(help="The reason, stored in the log.")] = None,
    yes: Yes = False,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Leave an event out of its row for good, and fold the events that wait behind it.

    The exit code is 1 if one of them fails, and so is parked.
    """
    letters, parked = asyncio.run(_drop(tenant, view, event, row, reason, yes=yes))
    for letter in parked:
        warn(f"{_event_name(letter)} is parked now: {letter['error']}, {letter['detail']}")
    text = f"dropped {event} from {quantity(len(letters), 'row')} of {view}"
    if not parked:
        text += ", and folded the events behind it"
    dropped = [_letter_record(letter) for letter in letters]
    print_result(
        {"dropped": dropped, "parked": [_letter_record(letter) for letter in parked]}, text, as_json=as_json
    )
    if parked:
        raise typer.Exit(1)


async def _drop(
    tenant: str, view: str, event: str, row: str | None, reason: str | None, *, yes: bool
) -> tuple[Sequence[Document], Sequence[Document]]:
    """Drop the event. Return its letters, and those of later events of its stream that failed instead."""
    async with connect_runtime() as runtime:
        letters = await _letters_of(runtime, tenant, view, event, row)
        _, *behind = await _events_from(runtime, tenant, letters[0])
        warn(_describe_drop(view, letters, behind))
        if is_interactive() and not yes:
            confirm(f"Drop {event} for good?")
        commands = [read_input(DropDeadLetter, {**_input(letter), "reason": reason}) for letter in letters]
        await _settle(runtime, tenant, view, commands)
        return letters, await _parked_again(runtime, tenant, view, letters)


def _describe_drop(view: str, letters: Sequence[Document], behind: Sequence[RecordedEvent]) -> str:
    """Describe what a drop does: what is left out, and which events are folded next."""
    rows = ", ".join(letter["row"] or "an unknown row" for letter in letters)
    text = f"{_event_name(letters[0])} ({letters[0]['type']}) is left out of {rows} in {view}"
    if not behind:
        return f"{text}; no event of its stream waits behind it"
    types = ", ".join(dict.fromkeys(event.type for event in behind))
    return f"{text}; this folds {quantity(len(behind), 'event')} behind it: {types}"


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


def _event_name(letter: Mapping[str, Any]) -> str:
    return f"{letter['stream']}@{letter['version']}"


def _input(letter: Document) -> dict[str, Any]:
    return {name: letter[name] for name in ("view", "row", "stream", "version")}
