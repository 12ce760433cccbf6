"""``nerve events``: the log, as a person reads it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated

import orjson
import typer
from rich.padding import Padding
from rich.text import Text

from api.cli.terminal import output, running_nerve
from domain.kernel import RecordedEvent, Scope
from domain.kernel.errors import NotFound
from eventstore.query import EventQuery
from subscriptions.events import Happened, watch_events
from subscriptions.messages import Lagged, Place

app = typer.Typer(help="Look at the log.", no_args_is_help=True)


@app.command()
def show(stream: Annotated[str, typer.Argument(help="The id of a stream, such as task-42.")]) -> None:
    """Show all events of a stream."""
    asyncio.run(_show(stream))


async def _show(stream: str) -> None:
    async with running_nerve() as nerve:
        events = await nerve.log.stream(Scope().tenant, stream)
    if not events:
        raise NotFound(f"there is no stream {stream!r}; ids are exact, such as task-01J…")
    for event in events:
        actor = f"  by {event.commit.actor}" if event.commit.actor else ""
        output.print(Text(f"{event.version:>5}  {_time(event)}  {event.type}{actor}", style="bold"))
        output.print(Padding(Text(_data(event)), (0, 0, 0, 7)))
        if event.unreadable is not None:
            reason = Text(f"{event.unreadable.cause}: {event.unreadable.detail}", style="red")
            output.print(Padding(reason, (0, 0, 0, 7)))


@app.command()
def tail(
    after: Annotated[int | None, typer.Option(help="Begin behind this position; 0 is all of it.")] = None,
    type: Annotated[list[str] | None, typer.Option(help="Only this type, such as task.completed.")] = None,
    stream: Annotated[list[str] | None, typer.Option(help="Only this stream.")] = None,
) -> None:
    """Print events as they happen, until Ctrl-C."""
    query = EventQuery(streams=stream, types=type)
    with suppress(KeyboardInterrupt):
        asyncio.run(_tail(query, after))


async def _tail(query: EventQuery, after: int | None) -> None:
    async with running_nerve() as nerve:
        place = None if after is None else Place(after)
        while True:
            async for message in watch_events(nerve.log, nerve.feed, Scope().tenant, query, place):
                if isinstance(message, Happened):
                    output.print(_line(message.event), highlight=False, markup=False, soft_wrap=True)
                elif isinstance(message, Lagged):
                    place = message.resume_after


def _line(event: RecordedEvent) -> str:
    return f"{event.position:>8}  {_time(event)}  {event.type:<24} {event.stream}  {_data(event)}"


def _time(event: RecordedEvent) -> str:
    return event.time.isoformat(sep=" ", timespec="milliseconds").replace("+00:00", "Z")


def _data(event: RecordedEvent) -> str:
    return orjson.dumps(event.data, default=str).decode()
