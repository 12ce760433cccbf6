"""The query and the subscription `trace`: everything that one correlation id has caused, as a tree."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import Any

import strawberry

from api.graphql.declare import argument, declare, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.execution.shared_sources import SharedSource
from api.graphql.fields.view_subscriptions import MessageTypes, status
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from api.limits.weights import ROWS
from domain.kernel.errors import ValidationFailed
from eventstore.history.trace import MAX_EVENTS, TraceKind, TraceNode, nodes_of, read_trace
from eventstore.place import Place
from eventstore.reading.event_query import EventQuery
from subscriptions.live.event_hub import EventMessage, EventStreamMessage

_FIELDS = {
    "node_id": (strawberry.ID, "The id of the node, unique in the trace."),
    "parent_id": (
        strawberry.ID | None,
        "The `nodeId` of the node that caused this one; null for a root. Show a node as a root too if its "
        "parent is not in the trace, which has another correlation id then.",
    ),
    "name": (
        str,
        "The name of the command, the type of the event, the category of the process that reacts, the name "
        "of the effect, or what became of it.",
    ),
    "detail": (
        str | None,
        "Of a reaction the type of the event, of an effect its command, request or process, of an outcome "
        "the error's code.",
    ),
    "stream": (strawberry.ID, "The stream of the commit."),
    "version": (int | None, "The version of the event; null for a node that stands for a whole commit."),
    "event_id": (strawberry.ID | None, "The id of the event, which `node` reads; null as for `version`."),
    "command_id": (strawberry.ID, "The id of the command of the commit."),
    "actor": (str | None, "The user or service on whose behalf the command ran."),
    "at": (datetime, "When the commit was recorded."),
    "seconds_after_parent": (
        float | None,
        "The seconds since the parent: of an outcome those that the effect took, of a command or a reaction "
        "those that it waited. Null if the parent is not in this answer.",
    ),
    "position": (Position, "The position in the log."),
}


def trace_fields(types: TypeMap, messages: MessageTypes) -> tuple[Field, Field]:
    """Return the query and the subscription."""
    kind = output_field("kind", types.of(TraceKind, "kind", "TraceKind"), "What the node is.")
    node = declare(
        "TraceNode",
        [kind, *output_fields(_FIELDS)],
        "A command, event, effect, outcome or reaction in a trace.",
    )
    correlation = argument(
        "correlation_id", strawberry.ID, "The correlation id, as in the receipt of a command."
    )
    after = argument("after", Position | None, "Start behind this position.")
    first = argument("first", int | None, f"The maximum number of events to read; {MAX_EVENTS} by default.")
    query = output_field(
        "trace",
        _declare_page(node),
        "What one request has caused, over all streams: commands, events, reactions of processes, their "
        "effects and the outcomes. Nodes are in the order of the log, parents before their children.",
        resolver=_page,
        arguments=[correlation, first, after],
        weight=ROWS._replace(page=MAX_EVENTS),
    )
    subscription = output_field(
        "trace",
        messages.union("TraceMessage", _declare_message(node, messages)),
        "The nodes of a trace as they are stored: those behind `after`, or new ones.",
        resolver=_follow,
        arguments=[correlation, after],
        subscription=True,
    )
    return query, subscription


def _declare_page(node: Any) -> Any:
    fields = [
        output_field("nodes", list_of(node), "The nodes."),
        output_field("truncated", bool, "Whether further nodes follow; read on `after` the position."),
        output_field("position", Position, "The position up to which the trace was read."),
        output_field("started_at", datetime | None, "The time of the first node; null without nodes."),
        output_field("ended_at", datetime | None, "The time of the last node; null without nodes."),
    ]
    return declare("Trace", fields, "A trace, or a part of it.")


def _declare_message(node: Any, messages: MessageTypes) -> Any:
    fields = [output_field("nodes", list_of(node), "The new nodes, of one event.")]
    return declare("TraceNodes", fields, "Nodes of a trace.", interfaces=(messages.interface,))


async def _page(
    _root: object, info: Info, *, correlation_id: str, first: int | None = None, after: str | None = None
) -> dict[str, Any]:
    context = info.context
    limit = MAX_EVENTS if first is None else first
    if not 0 < limit <= MAX_EVENTS:
        raise ValidationFailed(f"first must be between 1 and {MAX_EVENTS}", ("first",))
    runtime = context.runtime
    position = 0 if after is None else context.open(after, "after").position
    page = await read_trace(
        runtime.log, runtime.processes, context.scope.tenant, correlation_id, position, limit
    )
    context.count_rows(len(page.nodes))
    times = [node.commit.at for node in page.nodes]
    return {
        "nodes": _rows(page.nodes, context),
        "truncated": page.truncated,
        "position": context.seal(Place(page.position)),
        "started_at": times[0] if times else None,
        "ended_at": times[-1] if times else None,
    }


def _follow(
    _root: object, info: Info, *, correlation_id: str, after: str | None = None
) -> SharedSource[EventMessage]:
    context = info.context
    query, place = EventQuery(correlation=correlation_id), context.start_place(after)
    begin = partial(context.runtime.event_hub.open, context.scope.tenant, query, place)
    return SharedSource(begin, partial(_to_source, context), None)


def _to_source(context: RequestContext, message: EventStreamMessage) -> Mapping[str, Any]:
    if not isinstance(message, EventMessage):
        return status(message, context)
    nodes = nodes_of(message.event, context.runtime.processes)
    position = context.seal(message.place)
    return {"__typename": "TraceNodes", "nodes": _rows(nodes, context), "position": position}


def _rows(nodes: Sequence[TraceNode], context: RequestContext) -> list[dict[str, Any]]:
    times = {node.id: node.commit.at for node in nodes}
    return [_row(node, times.get(node.parent or ""), context) for node in nodes]


def _row(node: TraceNode, parent_at: datetime | None, context: RequestContext) -> dict[str, Any]:
    commit, event = node.commit, node.event
    return {
        "kind": node.kind.value,
        "node_id": node.id,
        "parent_id": node.parent,
        "name": node.name,
        "detail": node.detail,
        "stream": commit.stream,
        "version": None if event is None else event.version,
        "event_id": None if event is None else event.id,
        "command_id": commit.command_id,
        "actor": commit.actor,
        "at": commit.at,
        "seconds_after_parent": None if parent_at is None else (commit.at - parent_at).total_seconds(),
        "position": context.seal(Place(commit.position, 0 if event is None else event.place)),
    }
