"""The query `connections` and the mutation `endConnection`: sockets and streams of all API processes.

Both are for callers that may act across tenants: the connections are those of all tenants.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from typing import Any

import strawberry

from api.connections.directory import ConnectionDirectory
from api.connections.open_connections import MAX_OPERATIONS, ConnectionReport, OperationReport, ServerReport
from api.graphql.declare import argument, declare, enumeration, list_of, output_field, output_fields
from api.graphql.execution.request_context import Info, RequestContext
from api.graphql.fields.connections import page_size
from api.graphql.fields.deployment_access import require_deployment
from api.graphql.scalars import Position
from api.graphql.strawberry_internals import Field
from api.limits.weights import DEFAULT_PAGE, STATUS
from domain.kernel.errors import ValidationFailed
from eventstore.place import Place

MAX_REASON = 100
"""Characters of a reason: a close frame has room for little more."""

_OPERATION = {
    "operation_id": (
        strawberry.ID,
        "The id that the client gave the operation; empty if it has a stream of its own.",
    ),
    "name": (str | None, "The name of the operation in its document."),
    "document": (str, "The document, or its first characters."),
    "position": (
        Position | None,
        "Everything up to this position was delivered; null for an operation that follows no log.",
    ),
    "lag": (int | None, "The number of positions that this is behind the log."),
}
_CONNECTION = {
    "connection_id": (strawberry.ID, "The id of the connection."),
    "server": (str, "The API process that serves it: its host, process id and a random part."),
    "tenant": (str, "The tenant that its caller acts in."),
    "subject": (str | None, "Its caller; null for one without credentials."),
    "roles": (list_of(str), "The roles of its caller, in alphabetical order."),
    "opened_at": (datetime, "When its client was admitted."),
    "expires_at": (datetime | None, "When its credentials expire; null if they do not."),
    "waiting_bytes": (float, "Bytes that wait in the server for the client to take them."),
    "operation_count": (int, "The number of operations that run over it."),
}
_SERVER = {
    "name": (str, "The API process: its host, process id and a random part."),
    "connection_count": (int, "The number of its connections, of the subject if one is given."),
    "operation_count": (int, "The number of operations that run over them."),
    "waiting_bytes": (float, "Bytes that wait for the clients of these connections to take them."),
}


def connection_fields() -> Iterator[tuple[str, Field]]:
    """Yield the root fields, each with the name of its root."""
    yield (
        "Query",
        output_field(
            "connections",
            _declare_connections(),
            "The open sockets and streams of all API processes that answer, each as its process sees it now.",
            resolver=_list,
            arguments=[
                argument("subject", str | None, "Only connections of this subject."),
                argument(
                    "first",
                    int | None,
                    f"The maximum number of connections, {DEFAULT_PAGE} by default: those for whose clients "
                    "the most bytes wait.",
                ),
            ],
            weight=STATUS,
        ),
    )
    yield (
        "Mutation",
        output_field(
            "end_connection",
            strawberry.ID,
            "Close a connection, whichever server has it, and return its id. Its client receives the reason, "
            "and may connect again: `endAccess` refuses it.",
            resolver=_end,
            arguments=[
                argument("id", strawberry.ID, "The id of the connection."),
                argument("reason", str, f"Why, for the client; at most {MAX_REASON} characters."),
            ],
            weight=STATUS,
        ),
    )


def _declare_connections() -> Any:
    operation = declare(
        "RunningOperation", output_fields(_OPERATION), "An operation that runs over a connection."
    )
    kind = enumeration(
        "ConnectionKind",
        {"SOCKET": "SOCKET", "STREAM": "STREAM"},
        "SOCKET: a WebSocket. STREAM: a response over HTTP that goes on.",
    )
    connection = declare(
        "OpenConnection",
        [
            *output_fields(_CONNECTION),
            output_field("kind", kind),
            output_field("operations", list_of(operation), f"The first {MAX_OPERATIONS} of its operations."),
        ],
        "A socket or stream.",
    )
    server = declare("ApiServer", output_fields(_SERVER), "An API process.")
    return declare(
        "OpenConnections",
        [
            output_field("servers", list_of(server), "The processes that have answered."),
            output_field("nodes", list_of(connection), "The connections."),
        ],
        "The connections of the API processes that have answered.",
    )


async def _list(
    _root: object, info: Info, *, subject: str | None = None, first: int | None = None
) -> dict[str, Any]:
    context = info.context
    size = page_size(first, None, context.runtime.settings.max_page)
    reports = await _directory(context).reports(size, subject)
    head = await context.runtime.log.head()
    connections = [(report.server, each) for report in reports for each in report.largest]
    largest = nlargest(size, connections, key=lambda each: (each[1].waiting_bytes, each[1].operation_count))
    return {
        "servers": list(map(_server, reports)),
        "nodes": [_connection(server, report, head, context) for server, report in largest],
    }


async def _end(_root: object, info: Info, *, id: str, reason: str) -> str:
    context = info.context
    if not 0 < len(reason.strip()) <= MAX_REASON:
        raise ValidationFailed(f"reason must have between 1 and {MAX_REASON} characters", ("reason",))
    await _directory(context).end(id, reason, context.caller.subject)
    return id


def _directory(context: RequestContext) -> ConnectionDirectory:
    require_deployment(context, "connections")
    assert context.connections is not None, "requests of clients come from an endpoint"
    return context.connections


def _server(report: ServerReport) -> dict[str, Any]:
    return {**report.model_dump(exclude={"server", "largest"}), "name": report.server}


def _connection(server: str, report: ConnectionReport, head: int, context: RequestContext) -> dict[str, Any]:
    return {
        **report.model_dump(exclude={"id", "operations"}),
        "connection_id": report.id,
        "server": server,
        "operations": _operations(report.operations, head, context),
    }


def _operations(
    operations: Sequence[OperationReport], head: int, context: RequestContext
) -> list[dict[str, Any]]:
    return [
        {
            **operation.model_dump(exclude={"id"}),
            "operation_id": operation.id,
            "position": None if operation.position is None else context.seal(Place(operation.position)),
            "lag": None if operation.position is None else max(0, head - operation.position),
        }
        for operation in operations
    ]
