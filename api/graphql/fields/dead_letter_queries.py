"""The queries of dead letters, which are events that views could not apply."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import strawberry

from api.graphql.declare import argument, declare, output_field
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.fields.connections import connection, page_arguments, page_size
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.graphql.type_map import TypeMap
from api.limits.weights import ROW, ROWS
from domain.kernel.names import client_name
from eventstore.place import Place
from projections.querying.dead_letter_reader import cursor, id_of


def dead_letter_fields(types: TypeMap, node: Any) -> tuple[Field, Field]:
    """Return ``deadLetter(id)`` and ``deadLetters(view, first, after, last, before)``."""
    letter = _declare_dead_letter(node)
    letter_field = output_field(
        "dead_letter",
        letter | None,
        "A dead letter by its id; null if there is none, or it was retried or dropped.",
        resolver=_dead_letter,
        arguments=[argument("id", strawberry.ID, "The id of the dead letter.")],
        weight=ROW,
    )
    return letter_field, output_field(
        "dead_letters",
        connection("DeadLetter", letter, types),
        "The events that views could not apply, by view and row, until they are retried or dropped.",
        resolver=_dead_letters,
        arguments=[
            argument("view", str | None, "Only dead letters of this view."),
            *page_arguments(),
        ],
        weight=ROWS,
    )


def _declare_dead_letter(node: Any) -> Any:
    fields = [
        output_field(
            "id",
            strawberry.ID,
            "The id, as in `_meta.parked` of the row and in errors with the code PARKED.",
            read=lambda letter, _context: id_of(letter),
        ),
        output_field(
            "view",
            str,
            "The view that could not apply the event, by the name of its list.",
            read=lambda letter, _context: client_name(letter["view"]),
        ),
        output_field("row", strawberry.ID | None, "The row that lacks the event; null if that is unknown."),
        output_field("stream", strawberry.ID, "The stream of the event."),
        output_field(
            "version", int, "The event's version in its stream. Later events of the stream wait behind it."
        ),
        output_field("type", str, "The type of the event, such as `task.completed`."),
        output_field("position", Position, "The event's position in the log.", read=_position),
        output_field("error", str, "The name of the error."),
        output_field(
            "detail", str, "Where the error occurred, or why. It contains nothing of the event's data."
        ),
        output_field("failures", int, "How often the event failed."),
        output_field("first_at", datetime, "When the event first failed."),
        output_field("last_at", datetime, "When the event last failed."),
    ]
    text = "An event that a view could not apply. It stays parked until it is retried or dropped."
    return declare("DeadLetter", fields, text, interfaces=(node,))


def _position(source: Mapping[str, Any], context: RequestContext) -> str:
    return context.seal(Place(source["position"]))


async def _dead_letter(_root: object, info: Info, *, id: str) -> Mapping[str, Any] | None:
    context = info.context
    return await context.runtime.dead_letters.find(context.scope.tenant, id)


async def _dead_letters(
    _root: object,
    info: Info,
    *,
    view: str | None = None,
    first: int | None = None,
    after: str | None = None,
    last: int | None = None,
    before: str | None = None,
) -> dict[str, Any]:
    context = info.context
    size = page_size(first, last, context.runtime.settings.max_page)
    page = await context.runtime.dead_letters.page(
        context.scope.tenant,
        view,
        first=size if last is None else None,
        after=after,
        last=last,
        before=before,
    )
    context.count_rows(len(page.letters))
    return {
        "rows": page.letters,
        "cursor": cursor,
        "has_next_page": page.has_next,
        "has_previous_page": page.has_previous,
    }
