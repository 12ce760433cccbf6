"""The query `viewer`: the caller as nerve authenticated it. It exists for every caller."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.graphql.declare import declare, list_of, output_field
from api.graphql.execution.request_context import Info
from api.graphql.strawberry_internals import Field


def viewer_field() -> Field:
    """Return ``viewer``."""
    fields = [
        output_field(
            "subject", str | None, "The user or service; null for a caller without credentials of its own."
        ),
        output_field("tenant", str, "The tenant whose data the caller works with."),
        output_field("roles", list_of(str), "The caller's roles, in alphabetical order."),
        output_field(
            "expires_at", datetime | None, "When the credentials expire; null if they do not expire."
        ),
    ]
    viewer = declare("Viewer", fields, "The caller of the API, as it was authenticated.")
    return output_field("viewer", viewer, "The caller of this request.", resolver=_resolve)


def _resolve(_root: object, info: Info) -> dict[str, Any]:
    caller = info.context.caller
    return {
        "subject": caller.subject,
        "tenant": caller.scope.tenant,
        "roles": sorted(caller.roles),
        "expires_at": caller.expires_at,
    }
