"""The query `deploymentStatus`: the end of the log, its seal and archive, and the workers.

It is for callers that may act across tenants, as `viewStatus` is.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from api.deployment_state import LogMark, read_deployment_state
from api.graphql.declare import declare, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info
from api.graphql.fields.deployment_access import require_deployment
from api.graphql.scalars import Int64
from api.graphql.strawberry_internals import Field
from api.limits.weights import STATUS

_MARK = {
    "position": (Int64, "The position, as a number."),
    "at": (
        datetime | None,
        "For a seal: when the last of its commits was recorded; null if that commit is archived. For an "
        "archive: when its last segment was written.",
    ),
}
_WORKER = {
    "name": (str, "Its host, process id and a random part."),
    "leases": (int, "The number of partitions of consumers whose leases it has."),
}


def deployment_status_field() -> Field:
    """Return ``deploymentStatus``."""
    mark = declare("LogMark", output_fields(_MARK), "A position of the log, with its time.")
    worker = declare("WorkerStatus", output_fields(_WORKER), "A worker, by its leases.")
    fields = [
        output_field("head", Int64, "The end of the log: the number of its positions."),
        output_field("last_seal", mark | None, "Up to where the log is sealed; null if nothing is."),
        output_field("last_archive", mark | None, "Up to where the log is archived; null if nothing is."),
        output_field("workers", list_of(worker), "The workers that have leases."),
    ]
    return output_field(
        "deployment_status",
        declare("DeploymentStatus", fields, "The state of a deployment as MongoDB has it."),
        "The present state of the deployment, for callers with the role deployment.",
        resolver=_resolve,
        weight=STATUS,
    )


async def _resolve(_root: object, info: Info) -> dict[str, Any]:
    context = info.context
    require_deployment(context, "the log and its workers")
    state = await read_deployment_state(context.runtime)
    return {
        "head": state.head,
        "last_seal": _mark(state.seal),
        "last_archive": _mark(state.archive),
        "workers": [{"name": name, "leases": leases} for name, leases in state.leases.items()],
    }


def _mark(mark: LogMark | None) -> dict[str, Any] | None:
    return None if mark is None else mark._asdict()
