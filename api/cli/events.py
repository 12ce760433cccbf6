"""``nerve events``: show events of the log."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import orjson
import typer
from rich.padding import Padding
from rich.text import Text

from api.cli.connection import connect_runtime
from api.cli.points import At, parse_as_of
from api.cli.tenant_option import DEFAULT_TENANT, Tenant
from api.cli.terminal import output
from api.encoding import encode
from api.event_json import event_json
from api.runtime import Runtime
from domain.kernel import RecordedEvent
from domain.kernel.errors import NotFound, OutsideLog
from eventstore.history.diff import Operation, ValueChange
from eventstore.history.versions import StreamHistory
from eventstore.place import Place
from eventstore.reading.as_of import AsOf
from eventstore.reading.event_query import EventQuery
from subscriptions.live.event_hub import EventMessage
from subscriptions.live.messages import CursorExpired, Lagged

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
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Show all events of a stream. With --at, show the stream and its state as of that point."""
    asyncio.run(_show(tenant, stream, None if at is None else parse_as_of(at)))


async def _show(tenant: str, stream: str, point: AsOf | None) -> None:
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
            _print_event(event)
        if point is not None:
            kind = runtime.catalog.aggregate(events[-1].commit.category)
            state = await StreamHistory(runtime.log).document(tenant, stream, kind, events[-1].version)
            output.print(Text(f"\nstate at version {events[-1].version}", style="bold"))
            output.print(Text(orjson.dumps(state, option=orjson.OPT_INDENT_2).decode()))


def _print_event(event: RecordedEvent) -> None:
    actor = f"  by {event.commit.actor}" if event.commit.actor else ""
    output.print(Text(f"{event.version:>5}  {format_time(event)}  {event.type}{actor}", style="bold"))
    output.print(Padding(Text(_data(event)), (0, 0, 0, 7)))
    if event.unreadable is not None:
        reason = Text(f"{event.unreadable.cause}: {event.unreadable.detail}", style="red")
        output.print(Padding(reason, (0, 0, 0, 7)))


@app.command()
def diff(
    stream: Stream,
    first: Annotated[int, typer.Argument(help="A version; 0 is the state before the first event.")],
    second: Annotated[int, typer.Argument(help="Another version; it may be lower.")],
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Show how the state of a stream changed between two versions."""
    changes = asyncio.run(_diff(tenant, stream, first, second))
    for change in changes:
        output.print(_change(change), soft_wrap=True)
    if not changes:
        output.print(f"versions {first} and {second} have the same state")


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
        typer.Option(help="Start after this position; 0 prints the whole log. Default: only new events."),
    ] = None,
    type: Types = None,
    stream: Streams = None,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Print events as they are appended, until Ctrl-C."""
    query = EventQuery(streams=stream, types=type)
    with suppress(KeyboardInterrupt):
        asyncio.run(_tail(tenant, query, after))


async def _tail(tenant: str, query: EventQuery, after: int | None) -> None:
    async with connect_runtime() as runtime:
        place = None if after is None else Place(after)
        while True:
            async for message in runtime.event_hub.watch(tenant, query, place):
                if isinstance(message, EventMessage):
                    print_event_line(message.event)
                elif isinstance(message, Lagged):
                    place = message.resume_after
                elif isinstance(message, CursorExpired):
                    raise OutsideLog(
                        f"the log ends at {message.place.position}; start after that position or before it"
                    )


def print_event_line(event: RecordedEvent) -> None:
    """Print an event on one line."""
    line = f"{event.position:>8}  {format_time(event)}  {event.type:<24} {event.stream}  {_data(event)}"
    output.print(line, soft_wrap=True)


def format_time(event: RecordedEvent) -> str:
    """Return when the event occurred, in UTC."""
    return event.time.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")


def _data(event: RecordedEvent) -> str:
    return encode(event_json(event)).decode()
