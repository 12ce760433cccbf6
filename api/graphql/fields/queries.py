"""Queries of a view: one row by its id, and the list as a Relay connection."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

import strawberry
from strawberry.types.arguments import StrawberryArgument
from strawberry.types.field import StrawberryField
from strawberry.utils.str_converters import to_camel_case

from api.graphql.context import Info, RequestContext
from api.graphql.declare import Resolver, argument, declare, listed, output_field
from api.graphql.fields.nodes import read_past
from api.graphql.identity import past_row, read_filter, row_key, row_point
from api.graphql.points import as_of_argument, position_of, same_position
from api.graphql.scalars import Position
from api.graphql.types import TypeMap
from domain.kernel.errors import ValidationFailed
from projections.past.reader import PastView
from projections.querying.queries import Page, Side, ViewReader
from projections.view import View

DEFAULT_PAGE = 20

ROW_ID = "The row's `id`; of a past state, the row as it was then."

SEARCH = (
    "Only rows with all of these words in {}, at least one of them as a whole word; case and accents do not "
    'count. "In quotes" is a phrase, and -word is not to be there.'
)

_AT_LEAST = argument(
    "at_least",
    Position | None,
    "Wait until the view has reached this position; STALE_READ if it does not in time.",
)


def _as_of(types: TypeMap) -> StrawberryArgument:
    return as_of_argument(types, "As it was at this point in the past.")


def page_info(types: TypeMap) -> Any:
    """Relay's PageInfo."""
    return types.claim("PageInfo", page_info, _declare_page_info)


def _declare_page_info() -> Any:
    fields = [
        output_field("has_next_page", bool, "There are rows behind this page.", resolver=_has_next),
        output_field("has_previous_page", bool, "There are rows before this page.", resolver=_has_previous),
        output_field("start_cursor", str | None, "The cursor of the first row.", resolver=_start_cursor),
        output_field("end_cursor", str | None, "The cursor of the last row.", resolver=_end_cursor),
    ]
    return declare("PageInfo", fields, "Where a page stands in its list.")


def _has_next(source: Mapping[str, Any], _info: Info) -> Any:
    return _known(source["has_next_page"])


def _has_previous(source: Mapping[str, Any], _info: Info) -> Any:
    return _known(source["has_previous_page"])


def _known(side: Side) -> bool | Awaitable[bool]:
    """What nobody selects is not looked up."""
    return side() if callable(side) else side


def _start_cursor(source: Mapping[str, Any], _info: Info) -> str | None:
    return source["cursor"](source["rows"][0]) if source["rows"] else None


def _end_cursor(source: Mapping[str, Any], _info: Info) -> str | None:
    return source["cursor"](source["rows"][-1]) if source["rows"] else None


def connection(name: str, row: Any, types: TypeMap, *extra: StrawberryField) -> Any:
    """``TaskConnection`` and ``TaskEdge``. Cursors are made only where they are selected."""
    edge = declare(
        f"{name}Edge",
        [
            output_field("node", row, resolver=lambda source, _info: source[0]),
            output_field("cursor", str, resolver=lambda source, _info: source[1](source[0])),
        ],
    )
    fields = [
        output_field("edges", listed(edge), resolver=_edges),
        output_field("nodes", listed(row), "The rows alone.", resolver=lambda source, _info: source["rows"]),
        output_field("page_info", page_info(types), resolver=lambda source, _info: source),
        *extra,
    ]
    return declare(f"{name}Connection", fields)


def _edges(source: Mapping[str, Any], _info: Info) -> list[tuple[Any, Any]]:
    cursor = source["cursor"]
    return [(row, cursor) for row in source["rows"]]


def single(view: View[Any], row: Any, types: TypeMap) -> StrawberryField:
    """``task(id, atLeast, asOf)``: null where there is none."""

    async def resolve(
        _root: object,
        info: Info,
        *,
        id: str,
        at_least: str | None = None,
        as_of: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any] | None:
        context = info.context
        key, position = row_point(view, id, context)
        if as_of is not None:
            position = await same_position(position, as_of, context)
        if position is not None:
            await _reach(view, at_least, info)
            return await read_past(view, key, position, context)
        reader, tenant = context.services.readers[view.name], context.scope.tenant
        fields = context.selections.fields(info, view)
        if at_least is None:
            return await reader.get(tenant, key, fields=fields)
        reached = context.open(at_least, "atLeast").position
        within = await reach_links(view, reached, info)
        return await reader.get_at_least(tenant, key, reached, within, fields=fields)

    arguments = [argument("id", strawberry.ID, ROW_ID), _AT_LEAST, _as_of(types)]
    return output_field(view.single, row | None, view.description, resolver=resolve, arguments=arguments)


def _listing(fields: Sequence[str]) -> str:
    *rest, last = map(to_camel_case, fields)
    return f"{', '.join(rest)} or {last}" if rest else last


