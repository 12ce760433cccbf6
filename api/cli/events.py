"""``nerve events``: show events of the log."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import orjson
import typer
from rich.text import Text

from api.cli.connection import connect_runtime
from api.cli.points import MAX_INTEGER, At, parse_as_of
from api.cli.records import AsJson, print_record
from api.cli.tenant_option import DEFAULT_TENANT, Tenant
from api.cli.terminal import say
from api.encoding import encode
from api.event_json import event_json
from api.runtime import Runtime
from domain.kernel import RecordedEvent
from domain.kernel.errors import NotFound, OutsideLog
from domain.kernel.names import client_name
from eventstore.history.diff import Operation, ValueChange
from eventstore.history.versions import StreamHistory
from eventstore.place import Place
from eventstore.reading.as_of import AsOf
from eventstore.reading.event_query import EventQuery
from subscriptions.live.event_hub import EventMessage
from subscriptions.live.messages import CursorExpired, Lagged

INDENT = " " * 7
"""Before the data of an event, which is below its version."""

app = typer.Typer(help="Show events of the log: streams, their past, and live.", no_args_is_help=True)

Stream = Annotated[str, typer.Argument(help="The id of a stream, such as task-42.")]
Types = Annotated[
    list[str] | None, typer.Option(help="Only events of this type, such as task.completed; can be repeated.")
]
Streams = Annotated[list[str] | None, typer.Option(help="Only events of this stream; can be repeated.")]


@app.command()
def show(
    stream: Stream,
    at: At = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Show all events of a stream. With --at, show the stream and its state as of that point.

    With --json the state is the last line, an object with `state` and `version`.
    """
    asyncio.run(_show(tenant, stream, None if at is None else parse_as_of(at), as_json=as_json))


async def _show(tenant: str, stream: str, point: AsOf | None, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        if point is None:
            events = await runtime.log.stream(tenant, stream)
            if not events:
                raise NotFound(f"there is no stream {stream!r}; ids are exact, such as task-01J…")
        else:
            events = await StreamHistory(runtime.log).events(tenant, stream, point)
            if not events:
                raise NotFound(f"the stream {stream!r} has no events at this point")
        for event in events:
            if as_json:
                print_record(event_record(event))
            else:
                _print_event(event)
        if point is not None:
            kind = runtime.catalog.aggregate(events[-1].commit.category)
            state = await StreamHistory(runtime.log).document(tenant, stream, kind, events[-1].version)
            _print_state(events[-1].version, state, as_json=as_json)


def _print_state(version: int, state: Any, *, as_json: bool) -> None:
    if as_json:
        print_record({"version": version, "state": state})
        return
    say(Text(f"\nstate at version {version}", style="bold"))
    say(orjson.dumps(state, option=orjson.OPT_INDENT_2).decode())


def _print_event(event: RecordedEvent) -> None:
    actor = f"  by {event.commit.actor}" if event.commit.actor else ""
    say(Text(f"{event.version:>5}  {format_time(event)}  {event.type}{actor}", style="bold"))
    say(f"{INDENT}{_data(event)}")
    if event.unreadable is not None:
        say(Text(f"{INDENT}{event.unreadable.cause}: {event.unreadable.detail}", style="red"))


@app.command()
def diff(
    stream: Stream,
    first: Annotated[
        int,
        typer.Argument(min=0, max=MAX_INTEGER, help="A version; 0 is the state before the first event."),
    ],
    second: Annotated[int, typer.Argument(min=0, max=MAX_INTEGER, help="Another version; it may be lower.")],
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Show how the state of a stream changed between two versions."""
    changes = asyncio.run(_diff(tenant, stream, first, second))
    if as_json:
        for change in changes:
            print_record(change._asdict())
        return
    for change in changes:
        say(_change(change))
    if not changes:
        say(f"versions {first} and {second} have the same state")


async def _diff(tenant: str, stream: str, first: int, second: int) -> list[ValueChange]:
    async with connect_runtime() as runtime:
        kind = runtime.catalog.aggregate(await _category(runtime, tenant, stream))
        return await StreamHistory(runtime.log).diff(tenant, stream, kind, first, second)


async def _category(runtime: Runtime, tenant: str, stream: str) -> str:
    events = await runtime.log.stream(tenant, stream, limit=1)
    if not events:
        raise NotFound(f"there is no stream {stream!r}; ids are exact, such as task-01J…")
    return events[0].commit.category


def _change(change: ValueChange) -> Text:
    before, after = (orjson.dumps(value).decode() for value in (change.before, change.after))
    match change.operation:
        case Operation.ADD:
            return Text(f"+ {change.path}  {after}", style="green")
        case Operation.REMOVE:
            return Text(f"- {change.path}  {before}", style="red")
        case Operation.REPLACE:
            return Text(f"~ {change.path}  {before} → {after}", style="yellow")


@app.command()
def tail(
    after: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MAX_INTEGER,
            help="Start after this position; 0 prints the whole log. Default: only new events.",
        ),
    ] = None,
    type: Types = None,
    stream: Streams = None,
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Print events as they are appended, until Ctrl-C."""
    query = EventQuery(streams=stream, types=type)
    with suppress(KeyboardInterrupt):
        asyncio.run(_tail(tenant, query, after, as_json=as_json))


async def _tail(tenant: str, query: EventQuery, after: int | None, *, as_json: bool) -> None:
    async with connect_runtime() as runtime:
        place = None if after is None else Place(after)
        while True:
            async for message in runtime.event_hub.watch(tenant, query, place):
                if isinstance(message, EventMessage):
                    print_event_line(message.event, as_json=as_json)
                elif isinstance(message, Lagged):
                    place = message.resume_after
                elif isinstance(message, CursorExpired):
                    raise OutsideLog(
                        f"the log ends at {message.place.position}; start after that position or before it"
                    )


def print_event_line(event: RecordedEvent, *, as_json: bool = False) -> None:
    """Print an event on one line, as a text or as JSON."""
    if as_json:
        print_record(event_record(event))
    else:
        say(f"{event.position:>8}  {format_time(event)}  {event.type:<24} {event.stream}  {_data(event)}")


def event_record(event: RecordedEvent) -> dict[str, Any]:
    """Return an event with the names of the API, its position as a number.

    `error` says why the data cannot be read by this code.
    """
    commit, unreadable = event.commit, event.unreadable
    return {
        "id": event.id,
        "position": event.position,
        "stream": event.stream,
        "category": commit.category,
        "version": event.version,
        "type": event.type,
        "revision": event.revision,
        "severity": event.severity,
        "time": event.time,
        "recordedAt": commit.at,
        "firstRecordedAt": commit.recorded,
        "tenant": commit.tenant,
        "command": commit.command,
        "commandId": commit.command_id,
        "correlationId": commit.correlation,
        "causationId": commit.causation,
        "actor": commit.actor,
        "authentication": commit.authentication,
        "source": commit.source,
        "data": event_json(event, client_name),
        "error": None if unreadable is None else f"{unreadable.cause}: {unreadable.detail}",
    }


def format_time(event: RecordedEvent) -> str:
    """Return when the event occurred, in UTC."""
    return event.time.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")


def _data(event: RecordedEvent) -> str:
    return encode(event_json(event)).decode()
