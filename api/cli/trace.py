"""``nerve trace``: show what one request has caused, as a tree."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.text import Text
from rich.tree import Tree

from api.cli.connection import connect_runtime
from api.cli.terminal import output, warn
from domain.kernel import Scope
from domain.kernel.errors import NotFound
from eventstore.history.trace import TraceKind, TraceNode, TracePage, read_trace


def trace(
    correlation: Annotated[str, typer.Argument(help="A correlation id, as in the receipt of a command.")],
) -> None:
    """Show what one request has caused: commands, events, reactions of processes, effects and outcomes.

    The time of each is that since the first one, in seconds.
    """
    page = asyncio.run(_read(correlation))
    if not page.nodes:
        raise NotFound(f"no event has the correlation id {correlation!r}; receipts and events have it")
    output.print(trace_tree(page.nodes), soft_wrap=True)
    if page.truncated:
        warn("the trace goes on; only its first part is shown")


async def _read(correlation: str) -> TracePage:
    async with connect_runtime() as runtime:
        return await read_trace(runtime.log, runtime.processes, Scope().tenant, correlation)


def trace_tree(nodes: Sequence[TraceNode]) -> Tree:
    """Return the tree of the nodes; a node whose parent is not among them is at the top."""
    start = nodes[0].commit.at
    root = Tree(Text(f"correlation {nodes[0].commit.correlation}, from {start.isoformat(sep=' ')}"))
    branches: dict[str, Tree] = {}
    for node in nodes:
        seconds = (node.commit.at - start).total_seconds()
        branch = branches.get(node.parent or "", root)
        branches[node.id] = branch.add(Text(f"{seconds:8.3f}  {_describe(node)}"))
    return root


def _describe(node: TraceNode) -> str:
    detail = "" if node.detail is None else f" ({node.detail})"
    match node.kind:
        case TraceKind.COMMAND:
            return f"command {node.name}"
        case TraceKind.EVENT:
            return f"{node.name}  {node.commit.stream}"
        case TraceKind.REACTION:
            return f"process {node.commit.stream}{detail}"
        case _:
            return f"{node.kind.value.lower()} {node.name}{detail}"
