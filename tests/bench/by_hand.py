"""The limit of reads from MongoDB: by hand with motor and orjson, with neither GraphQL nor a framework.

A bare ASGI function finds the fields that the queries select, makes the response of them, and encodes it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from tests.bench.row_store import Document, RowStore, id_of_cursor, open_database

FIELDS = ("id", "name", "status", "progress", "started_at", "steps")

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]


def reads() -> App:
    """Answer the queries for one workflow and for a page of them."""
    store = RowStore(open_database(), workflows=FIELDS)

    async def respond(scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        data = await _read(store, orjson.loads(await _body(receive))["variables"])
        body = orjson.dumps({"data": data}, option=orjson.OPT_UTC_Z)
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return respond


async def _body(receive: Receive) -> bytes:
    body, more = b"", True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    return body


async def _read(store: RowStore, variables: Mapping[str, Any]) -> Mapping[str, Any]:
    if "id" in variables:
        row = await store.workflow(variables["id"])
        return {"workflow": None if row is None else _workflow(row)}
    size, after = variables["first"], variables.get("after")
    rows = await store.workflows(size + 1, None if after is None else id_of_cursor(after))
    edges = [{"node": _workflow(row)} for row in rows[:size]]
    return {"workflows": {"edges": edges, "pageInfo": {"hasNextPage": len(rows) > size}}}


def _workflow(row: Document) -> Mapping[str, Any]:
    steps = [
        {"name": step["name"], "agentId": step["agent_id"], "completedAt": step["completed_at"]}
        for step in row["steps"]
    ]
    return {
        "id": row["id"],
        "name": row["name"],
        "status": row["status"],
        "progress": row["progress"],
        "startedAt": row["started_at"],
        "steps": steps,
    }