def list_connection(view: View[Any], row: Any, types: TypeMap) -> Any:
    """``TaskConnection``, for all lists of the view's rows."""
    total = output_field("total_count", int | None, "How many rows the filter matches.", resolver=_total)
    name = view.type_name
    return types.claim(f"{name}Connection", view.name, lambda: connection(name, row, types, total))


def many(view: View[Any], row: Any, filters: Any, orders: Any, types: TypeMap) -> StrawberryField:
    """``tasks(filter, orderBy, first, after, last, before, atLeast, asOf)``."""
    arguments = [
        argument("filter", filters | None, "Which rows."),
        argument("first", int | None, f"The size of a page read forwards; {DEFAULT_PAGE} by default."),
        argument("after", str | None, "Read behind this cursor."),
        argument("last", int | None, "The size of a page read backwards."),
        argument("before", str | None, "Read before this cursor."),
        _AT_LEAST,
        _as_of(types),
    ]
    if orders is not None:
        arguments.insert(1, argument("order_by", listed(orders) | None, "By what to sort; equals by id."))
    if view.search:
        arguments.insert(1, argument("search", str | None, SEARCH.format(_listing(view.search))))
    return output_field(
        view.name,
        list_connection(view, row, types),
        view.description,
        resolver=_list(view),
        arguments=arguments,
    )


def _list(view: View[Any]) -> Resolver:
    async def resolve(
        _root: object,
        info: Info,
        *,
        filter: Mapping[str, Any] | None = None,
        search: str | None = None,
        order_by: Sequence[Mapping[str, Any]] | None = None,
        first: int | None = None,
        after: str | None = None,
        last: int | None = None,
        before: str | None = None,
        at_least: str | None = None,
        as_of: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        context = info.context
        size = page_size(first, last, context.services.max_page)
        wanted = read_filter(view, filter, context)
        await _reach(view, at_least, info)
        tenant, position = context.scope.tenant, None
        reader: ViewReader | PastView = context.services.readers[view.name]
        if as_of is not None:
            position = await position_of(as_of, context)
            reader = context.services.past[view.name].at(position)
        page = await reader.page(
            tenant,
            filter=wanted,
            search=search,
            order=[(by["field"], by["direction"]) for by in order_by or ()],
            first=size if last is None else None,
            after=after,
            last=last,
            before=before,
            fields=context.selections.fields(info, view),
        )
        context.reads.tell(len(page.rows), context.services.max_rows)
        count = partial(reader.count, tenant, wanted, search)
        if position is None:
            return connection_value(page, count)
        return past_connection(view, page, position, count, context)

    return resolve


def past_connection(
    view: View[Any],
    page: Page,
    position: int,
    count: Callable[[], Awaitable[int]],
    context: RequestContext,
) -> dict[str, Any]:
    """As `connection_value`, of rows as of a position. Cursors are those of the rows' keys."""
    rows = [past_row(view, row, position, context) for row in page.rows]
    return {
        **connection_value(page, count),
        "rows": rows,
        "cursor": lambda row: page.cursor({**row, "id": row_key(row)}),
    }


def connection_value(page: Page, count: Callable[[], Awaitable[int]]) -> dict[str, Any]:
    """What the fields of a connection are resolved from; its rows are counted only where that is selected."""
    return {
        "rows": page.rows,
        "cursor": page.cursor,
        "has_next_page": page.has_next,
        "has_previous_page": page.has_previous,
        "count": count,
    }


async def _total(source: Mapping[str, Any], _info: Info) -> int:
    count: int = await source["count"]()
    return count


def page_size(first: int | None, last: int | None, most: int) -> int:
    """How many rows a page has; raises ValidationFailed where the two do not say 1 to `most`."""
    if first is not None and last is not None:
        raise ValidationFailed("give either first or last", ("last",))
    for name, size in (("first", first), ("last", last)):
        if size is not None:
            if not 0 < size <= most:
                raise ValidationFailed(f"{name} must be between 1 and {most}", (name,))
            return size
    return DEFAULT_PAGE


async def _reach(view: View[Any], at_least: str | None, info: Info) -> None:
    if at_least is not None:
        position = info.context.open(at_least, "atLeast").position
        within = await reach_links(view, position, info)
        await info.context.services.readers[view.name].wait_for(position, within)


async def reach_links(view: View[Any], position: int, info: Info) -> float:
    """Wait until the views have reached the position that the selected links of a view are read from.

    The seconds that are left to wait for the view itself. Raises StaleRead where they are not enough.
    """
    services = info.context.services
    deadline = monotonic() + services.wait_timeout
    for name in info.context.selections.views(info, view):
        await services.readers[name].wait_for(position, max(0.0, deadline - monotonic()))
    return max(0.0, deadline - monotonic())
