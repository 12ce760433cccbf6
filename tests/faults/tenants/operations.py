"""What two tenants send: the same operations with the same ids, and values that carry the tenant's mark."""

from __future__ import annotations

from typing import Any

RECEIPT = "receipt { stream version position correlationId }"


def _command(name: str, row: str) -> str:
    kind = f"{name[0].upper()}{name[1:]}Input"
    return (
        f"mutation ($input: {kind}!, $command: ID) {{ "
        f"{name}(input: $input, commandId: $command, await: PROJECTED) {{ {RECEIPT} {row} }} }}"
    )


def writes(mark: str, size: int, number: int) -> tuple[str, dict[str, Any]]:
    """Return the mutation of this number, on one of `size` streams of each kind.

    Many are refused, and the errors are results too.
    """
    stream = number // 10 * 7 % size
    agent, task, document = f"agent-{stream}", f"task-{stream}", f"document-{stream}"
    choices: list[tuple[str, str, dict[str, Any]]] = [
        ("registerAgent", "agent { name }", {"id": agent, "name": f"{mark} agent", "capabilities": [mark]}),
        ("createTask", "task { title }", {"id": task, "title": f"{mark} task", "agentId": agent}),
        ("startTask", "task { title }", {"id": task}),
        ("createDocument", "document { title }", {"id": document, "title": mark, "content": {mark: number}}),
        ("patchDocument", "document { content }", {"id": document, "patch": {mark: number}}),
        ("completeTask", "task { result }", {"id": task, "result": {"by": mark}}),
        ("requestTeamTask", "teamtask { title }", {
            "id": f"teamtask-{stream}", "title": f"{mark} team task", "agentIds": [agent],
        }),
        ("failTask", "task { error }", {"id": task, "error": f"{mark} failed"}),
        ("changeAgentState", "agent { name }", {
            "id": agent, "state": ("BUSY", "IDLE")[number // 10 % 2], "reason": mark,
        }),
        ("eraseSubject", "", {"subject": f"person-{stream}"}),
    ]  # fmt: skip
    name, row, fields = choices[number % len(choices)]
    return _command(name, row), {"input": fields, "command": f"command-{number}"}


EVENT = "... on Event { id stream data actor correlationId position }"
READS = (
    "query ($task: ID!) { task(id: $task) { title result error agent { name tasks(first: 5) { totalCount "
    "nodes { title } } } _meta { position key version } } }",
    "{ tasks(first: 20) { totalCount edges { cursor node { title description agent { name } } } } }",
    "{ tasks(first: 5, filter: { status: { in: [CREATED, COMPLETED] } }, orderBy: [{ field: CREATED_AT, "
    "direction: DESC }]) { totalCount nodes { title result } } }",
    '{ documents(first: 20, search: "mark") { totalCount nodes { title content createdBy } } }',
    "{ agents(first: 20) { totalCount nodes { name capabilities openTasks tasks(first: 3) { totalCount nodes "
    "{ title } } } } }",
    "query ($agent: ID!, $task: ID!) { a: node(id: $agent) { id ... on Agent { name } } b: node(id: $task) { "
    "... on Task { title } } }",
    "query ($task: ID!) { taskHistory(id: $task, last: 5) { nodes { position command actor } } }",
    "query ($task: ID!) { taskWhy(id: $task, field: TITLE) { value before event { data } } }",
    "query ($document: ID!) { versions(id: $document, first: 5) { version actor commandId } "
    "stateAt(id: $document, version: 1) { state } }",
    "query ($document: ID!) { diff(id: $document, from: 0, to: 1) { path after } }",
    "{ events(last: 20) { nodes { id type stream data actor commandId correlationId position } } }",
    "query ($correlation: ID!) { events(first: 10, filter: { correlation: $correlation }) { nodes { data } } "
    "trace(correlationId: $correlation) { nodes { name detail stream commandId actor } } }",
    "{ processes(first: 20) { totalCount nodes { id status key correlationId effects { effectId } } } }",
    "{ teamTasks(first: 20) { totalCount nodes { title reports { __typename } } } }",
    "{ deadLetters(first: 5) { nodes { id } } taskDays(first: 5) { totalCount nodes { id } } }",
    "query ($position: Position!) { tasks(first: 20, asOf: { position: $position }) { totalCount nodes { id "
    "title } } }",
    "query ($position: Position!, $task: ID!) { task(id: $task, atLeast: $position) { title } }",
)
"""Queries; the variables that a query does not declare are not sent."""

FOREIGN = (
    "query ($position: Position!) { tasks(first: 5, asOf: { position: $position }) { nodes { title } } }",
    "query ($position: Position!) { events(first: 5, after: $position) { nodes { data } } }",
    "query ($position: Position!, $task: ID!) { task(id: $task, atLeast: $position) { title } }",
    "query ($event: ID!) { node(id: $event) { ... on Event { data } } }",
    "query ($cursor: String!) { tasks(first: 5, after: $cursor) { nodes { title } } }",
)
"""Queries with a position, an event and a cursor of the other tenant."""

SUBSCRIPTIONS = {
    "events": f"subscription {{ events {{ __typename {EVENT} }} }}",
    "tasks": "subscription { tasks { __typename ... on TasksSnapshot { tasks { title } } "
    "... on TaskChanged { rowId position task { title result agent { name } } } } }",
    "agents": "subscription { agents { __typename ... on AgentChanged { rowId agent { name } } } }",
    "documents": "subscription { documents { __typename ... on DocumentChanged { document { content } } } }",
    "live": "subscription { live { query { agents(first: 20) { totalCount nodes { name capabilities } } "
    "tasks(first: 20) { nodes { title result } } } } }",
    "processes": "subscription { processes { __typename ... on ProcessChanged { rowId process { key } } } }",
}
COMMAND = (
    "subscription ($id: ID!) { command(id: $id) { __typename ... on CommandStored { receipt { stream } } } }"
)
