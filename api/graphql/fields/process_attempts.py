"""The query `processAttempts`: the attempts of calls that have no outcome yet."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

import strawberry

from api.graphql.declare import argument, declare, list_of, output_field
from api.graphql.execution.request_context import Info
from api.graphql.identity import present_key
from api.graphql.strawberry_internals import Field
from projections.kernel.view import View
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import failing_work


def process_attempts_field(view: View[Any]) -> Field:
    """Return ``processAttempts``; `view` is that of processes."""
    fields = [
        output_field("effect_id", strawberry.ID, "The id of the effect, as in `effects` of the process."),
        output_field("attempts", int, "The number of attempts so far."),
        output_field("error", str | None, "Why the last one failed."),
        output_field("next_attempt_at", datetime | None, "When it is tried again; null for at once."),
    ]
    attempts = declare("ProcessAttempts", fields, "The attempts of a call that has no outcome yet.")
    return output_field(
        "process_attempts",
        list_of(attempts),
        "The calls of a process that have failed and are tried again after a pause. Attempts are no events, "
        "so there is no subscription. A call whose pauses are still shorter than two seconds is left out.",
        resolver=partial(_resolve, view),
        arguments=[argument("id", strawberry.ID, "The id of the process.")],
    )


async def _resolve(view: View[Any], _root: object, info: Info, *, id: str) -> list[dict[str, Any]]:
    context = info.context
    instance = InstanceKey(context.scope.tenant, present_key(view, id, context, "id"))
    return [
        {
            "effect_id": work.id,
            "attempts": work.attempts,
            "error": work.error,
            "next_attempt_at": work.due,
        }
        for work in await failing_work(context.runtime.database, instance)
    ]
