"""Relay's query `node`, for rows, events and dead letters by their ids alone, and rows of the past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import strawberry

from api.graphql.declare import argument, output_field
from api.graphql.execution.request_context import ExecutionContext, Info, RequestContext
from api.graphql.fields.event_log import event_row
from api.graphql.identity import past_row, read_id
from api.graphql.strawberry_internals import Field
from api.limits.weights import ROW_OF_ANY_TIME
from domain.kernel.errors import OutsideLog
from eventstore.reading.as_of import AsOf
from projections.kernel.view import View
from projections.storage.rows import Row


def node(views: Sequence[View[Any]], interface: Any, *, with_dead_letters: bool) -> Field:
    """Return ``node(id)``, by which Relay loads any row, event or dead letter.

    Its answer for a view that is not among `views` is that for an id that nothing has.
    """
    entities = {view.context.category: view for view in views if view.is_entity}
    others = {view.type_name: view for view in views if not view.is_entity}

    async def resolve(_root: object, info: Info, *, id: str) -> Mapping[str, Any] | None:
        context = info.context
        view = others.get(id.partition(":")[0].partition("@")[0]) or entities.get(id.partition("-")[0])
        if view is None and with_dead_letters and id.partition("/")[0] in context.runtime.readers:
            letter = await context.runtime.dead_letters.find(context.scope.tenant, id)
            return letter and {**letter, "__typename": "DeadLetter"}
        if view is None:
            return await _read_event(id, context)
        point = read_id(view, id, context)
        if point is None:
            return None
        key, position = point
        row: Mapping[str, Any] | None
        if position is None:
            fields = context.selections.fields(info, view)
            row = await context.runtime.readers[view.name].get(context.rows(view), key, fields=fields)
        else:
            row = await read_past(view, key, position, context)
        return None if row is None else {**row, "__typename": view.type_name}

    arguments = [
        argument(
            "id",
            strawberry.ID,
            "The `id` of an event, a dead letter, or a row, including rows of the past.",
        )
    ]
    text = "Any row, event or dead letter by its id; null if there is none."
    return output_field(
        "node", interface | None, text, resolver=resolve, arguments=arguments, weight=ROW_OF_ANY_TIME
    )


async def _read_event(id: str, context: RequestContext) -> Mapping[str, Any] | None:
    """Return the event with this id; None where there is none that the caller may read."""
    event = await context.runtime.log.event(context.scope.tenant, id)
    if event is None or not any(context.readable([event])):
        return None
    return {**event_row(event, context), "__typename": "Event"}


async def read_past(view: View[Any], key: str, position: int, context: ExecutionContext) -> Row | None:
    """Return the row as of a position; None where it did not exist, or the log has not come so far."""
    runtime = context.runtime
    try:
        await runtime.log.position_at(context.scope.tenant, AsOf(position))
    except OutsideLog:
        return None
    row = await context.past(view, position).get(context.rows(view), key)
    return None if row is None else past_row(view, row, position, context)
