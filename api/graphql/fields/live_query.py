"""The subscription `live`: any query of views, executed again whenever its result may have changed."""

from __future__ import annotations

from enum import Enum
from typing import Any

from api.graphql.declare import argument, declare, enumeration, list_of, output_field
from api.graphql.execution.live_query_messages import MESSAGE_TYPE
from api.graphql.execution.request_context import Info
from api.graphql.execution.shared_sources import LiveQuerySource
from api.graphql.scalars import JSON, Position
from api.graphql.strawberry_internals import Field
from api.live_query_settings import MAX_INTERVAL
from domain.kernel.errors import ValidationFailed


class LiveFormat(Enum):
    """How a live query sends a result that follows another one."""

    FULL = "FULL"
    PATCH = "PATCH"


AFTER = (
    "Resume after this position: nothing is sent until something may have changed since, then the present "
    "result."
)
INTERVAL = (
    "The minimum number of seconds between two results. The setting `live_queries.interval` (0.5 unless set) "
    f"is the default and the smallest value; {MAX_INTERVAL:g} is the largest."
)
FORMAT = (
    "FULL sends each result as `query`. PATCH sends the first one so, and each later one as a `patch` of the "
    "result before, if that is shorter."
)
POSITION = "The position to resume `after`, on any server."
QUERY = "The result. Null if `patch` has it."
PATCH = (
    "The JSON Patch (RFC 6902) to be applied to the last `query` with all patches since; null if `query` has "
    "the result."
)


def live_query_field(query: Any) -> Field:
    """Return ``live(after, interval, format)``, whose results are selections of the root type `query`."""
    fields = [
        output_field("position", Position, POSITION),
        output_field("query", query | None, QUERY),
        output_field("patch", list_of(JSON) | None, PATCH),
    ]
    formats = enumeration(
        "LiveFormat", {member.name: member.value for member in LiveFormat}, LiveFormat.__doc__
    )
    return output_field(
        "live",
        declare(MESSAGE_TYPE, fields, "A result of a live query."),
        "The result of a query as it is now, and again each time it has changed. The query selects "
        "rows and lists of views, with their links and counts; it is executed once for all subscribers that "
        "have the same document, variables and rights.",
        resolver=_subscribe,
        arguments=[
            argument("after", Position | None, AFTER),
            argument("interval", float | None, INTERVAL),
            argument("format", formats, FORMAT, default=LiveFormat.FULL.value),
        ],
        subscription=True,
    )


def _subscribe(
    _root: object,
    info: Info,
    *,
    after: str | None = None,
    interval: float | None = None,
    format: str = LiveFormat.FULL.value,
) -> LiveQuerySource:
    context = info.context
    least = context.runtime.settings.live_query_limits.interval
    if interval is not None and not least <= interval <= MAX_INTERVAL:
        raise ValidationFailed(
            f"interval must be between {least:g} and {MAX_INTERVAL:g} seconds", ("interval",)
        )
    place = context.start_place(after)
    return LiveQuerySource(place, interval or least, sends_patches=format == LiveFormat.PATCH.value)
