"""The history: the query and the subscription `events`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

import strawberry

from api.event_json import event_json
from api.graphql.declare import argument, declare, input_field, output_field
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.execution.shared_sources import SharedSource
from api.graphql.fields.connections import connection, page_arguments, page_size
from api.graphql.fields.event_pages import any_event, open_window, read_events
from api.graphql.fields.view_subscriptions import MessageTypes, status
from api.graphql.identity import reject_past_id
from api.graphql.scalars import JSON, Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from domain.kernel import RecordedEvent
from domain.kernel.names import client_name
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from projections.querying.pages import Side
from subscriptions.live.event_hub import EventMessage, EventStreamMessage

_FILTER = {
    "streams": (list[strawberry.ID], "Of these entities."),
    "categories": (list[str], "Of these kinds of entities, such as `task`."),
    "types": (list[str], "Of these types, such as `task.completed`."),
    "correlation": (strawberry.ID, "Caused by this request."),
    "since": (datetime, "Recorded at this moment or later, by `recordedAt`."),
    "until": (datetime, "Recorded before this moment, by `recordedAt`."),
    "occurred_since": (datetime, "Happened at this moment or later, by `time`."),
    "occurred_until": (datetime, "Happened before this moment, by `time`."),
}
_FIELDS = {
    "id": (strawberry.ID, "Unique."),
    "type": (str, "What happened, such as `task.completed`."),
    "revision": (int, "The revision of the shape of `data`."),
    "stream": (strawberry.ID, "The entity it happened to."),
    "category": (str, "What kind of entity that is."),
    "version": (int, "Its place in the entity's history, from 1."),
    "data": (JSON, "What it says; its fields are named as those of commands are."),
    "time": (datetime, "When it happened."),
    "recorded_at": (datetime, "When it was recorded; never before what comes earlier in the log."),
    "first_recorded_at": (
        datetime | None,
        "When the log recorded it that it was imported from; null where that is `recordedAt`.",
    ),
    "command": (str, "The command that caused it."),
    "command_id": (strawberry.ID, "The id of that command."),
    "correlation_id": (strawberry.ID, "Shared by all that was caused by one request."),
    "causation_id": (strawberry.ID | None, "What caused the command, where it was not a client."),
    "actor": (str | None, "On whose behalf it happened."),
    "source": (str | None, "Through which door it came."),
}


def event_type(types: TypeMap, messages: MessageTypes, node: Any) -> Any:
    """``Event``, which implements `node` and is a message of the subscription."""
    return types.claim("Event", event_type, lambda: _declare_event(messages, node))


def _declare_event(messages: MessageTypes, node: Any) -> Any:
    fields = [output_field(name, shape, text) for name, (shape, text) in _FIELDS.items()]
    text = "Something that happened; it never changes."
    return declare("Event", fields, text, interfaces=(messages.interface, node))


def event_fields(types: TypeMap, event: Any, messages: MessageTypes) -> tuple[Field, Field]:
    """The query and the subscription."""
    inputs = [input_field(name, shape | None, text) for name, (shape, text) in _FILTER.items()]
    filters = declare("EventFilter", inputs, "All that is given must hold.", is_input=True)
    chosen = argument("filter", filters | None, "Which events.")
    query = output_field(
        "events",
        connection("Event", event, types),
        "What happened, in the order of the log.",
        resolver=_page,
        arguments=[
            chosen,
            *page_arguments(Position),
        ],
    )
    subscription = output_field(
        "events",
        messages.union("EventMessage", event),
        "Each event once, in the order of the log: from `after` on, or from now on.",
        resolver=_EventSubscription(),
        arguments=[chosen, argument("after", Position | None, "Resume behind this position.")],
        subscription=True,
    )
    return query, subscription


async def _page(
    _root: object,
    info: Info,
    *,
    filter: Mapping[str, Any] | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    context = info.context
    size, backward = page_size(first, last, context.runtime.settings.max_page), last is not None
    query, window = _query(filter, context), open_window(after, before, context)
    events = await read_events(context, query, window, size + 1, backward=backward)
    more, beyond = len(events) > size, window.beyond(backward=backward)
    other: Side = False if beyond is None else partial(any_event, context, query, beyond)
    page = events[len(events) - size :] if backward and more else events[:size]
    return {
        "rows": [event_row(event, context) for event in page],
        "cursor": lambda row: row["position"],
        "has_next_page": other if backward else more,
        "has_previous_page": more if backward else other,
    }


def _query(filter: Mapping[str, Any] | None, context: RequestContext) -> EventQuery:
    """The query that a filter means. Raises ValidationFailed where it names the past state of a row."""
    query = EventQuery(**filter or {})
    for place, stream in enumerate(query.streams or ()):
        reject_past_id(stream, context, "filter", "streams", place)
    return query


class _EventSubscription:
    """The subscription's resolver, and the rows of the events that are being told."""

    def __init__(self) -> None:
        self._rows: dict[int, tuple[EventMessage, Mapping[str, Any]]] = {}

    def __call__(
        self,
        _root: object,
        info: Info,
        *,
        filter: Mapping[str, Any] | None = None,
        after: str | None = None,
    ) -> SharedSource[EventMessage]:
        context = info.context
        query = _query(filter, context)
        place = context.start_place(after)
        begin = partial(context.runtime.event_hub.open, context.scope.tenant, query, place)
        return SharedSource(begin, partial(self._told, context))

    def _told(self, context: RequestContext, message: EventStreamMessage) -> Mapping[str, Any]:
        """The message as the fields of its type read it; an event's row is made once for all groups."""
        if not isinstance(message, EventMessage):
            return status(message, context)
        known = self._rows.get(id(message))
        if known is None:
            if not self._rows:
                # All groups are told before anything else has its turn.
                asyncio.get_running_loop().call_soon(self._rows.clear)
            known = message, {"__typename": "Event", **event_row(message.event, context)}
            self._rows[id(message)] = known
        return known[1]


def event_row(event: RecordedEvent, context: RequestContext) -> dict[str, Any]:
    """The event, as the fields of ``Event`` read it."""
    commit = event.commit
    return {
        "id": event.id,
        "type": event.type,
        "revision": event.revision,
        "stream": event.stream,
        "category": commit.category,
        "version": event.version,
        "data": event_json(event, client_name),
        "time": event.time,
        "recorded_at": commit.at,
        "first_recorded_at": commit.recorded,
        "command": commit.command,
        "command_id": commit.command_id,
        "correlation_id": commit.correlation,
        "causation_id": commit.causation,
        "actor": commit.actor,
        "source": commit.source,
        "position": context.seal(Place(event.position, event.place)),
    }
