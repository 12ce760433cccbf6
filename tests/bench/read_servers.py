"""The servers of the same rows: nerve, its limits and its peers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from projections.querying.ordering import parse_order
from projections.views import workflows
from tests.bench.machine import asgi_command
from tests.bench.node.programs import node_command
from tests.bench.read_operations import Cursor
from tests.bench.row_store import cursor_of_id


@dataclass(frozen=True, slots=True)
class ReadServer:
    """A server's name and form of cursors, and its command, to which its socket's descriptor is added."""

    name: str
    command: Sequence[str]
    cursor: Cursor = cursor_of_id


def nerve_cursor(id: str) -> str:
    """Return the cursor of a workflow in nerve's list of all of them."""
    return parse_order(workflows.view, None).cursor({"id": id})


NERVE = ReadServer("its application", asgi_command("nerve"), nerve_cursor)
NERVE_FROM_MEMORY = ReadServer(
    "its application", asgi_command("tests.bench.subject:from_memory"), nerve_cursor
)

SAME_BYTES = ReadServer(
    "same bytes, orjson on Starlette", asgi_command("tests.bench.limits:answers"), nerve_cursor
)
BY_HAND = ReadServer("the same reads by hand, motor and orjson", asgi_command("tests.bench.by_hand:reads"))

STRAWBERRY = ReadServer("plain strawberry", asgi_command("tests.bench.plain:usual"))
STRAWBERRY_CACHED = ReadServer("strawberry with both its caches", asgi_command("tests.bench.plain:cached"))
STRAWBERRY_FROM_MEMORY = ReadServer("plain strawberry", asgi_command("tests.bench.plain:usual_from_memory"))
MERCURIUS = "mercurius with its compiler, on Node"


def all_peers() -> Sequence[ReadServer]:
    """Return the peers of nerve; without the one on Node where that is missing."""
    command = node_command(MERCURIUS, "mercurius.mjs")
    on_node = [] if command is None else [ReadServer(MERCURIUS, command)]
    return [STRAWBERRY, STRAWBERRY_CACHED, *on_node]


def memory_peers() -> Sequence[ReadServer]:
    """Return the peers that hold the rows in memory."""
    return [STRAWBERRY_FROM_MEMORY]
