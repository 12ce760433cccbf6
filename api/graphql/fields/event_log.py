"""The query and the subscription `events`."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import strawberry

from api.event_json import event_json, personal_paths
from api.graphql.declare import argument, declare, input_field, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.execution.shared_leaves import SharedObject
from api.graphql.execution.shared_sources import SharedSource
from api.graphql.fields.connections import connection, page_arguments, page_size
from api.graphql.fields.event_pages import any_event, open_window, read_events
from api.graphql.fields.view_subscriptions import MessageTypes, status
from api.graphql.identity import reject_past_id
from api.graphql.scalars import JSON, Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from api.limits.weights import ROWS
from domain.kernel import Catalog, RecordedEvent
from domain.kernel.names import client_name
from domain.kernel.severity import Severity
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from projections.querying.pages import Side
from subscriptions.live.event_hub import EventMessage, EventStreamMessage

_FILTER = {
    "streams": (list[strawberry.ID], "Events of these streams, which are the ids of entities."),
    "categories": (list[str], "Events of these categories, such as `task`."),
    "types": (list[str], "Events of these types, such as `task.completed`."),
    "correlation": (strawberry.ID, "Events with this correlation id: those of one trace, or of one command."),
    "since": (datetime, "Events that were recorded at this time or later (`recordedAt`)."),
    "until": (datetime, "Events that were recorded before this time (`recordedAt`)."),
    "occurred_since": (datetime, "Events that happened at this time or later (`time`)."),
    "occurred_until": (datetime, "Events that happened before this time (`time`)."),
}
_FIELDS = {
    "id": (strawberry.ID, "The unique id of the event."),
    "type": (str, "The type of the event, such as `task.completed`."),
    "revision": (int, "The revision of the type, which determines the fields of `data`."),
    "stream": (strawberry.ID, "The stream of the event: the id of the entity that it happened to."),
    "category": (str, "The category of the stream, such as `task`."),
    "version": (int, "The version of the stream after the event; the first is 1."),
    "data": (JSON, "The data of the event. Its fields have the same names as those of commands."),
    "personal_fields": (
        list[str],
        "The fields of `data` that may have personal data, or paths to it such as `input.email`.",
    ),
    "time": (datetime, "When the event happened."),
    "recorded_at": (datetime, "When the event was recorded. These times never decrease along the log."),
    "first_recorded_at": (
        datetime | None,
        "When an imported event was first recorded; null for an event that was not imported.",
    ),
    "command": (str, "The command that caused the event."),
    "command_id": (strawberry.ID, "The id of that command."),
    "correlation_id": (
        strawberry.ID,
        "The id of the request's trace, or else of the command itself.",
    ),
    "causation_id": (strawberry.ID | None, "The id of what caused the command; null if a client sent it."),
    "actor": (str | None, "The user or service on whose behalf the command ran."),
    "authentication": (
        str | None,
        "How the actor was authenticated: `jwt`, `key:` and the id of a key, `cli`, `process`, `policy` or "
        "`webhook`.",
    ),
    "source": (str | None, "The interface that the command came through, such as `graphql`."),
    "extensions": (JSON | None, "The extension attributes of the CloudEvent that the command was sent as."),
}

_EVENT = "Event"

SEVERITY = "The severity of the event: that of its data, or of its type; null for most events."
SEVERITIES = "Events of these severities. Events without a severity match only where this is left out."


def event_type(types: TypeMap, messages: MessageTypes, node: Any) -> Any:
    """Return ``Event``, which implements `node` and is a message of the subscription."""
    severity = types.of(Severity, "severity", "Event")
    return types.claim("Event", event_type, lambda: _declare_event(messages, node, severity))


def _declare_event(messages: MessageTypes, node: Any, severity: Any) -> Any:
    shapes = {**_FIELDS, "severity": (severity | None, SEVERITY)}
    text = "Something that happened. An event never changes."
    return declare("Event", output_fields(shapes), text, interfaces=(messages.interface, node))


def event_fields(types: TypeMap, event: Any, messages: MessageTypes) -> tuple[Field, Field]:
    """Return the query and the subscription."""
    severity = types.of(Severity, "severity", "EventFilter")
    filters = {**_FILTER, "severities": (list_of(severity), SEVERITIES)}
    inputs = [input_field(name, shape | None, text) for name, (shape, text) in filters.items()]
    filter_input = declare(
        "EventFilter", inputs, "Conditions, of which all that are given must hold.", is_input=True
    )
    filter_argument = argument("filter", filter_input | None, "Conditions that the events must meet.")
    query = output_field(
        "events",
        connection("Event", event, types),
        "Events in the order of the log.",
        resolver=_page,
        arguments=[
            filter_argument,
            *page_arguments(Position),
        ],
        weight=ROWS,
    )
    subscription = output_field(
        "events",
        messages.union("EventMessage", event),
        "Each event once, in the order of the log: those after `after`, or only new ones without it.",
        resolver=_EventSubscription(),
        arguments=[filter_argument, argument("after", Position | None, "Resume after this position.")],
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
    other_side: Side = False if beyond is None else partial(any_event, context, query, beyond)
    page = events[len(events) - size :] if backward and more else events[:size]
    context.count_rows(len(page))
    return {
        "rows": [event_row(event, context) for event in page],
        "cursor": lambda row: row["position"],
        "has_next_page": other_side if backward else more,
        "has_previous_page": more if backward else other_side,
    }


def _query(filter: Mapping[str, Any] | None, context: RequestContext) -> EventQuery:
    """Return the query of a filter, for events that the caller may read.

    Raises ValidationFailed where the filter has the id of a past state.
    """
    query = EventQuery(**filter or {}, permissions=context.readable_events)
    if query.severities is not None:
        query = replace(query, types=_types_with_severity(query, context.runtime.catalog))
    for index, stream in enumerate(query.streams or ()):
        reject_past_id(stream, context, "filter", "streams", index)
    return query


def _types_with_severity(query: EventQuery, catalog: Catalog) -> Collection[str]:
    """Return the types of the query whose events may have one of its severities."""
    severities = query.severities or ()
    types = {
        name
        for name, event in catalog.events.items()
        if event.type_severity in severities or "severity" in event.model_fields
    }
    return sorted(types if query.types is None else types.intersection(query.types))


class _EventSubscription:
    """The subscription's resolver. It makes the row of an event once for all topics that deliver it."""

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
        readable = query.permissions and query.permissions.of(query.types)
        return SharedSource(begin, partial(self._to_source, context), readable, _EVENT)

    def _to_source(self, context: RequestContext, message: EventStreamMessage) -> Mapping[str, Any]:
        """Return the message as the fields of its type read it."""
        if not isinstance(message, EventMessage):
            return status(message, context)
        entry = self._rows.get(id(message))
        if entry is None:
            if not self._rows:
                # All topics render the message before anything else runs in the loop.
                asyncio.get_running_loop().call_soon(self._rows.clear)
            row = event_row(message.event, context, message.place)
            row["__typename"] = _EVENT
            entry = self._rows[id(message)] = message, SharedObject(row)
        return entry[1]


def event_row(event: RecordedEvent, context: RequestContext, place: Place | None = None) -> dict[str, Any]:
    """Return the event as the fields of ``Event`` read it; `place` is its own, for callers that have it."""
    commit = event.commit
    return {
        "id": event.id,
        "type": event.type,
        "revision": event.revision,
        "stream": event.stream,
        "category": commit.category,
        "severity": event.severity,
        "version": event.version,
        "data": event_json(event, client_name),
        "personal_fields": personal_paths(event, client_name),
        "time": event.time,
        "recorded_at": commit.at,
        "first_recorded_at": commit.recorded,
        "command": commit.command,
        "command_id": commit.command_id,
        "correlation_id": commit.correlation,
        "causation_id": commit.causation,
        "actor": commit.actor,
        "authentication": commit.authentication,
        "source": commit.source,
        "extensions": commit.extensions,
        "position": context.seal(place or Place(event.position, event.place)),
    }
