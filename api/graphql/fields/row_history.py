"""The history of rows of any view: ``taskHistory`` and ``taskWhy``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any

import strawberry

from api.graphql.as_of_inputs import as_of_argument, resolve_matching_position
from api.graphql.declare import argument, declare, enumeration, list_of, output_field, output_fields
from api.graphql.execution.request_context import ExecutionContext, Info, RequestContext
from api.graphql.fields.commit_fields import COMMIT, commit_row
from api.graphql.fields.connections import connection, page_arguments, page_size
from api.graphql.fields.event_log import event_row
from api.graphql.identity import past_row, row_reference
from api.graphql.scalars import JSON, Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from api.limits.weights import HISTORY, PAST
from domain.kernel.names import client_name
from domain.kernel.types.annotations import OptionalOf
from domain.kernel.types.json_values import json_writer
from projections.kernel.view import View
from projections.past.changes import PastChange
from projections.past.reader import PastView


def past_fields(
    view: View[Any], row: Any, event: Any, types: TypeMap, hidden: frozenset[str] = frozenset()
) -> Iterator[Field]:
    """Yield the two queries of a view, without its `hidden` fields.

    Without an `event` type, which no caller without visible events has, there is no ``taskWhy``.
    """
    names = {name.upper(): name for name in view.record.fields if name not in hidden}
    field = enumeration(f"{view.type_name}Field", names, "A field of the row.")
    id_argument = argument(
        "id",
        strawberry.ID,
        "The `id` of the row. The id of a past state leaves out what happened after it.",
    )
    as_of = as_of_argument(types, "Leave out what happened after this point in the past.")
    yield output_field(
        f"{view.singular}_history",
        connection(f"{view.type_name}History", _entry(view, row, field, event, hidden), types),
        "The history of a row: each of its changes, in the order of the log.",
        resolver=partial(_history, view),
        arguments=[
            id_argument,
            *page_arguments(Position),
            as_of,
        ],
        weight=HISTORY,
    )
    if event is None:
        return
    yield output_field(
        f"{view.singular}_why",
        types.claim("Why", past_fields, lambda: _declare_why(event)) | None,
        (
            "Why a field has its value: the event that set it, and the events that led to that event. "
            "Null if there is no such row."
        ),
        resolver=partial(_why, view),
        arguments=[id_argument, argument("field", field, "The field."), as_of],
        weight=PAST,
    )


def _entry(view: View[Any], row: Any, field: Any, event: Any, hidden: frozenset[str]) -> Any:
    """Return ``TaskHistoryEntry``."""
    fields = [
        *output_fields(COMMIT),
        output_field(
            "changed_fields",
            list_of(field),
            "The fields whose values changed.",
            read=lambda entry, _context: [name for name in entry["changed_fields"] if name not in hidden],
        ),
        output_field("before", row | None, "The row before the change; null if it did not exist."),
        output_field("after", row | None, "The row after the change; null if it was removed."),
    ]
    if event is not None:
        fields.append(output_field("events", list_of(event), "The events that changed the row."))
    return declare(f"{view.type_name}HistoryEntry", fields, "A change of a row by one command.")


def _declare_why(event: Any) -> Any:
    fields = [
        output_field("value", JSON | None, "The value of the field."),
        output_field("before", JSON | None, "The previous value; null also if the row did not exist."),
        output_field("event", event, "The event that set the value."),
        output_field(
            "causes",
            list_of(event),
            "The events that led to it, from the direct cause back to the first one.",
        ),
    ]
    return declare("Why", fields, "Why a field has its value.")


async def _history(
    view: View[Any],
    _root: object,
    info: Info,
    *,
    id: str,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
    as_of: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    context = info.context
    size = page_size(first, last, context.runtime.settings.max_page)
    key, past = await _row(view, id, as_of, context)
    page = await past.history(
        context.rows(view),
        key,
        first=size if last is None else None,
        after=None if after is None else context.open(after, "after").position,
        last=last,
        before=None if before is None else context.open(before, "before").position,
    )
    context.count_rows(len(page.changes))
    return {
        "rows": [_entry_source(view, change, context) for change in page.changes],
        "cursor": lambda row: row["position"],
        "has_next_page": page.has_next,
        "has_previous_page": page.has_previous,
    }


def _entry_source(view: View[Any], change: PastChange, context: RequestContext) -> dict[str, Any]:
    commit = change.commit
    return {
        **commit_row(commit, context),
        "changed_fields": change.fields,
        "before": change.before and past_row(view, change.before, commit.position - 1, context),
        "after": change.after and past_row(view, change.after, commit.position, context),
        "events": [event_row(event, context) for event in context.readable(change.events)],
    }


async def _why(
    view: View[Any],
    _root: object,
    info: Info,
    *,
    id: str,
    field: str,
    as_of: Mapping[str, Any] | None = None,
) -> dict[str, Any] | None:
    context = info.context
    key, past = await _row(view, id, as_of, context)
    reason = await past.why(context.rows(view), key, field)
    if reason is None or not any(context.readable([reason.event])):
        return None
    to_json = json_writer(OptionalOf(view.record.fields[field].type), client_name)
    return {
        "value": reason.value if to_json is None else to_json(reason.value),
        "before": reason.before if to_json is None else to_json(reason.before),
        "event": event_row(reason.event, context),
        "causes": [event_row(event, context) for event in context.readable(reason.causes)],
    }


async def _row(
    view: View[Any], id: str, as_of: Mapping[str, Any] | None, context: ExecutionContext
) -> tuple[str, PastView]:
    """Return the key of a row and its view as of `asOf`, of the id's past state, or of the present log."""
    key, position = row_reference(view, id, context)
    if as_of is not None:
        position = await resolve_matching_position(position, as_of, context)
    if position is None:
        position = await context.runtime.log.high_water_mark()
    return key, context.past(view, position)
