"""GraphQL documents about processes and traces, and what their results show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from tests.helpers.served_api import Client

PROCESS = """query ($id: ID!, $at: Position) { process(id: $id, atLeast: $at) {
  id _meta { key } kind key status waitingFor stuckOn error errorCode retries correlationId compensationReason
  effects { effectId name kind operation port state code message } } }"""
ATTEMPTS = """query ($id: ID!) { processAttempts(id: $id) { effectId attempts error nextAttemptAt } }"""
TRACE = """query ($id: ID!, $first: Int, $after: Position) {
  trace(correlationId: $id, first: $first, after: $after) { truncated position startedAt endedAt
    nodes { nodeId parentId kind name detail stream secondsAfterParent } } }"""
COMMAND = """subscription ($id: ID!) { command(id: $id) { __typename
  ... on CommandProjected { view }
  ... on ProcessFinished { processId status }
  ... on ProcessCompensated { processId reason } } }"""
SEND = """mutation ($id: ID!, $command: ID) {
  %s(input: { id: $id%s }, commandId: $command) { receipt { version } } }"""
BOOK, BOOK_NOTHING = SEND % ("bookParcel", ", weight: 3"), SEND % ("bookParcel", ", weight: 0")
LIVE_TRACE = """subscription ($id: ID!, $after: Position) { trace(correlationId: $id, after: $after) {
  __typename ... on TraceNodes { nodes { nodeId parentId kind name } } } }"""
OPERATE = """mutation ($id: ID!) {
  %s(input: { id: $id, reason: "the address was mended" }, await: PROJECTED) {
  process { status retries stuckOn } receipt { stream version } } }"""
RETRY_ALL = """mutation ($filter: ProcessFilter!, $limit: Int) {
  retryProcesses(filter: $filter, reason: "mail is back", limit: $limit) {
    changed hasMore position refused { processId code message } } }"""


async def messages_of(client: Client) -> AsyncIterator[Any]:
    """The messages of a subscription to its end."""
    while (message := await client.receive())["type"] == "next":
        assert "errors" not in message["payload"], message
        yield message["payload"]["data"]["command"]


def tree(nodes: Sequence[dict[str, Any]]) -> list[str]:
    """The nodes as indented lines, children below their parents."""
    by_parent: dict[str | None, list[dict[str, Any]]] = {}
    ids = {node["nodeId"] for node in nodes}
    for node in nodes:
        parent = node["parentId"] if node["parentId"] in ids else None
        by_parent.setdefault(parent, []).append(node)

    def lines(parent: str | None, depth: int) -> Iterator[str]:
        for node in by_parent.get(parent, ()):
            yield f"{'  ' * depth}{node['kind']} {node['name']}"
            yield from lines(node["nodeId"], depth + 1)

    return list(lines(None, 0))
