"""The queries `tenants` and `tenantCounts`, for callers that may act across tenants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime
from typing import Any

from api.graphql.declare import argument, declare, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info
from api.graphql.fields.connections import page_size
from api.graphql.fields.deployment_access import require_deployment
from api.graphql.strawberry_internals import Field
from api.limits.weights import DEFAULT_PAGE, PAST, STATUS
from eventstore.tenants.census import TenantCount, count_tenants, tenant_spans

_TENANTS = "the names and counts of tenants"

_TENANT = {
    "name": (str, "The name of the tenant."),
    "first_at": (datetime, "When its first commit was stored."),
    "last_at": (datetime, "When its last commit was stored."),
}
_COUNTS = {
    "streams": (int, "The number of its streams."),
    "commits": (int, "The number of its commits."),
    "events": (int, "The number of its events."),
    "bytes": (float, "The bytes of its documents in the log, uncompressed."),
}


def tenant_fields() -> Iterator[Field]:
    """Yield the two queries."""
    tenant = declare("Tenant", output_fields(_TENANT), "An owner of data in the log.")
    counts = declare("TenantCounts", output_fields(_COUNTS), "What a tenant has in the log.")
    yield output_field(
        "tenants",
        list_of(tenant),
        "The tenants that the log has, in the order of their names.",
        resolver=_list,
        arguments=[
            argument("first", int | None, f"The maximum number of tenants, {DEFAULT_PAGE} by default."),
            argument("after", str | None, "Only tenants after this name."),
        ],
        weight=STATUS,
    )
    yield output_field(
        "tenant_counts",
        counts,
        "What a tenant has in the log. The whole log is read for it; `nerve tenants count` has more time.",
        resolver=_count,
        arguments=[argument("name", str, "The name of the tenant.")],
        weight=PAST,
    )


async def _list(
    _root: object, info: Info, *, first: int | None = None, after: str | None = None
) -> list[dict[str, Any]]:
    context = info.context
    require_deployment(context, _TENANTS)
    size = page_size(first, None, context.runtime.settings.max_page)
    spans = await tenant_spans(context.runtime.database, size, after or "")
    return [{"name": name, "first_at": span.first, "last_at": span.last} for name, span in spans.items()]


async def _count(_root: object, info: Info, *, name: str) -> dict[str, Any]:
    context = info.context
    require_deployment(context, _TENANTS)
    upto = await context.runtime.log.high_water_mark()
    counts = await count_tenants(context.runtime.database, upto, name)
    return asdict(counts.get(name, TenantCount()))
