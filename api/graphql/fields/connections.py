"""Relay connections: pages of a list, with the same arguments and fields everywhere."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from api.graphql.declare import argument, declare, list_of, output_field
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.row_resolvers import PageSideResolver, RowCountResolver
from api.graphql.identity import past_row, row_key
from api.graphql.strawberry_internals import Argument, Field
from api.graphql.type_map import TypeMap
from api.limits.weights import DEFAULT_PAGE
from domain.kernel.errors import ValidationFailed
from projections.kernel.view import View
from projections.querying.pages import Page


def page_arguments(cursor: Any = str) -> list[Argument]:
    """Return ``first``, ``after``, ``last`` and ``before``; cursors are texts or positions of the log."""
    what = "cursor" if cursor is str else "cursor or position"
    return [
        argument(
            "first",
            int | None,
            f"The number of rows of a page that is read forwards; {DEFAULT_PAGE} by default.",
        ),
        argument("after", cursor | None, f"Start after this {what}."),
        argument("last", int | None, "The number of rows of a page that is read backwards from the end."),
        argument("before", cursor | None, f"End before this {what}."),
    ]


def page_info(types: TypeMap) -> Any:
    """Return Relay's PageInfo."""
    return types.claim("PageInfo", page_info, _declare_page_info)


def _declare_page_info() -> Any:
    fields = [
        output_field(
            "has_next_page",
            bool,
            "Whether rows follow this page.",
            resolver=PageSideResolver("has_next_page"),
        ),
        output_field(
            "has_previous_page",
            bool,
            "Whether rows precede this page.",
            resolver=PageSideResolver("has_previous_page"),
        ),
        output_field(
            "start_cursor",
            str | None,
            "The cursor of the first row of the page.",
            read=_start_cursor,
        ),
        output_field(
            "end_cursor",
            str | None,
            "The cursor of the last row of the page.",
            read=_end_cursor,
        ),
    ]
    return declare("PageInfo", fields, "The position of a page in its list.")


def _start_cursor(source: Mapping[str, Any], _context: RequestContext) -> str | None:
    return source["cursor"](source["rows"][0]) if source["rows"] else None


def _end_cursor(source: Mapping[str, Any], _context: RequestContext) -> str | None:
    return source["cursor"](source["rows"][-1]) if source["rows"] else None


def connection(name: str, row: Any, types: TypeMap, *extra: Field) -> Any:
    """Return ``TaskConnection`` with ``TaskEdge``. Cursors are made only where they are selected."""
    edge = declare(
        f"{name}Edge",
        [
            output_field("node", row, read=lambda source, _context: source[0]),
            output_field("cursor", str, read=lambda source, _context: source[1](source[0])),
        ],
    )
    fields = [
        output_field("edges", list_of(edge), read=_edges),
        output_field(
            "nodes",
            list_of(row),
            "The rows of the page without their cursors.",
            read=lambda source, _context: source["rows"],
        ),
        output_field("page_info", page_info(types), read=lambda source, _context: source),
        *extra,
    ]
    return declare(f"{name}Connection", fields)


def _edges(source: Mapping[str, Any], _context: RequestContext) -> list[tuple[Any, Any]]:
    cursor = source["cursor"]
    return [(row, cursor) for row in source["rows"]]


def list_connection(view: View[Any], row: Any, types: TypeMap) -> Any:
    """Return ``TaskConnection`` for all lists of the view's rows."""
    total = output_field(
        "total_count",
        int | None,
        "The number of rows that match the filter, on all pages.",
        resolver=RowCountResolver(),
    )
    name = view.type_name
    return types.claim(f"{name}Connection", view.name, lambda: connection(name, row, types, total))


def page_size(first: int | None, last: int | None, max_page: int) -> int:
    """Return the number of rows of a page. Raises ValidationFailed for both, and for more than `max_page`."""
    if first is not None and last is not None:
        raise ValidationFailed("give either first or last", ("last",))
    for name, size in (("first", first), ("last", last)):
        if size is not None:
            if not 0 <= size <= max_page:
                raise ValidationFailed(f"{name} must be between 0 and {max_page}", (name,))
            return size
    return DEFAULT_PAGE


def past_connection(
    view: View[Any],
    page: Page,
    position: int,
    count: Callable[[], Awaitable[int]],
    context: RequestContext,
) -> dict[str, Any]:
    """Do as `connection_value` for rows as of a position, with the cursors of their keys."""
    rows = [past_row(view, row, position, context) for row in page.rows]
    return {
        **connection_value(page, count),
        "rows": rows,
        "cursor": lambda row: page.cursor({**row, "id": row_key(row)}),
    }


def connection_value(page: Page, count: Callable[[], Awaitable[int]]) -> dict[str, Any]:
    """Return the source of a connection's fields. Its rows are counted only where that is selected."""
    return {
        "rows": page.rows,
        "cursor": page.cursor,
        "has_next_page": page.has_next,
        "has_previous_page": page.has_previous,
        "count": count,
    }
