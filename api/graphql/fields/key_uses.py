"""The query `apiKeyUses`: when API keys were used last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry

from api.graphql.declare import argument, declare, list_of, output_field
from api.graphql.execution.request_context import Info
from api.graphql.strawberry_internals import Field
from domain.kernel.errors import ValidationFailed


def key_uses_field() -> Field:
    """Return ``apiKeyUses``; it exists for callers who may read API keys."""
    fields = [
        output_field("key_id", strawberry.ID, "The id of the key."),
        output_field("last_used_at", datetime, "When it was used last, to the minute."),
    ]
    use = declare("ApiKeyUse", fields, "The last use of an API key.")
    return output_field(
        "api_key_uses",
        list_of(use),
        "When API keys were used last. A key that was never used is left out.",
        resolver=_resolve,
        arguments=[argument("ids", list_of(strawberry.ID), "The ids of keys, at most a page of them.")],
    )


async def _resolve(_root: object, info: Info, *, ids: Sequence[str]) -> list[dict[str, Any]]:
    context = info.context
    limit = context.runtime.settings.max_page
    if len(ids) > limit:
        raise ValidationFailed(f"ids must have at most {limit} elements", ("ids",))
    uses = await context.runtime.key_uses.read(context.scope.tenant, ids)
    return [{"key_id": key, "last_used_at": uses[key]} for key in dict.fromkeys(ids) if key in uses]
