"""``nerve trace``: show what one request has caused, as a tree."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any

import typer

from api.cli.connection import connect_runtime
from api.cli.records import AsJson, print_record
from api.cli.tenant_option import DEFAULT_TENANT, Tenant
from api.cli.terminal import say, warn
from domain.kernel.errors import NotFound
from eventstore.history.trace import TraceKind, TraceNode, TracePage, read_trace

Children = Mapping[str, Sequence[TraceNode]]
"""The children of each node, by its id."""


def trace(
    correlation: Annotated[str, typer.Argument(help="A correlation id, as in the receipt of a command.")],
    as_json: AsJson = False,
    tenant: Tenant = DEFAULT_TENANT,
) -> None:
    """Show what one request has caused: commands, events, reactions of processes, effects and outcomes.

    Each line begins with the seconds since the request; what it has caused is indented below it. With --json
    each node names its parent.
    """
    page = asyncio.run(_read(correlation, tenant))
    if not page.nodes:
        raise NotFound(f"no event has the correlation id {correlation!r}; receipts and events have it")
    if as_json:
        for node in page.nodes:
            print_record(_node_record(node))
    else:
        say(f"correlation {correlation}, from {page.nodes[0].commit.at.isoformat(sep=' ')}")
        for line in trace_lines(page.nodes):
            say(line)
    if page.truncated:
        warn("the trace goes on; only its first part is shown")


async def _read(correlation: str, tenant: str) -> TracePage:
    async with connect_runtime() as runtime:
        return await read_trace(runtime.log, runtime.processes, tenant, correlation)


def _node_record(node: TraceNode) -> dict[str, Any]:
    commit, event = node.commit, node.event
    return {
        "nodeId": node.id,
        "parentId": node.parent,
        "kind": node.kind,
        "name": node.name,
        "detail": node.detail,
        "stream": commit.stream,
        "version": None if event is None else event.version,
        "eventId": None if event is None else event.id,
        "commandId": commit.command_id,
        "actor": commit.actor,
        "at": commit.at,
        "position": commit.position,
    }


def trace_lines(nodes: Sequence[TraceNode]) -> Iterator[str]:
    """Yield the lines of the tree; a node whose parent is not among the nodes is at the top.

    The only event of a command is on the line of the command, and an outcome to which the process did not
    react on that of the effect. So even a long chain of causes is not indented far.
    """
    ids, start = {node.id for node in nodes}, nodes[0].commit.at
    roots, children = list[TraceNode](), dict[str, list[TraceNode]]()
    for node in nodes:
        siblings = children.setdefault(node.parent, []) if node.parent in ids and node.parent else roots
        siblings.append(node)
    # A stack and no recursion, because a trace may be deeper than Python's limit.
    stack = [(root, 0) for root in reversed(roots)]
    while stack:
        node, depth = stack.pop()
        text, below = _merge(node, children)
        yield f"{(node.commit.at - start).total_seconds():9.3f}  {'  ' * depth}{text}"
        stack += [(child, depth + 1) for child in reversed(below)]


def _merge(node: TraceNode, children: Children) -> tuple[str, Sequence[TraceNode]]:
    """Return the text of a line, and the nodes below it."""
    below = children.get(node.id, ())
    detail = "" if node.detail is None else f" ({node.detail})"
    match node.kind:
        case TraceKind.COMMAND:
            if len(below) != 1:
                return f"{node.name}  {node.commit.stream}", below
            [event] = below
            return f"{node.name}: {event.name}  {event.commit.stream}", children.get(event.id, ())
        case TraceKind.EVENT:
            return f"{node.name}  {node.commit.stream}", below
        case TraceKind.REACTION:
            return f"process {node.commit.stream}{detail}", below
        case TraceKind.OUTCOME:
            return f"outcome {node.name}{detail}", below
        case TraceKind.EFFECT:
            ends = [each for each in below if each.kind is TraceKind.OUTCOME and each.id not in children]
            outcomes = "".join(f", {_describe_end(node, end)}" for end in ends)
            return f"effect {node.name}{detail}{outcomes}", [each for each in below if each not in ends]


def _describe_end(effect: TraceNode, outcome: TraceNode) -> str:
    detail = "" if outcome.detail is None else f" ({outcome.detail})"
    return f"{outcome.name}{detail} after {(outcome.commit.at - effect.commit.at).total_seconds():.3f} s"
