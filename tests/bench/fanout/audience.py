"""A server of the subject's core with subscribers on the other one, each side a process of its own."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, NamedTuple

from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK
from tests.bench.fanout.event import FIRST, POSITION
from tests.bench.machine import STOP_GRACE, on_subject_core
from tests.bench.node.programs import node_command

SETTINGS = {"NODE_ENV": "production", "NERVE_PING_INTERVAL": "86400"}
"""Nobody is pinged, since a ping would be counted."""

LINE = 1 << 24
"""Bytes that the report of a turn may have."""


class Server(NamedTuple):
    """Who is measured, and its command.

    `on` is the type that its clients must name to ask for an event, where they must; one that is `bare` sends
    the same whatever they ask. With `own_ids` each client's operation has an id of its own, as those of
    graphql-ws have, else all have the same. They authenticate with the `token`. `environment` has settings of
    this server alone.
    """

    name: str
    command: Sequence[str]
    on: str | None = None
    bare: bool = False
    own_ids: bool = False
    token: str | None = None
    environment: Mapping[str, str] = {}


def python(name: str, factory: str, **options: Any) -> Server:
    """One of `tests.bench.fanout.serve`."""
    command = (sys.executable, "-m", "tests.bench.fanout.serve", f"tests.bench.fanout.{factory}")
    return Server(name, command, **options)


def node(name: str) -> Server | None:
    """The one on Node; None where Node is missing."""
    command = node_command(name, "graphql_ws.mjs")
    return None if command is None else Server(name, (*command, str(FIRST), str(POSITION)))


class Turn(NamedTuple):
    """What a turn came to. Times are in seconds; `reached` and `behind` have one for each push.

    `used` is how long the load client was at work. `reached` is from the push to the last subscriber,
    `behind` from when the server said that the event was stored, if it does.
    """

    messages: int
    elapsed: float
    used: float
    reached: list[float]
    behind: list[float]


@dataclass(frozen=True, slots=True)
class Audience:
    """So many subscribers of one server."""

    process: asyncio.subprocess.Process

    async def turn(self, size: int, seconds: float, acknowledged: bool = False) -> Turn:
        """For so many seconds push `size` events at once, and again when all subscribers have the last."""
        order = {"size": size, "seconds": seconds, "acknowledged": acknowledged}
        assert self.process.stdin is not None
        self.process.stdin.write(json.dumps(order).encode() + b"\n")
        return Turn(**json.loads(await self.line()))

    async def line(self) -> bytes:
        assert self.process.stdout is not None
        if line := await self.process.stdout.readline():
            return line
        raise RuntimeError("the load client has failed")


@asynccontextmanager
async def audience(
    server: Server, environment: Mapping[str, str], many: int, distinct: bool
) -> AsyncIterator[Audience]:
    """Start the server, and subscribe; events reach them all once this is entered."""
    with socket.socket() as listener:
        listener.bind((LOOPBACK, 0))
        listener.listen(512)
        ours, theirs = socket.socketpair()
        port, inherited = listener.getsockname()[1], (listener.fileno(), theirs.fileno())
        command = [*server.command, *map(str, inherited)]
        with on_subject_core(), theirs:
            child = ChildProcess(
                server.name,
                command,
                environment={**SETTINGS, **environment, **server.environment},
                keep=inherited,
            )
    options: dict[str, Any] = {
        "port": port,
        "control": ours.fileno(),
        "many": many,
        "on": server.on,
        "token": server.token,
    }
    distinct = distinct and not server.bare
    order = json.dumps({**options, "distinct": distinct, "own_ids": server.own_ids})
    try:
        with ours:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.bench.fanout.client", order),
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, pass_fds=(ours.fileno(),),
                limit=LINE,
            )  # fmt: skip
        subscribed = Audience(process)
        try:
            await subscribed.line()
            yield subscribed
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()
    finally:
        child.stop(STOP_GRACE)
