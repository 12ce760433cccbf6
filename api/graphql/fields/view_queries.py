"""The queries of a view: one row by its id, and the list as a Relay connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from time import monotonic
from typing import Any

import strawberry

from api.graphql.as_of_inputs import as_of_argument, resolve_matching_position, resolve_position
from api.graphql.declare import Resolver, argument, list_of, output_field
from api.graphql.execution.request_context import ExecutionContext, Info, RequestContext
from api.graphql.execution.row_resolvers import ViewResolver
from api.graphql.fields.connections import (
    connection_value,
    list_connection,
    page_arguments,
    page_size,
    past_connection,
)
from api.graphql.fields.node_query import read_past
from api.graphql.identity import read_filter, row_reference
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Argument, Field
from api.graphql.type_map import TypeMap
from api.limits.weights import LIST_OF_VIEW, ROW_OF_ANY_TIME
from domain.kernel.names import client_name
from projections.kernel.view import View
from projections.querying.pages import ListQuery

ROW_ID = "The `id` of the row. The id of a past state returns the row as it was then."

SEARCH = (
    "Only rows that contain all of these words in {}, at least one of them as a whole word. "
    'Case and accents are ignored. Quotes search for a phrase ("in stock"), and a minus '
    "excludes a word (-draft)."
)

_AT_LEAST = argument(
    "at_least",
    Position | None,
    (
        "Wait until the view has reached this position; fails with STALE_READ if that takes too "
        "long. A single row fails with PARKED if an event up to this position could not be "
        "applied to it; rows of a list show that in `_meta.parked`."
    ),
)


def _as_of(types: TypeMap) -> Argument:
    return as_of_argument(types, "Return the state at this point in the past.")


def row_query(view: View[Any], row: Any, types: TypeMap) -> Field:
    """Return ``task(id, atLeast, asOf)``."""

    def find_key(id: str, context: RequestContext) -> str:
        return row_reference(view, id, context).key

    async def resolve(
        _root: object,
        info: Info,
        *,
        id: str,
        at_least: str | None = None,
        as_of: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any] | None:
        context = info.context
        key, position = row_reference(view, id, context)
        if as_of is not None:
            position = await resolve_matching_position(position, as_of, context)
        if position is not None:
            await _reach(view, at_least, info)
            return await read_past(view, key, position, context)
        parts, scope = context.runtime.view_parts[view.name], context.rows(view)
        fields = context.selections.fields(info, view)
        if at_least is None:
            return await parts.shared.get(scope, key, fields=fields)
        reached = context.open(at_least, "atLeast").position
        within = await reach_links(view, reached, info)
        return await parts.reader.get_at_least(scope, key, reached, within, fields=fields)

    arguments = [argument("id", strawberry.ID, ROW_ID), _AT_LEAST, _as_of(types)]
    return output_field(
        view.singular,
        row | None,
        view.description,
        resolver=ViewResolver(view, resolve, find_key),
        arguments=arguments,
        weight=ROW_OF_ANY_TIME,
    )


def _join(fields: Sequence[str]) -> str:
    *rest, last = map(client_name, fields)
    return f"{', '.join(rest)} or {last}" if rest else last


def list_query(view: View[Any], row: Any, filters: Any, orders: Any, types: TypeMap) -> Field:
    """Return ``tasks(filter, orderBy, first, after, last, before, atLeast, asOf)``."""
    arguments = [argument("filter", filters | None, "Conditions that the rows must meet.")]
    if view.search:
        arguments.append(argument("search", str | None, SEARCH.format(_join(view.search))))
    if orders is not None:
        text = "The fields to sort by. Rows with equal values are sorted by id."
        arguments.append(argument("order_by", list_of(orders) | None, text))
    arguments += [*page_arguments(), _AT_LEAST, _as_of(types)]
    return output_field(
        view.name,
        list_connection(view, row, types),
        view.description,
        resolver=ViewResolver(view, _list(view)),
        arguments=arguments,
        weight=LIST_OF_VIEW,
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
        size = page_size(first, last, context.runtime.settings.max_page)
        plain_filter = read_filter(view, filter, context)
        await _reach(view, at_least, info)
        query = ListQuery(
            size,
            filter=plain_filter,
            order=[(by["field"], by["direction"]) for by in order_by or ()],
            after=after,
            before=before,
            backward=last is not None,
            fields=context.selections.fields(info, view),
            search=search,
        )
        scope = context.rows(view)
        if as_of is not None:
            return await _past_page(view, query, await resolve_position(as_of, context), context)
        parts = context.runtime.view_parts[view.name]
        page = await parts.shared.page(scope, query)
        await context.return_rows(len(page.rows))
        return connection_value(page, partial(parts.shared.count, scope, plain_filter, search))

    return resolve


async def _past_page(
    view: View[Any], query: ListQuery, position: int, context: ExecutionContext
) -> dict[str, Any]:
    past, scope = context.past(view, position), context.rows(view)
    page = await past.page(scope, query)
    await context.return_rows(len(page.rows))
    count = partial(past.count, scope, query.filter, query.search)
    return past_connection(view, page, position, count, context)


async def _reach(view: View[Any], at_least: str | None, info: Info) -> None:
    if at_least is not None:
        position = info.context.open(at_least, "atLeast").position
        within = await reach_links(view, position, info)
        await info.context.runtime.readers[view.name].wait_for(position, within)


async def reach_links(view: View[Any], position: int, info: Info) -> float:
    """Wait until the views of the selected links have reached the position.

    Return the seconds that are left to wait for the view itself. Raises StaleRead where the time is not
    enough.
    """
    runtime = info.context.runtime
    deadline = monotonic() + runtime.settings.wait_timeout
    for name in info.context.selections.views(info, view):
        await runtime.readers[name].wait_for(position, max(0.0, deadline - monotonic()))
    return max(0.0, deadline - monotonic())
