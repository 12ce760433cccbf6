"""Points in the past, as clients send them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from api.graphql.declare import argument, declare, input_field
from api.graphql.execution.request_context import RequestContext
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Argument
from api.graphql.type_map import TypeMap
from domain.kernel.errors import ValidationFailed
from eventstore.reading.as_of import AsOf

_AS_OF = {
    "position": (Position, "The state after this position of the log."),
    "time": (datetime, "The state that was recorded at this time."),
}


def as_of_argument(types: TypeMap, description: str = "The point in the past.") -> Argument:
    """Return the argument ``asOf: AsOf``."""
    return argument("as_of", types.claim("AsOf", AsOf, _declare_as_of) | None, description)


def _declare_as_of() -> Any:
    fields = [input_field(name, shape | None, text) for name, (shape, text) in _AS_OF.items()]
    return declare("AsOf", fields, "A point in the past: either a position or a time.", is_input=True)


def read_as_of(as_of: Mapping[str, Any], context: RequestContext) -> AsOf:
    """Return the point that a client sent; raises ValidationFailed unless it is one position or one time."""
    sealed, time = as_of.get("position"), as_of.get("time")
    position = None if sealed is None else context.open(sealed, "as_of", "position").position
    if (position is None) == (time is None):
        raise ValidationFailed("give either position or time", ("as_of",))
    return AsOf(position, time)


async def resolve_position(as_of: Mapping[str, Any], context: RequestContext) -> int:
    """Return the settled position of a point. Raises OutsideLog, and as `read_as_of`."""
    return await context.runtime.log.position_at(context.scope.tenant, read_as_of(as_of, context))


async def resolve_matching_position(
    then: int | None, as_of: Mapping[str, Any], context: RequestContext
) -> int:
    """Return the position of `asOf`, which may not differ from `then`, the position of a past id.

    Raises ValidationFailed where it does, and as `resolve_position`.
    """
    position = await resolve_position(as_of, context)
    if then not in (None, position):
        raise ValidationFailed("the id belongs to another position than asOf; omit asOf", ("as_of",))
    return position
