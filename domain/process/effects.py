"""Effects as values: what a process asks for. nerve runs each once, after it is stored. Pure.

Effects of one reaction run in parallel; an order between effects comes from reacting to the outcome of the
first. `name` is what the outcome and the instance's page call the effect; without one it is the name of its
command, request or process.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from domain.kernel.command import Command
from domain.kernel.event import Event
from domain.kernel.fields import Json
from domain.process.ports import Request


@dataclass(frozen=True, slots=True)
class Dispatch:
    """Dispatch a command. Its outcome is `CommandDone` or `CommandRefused`.

    `compensation` is the command or the request that undoes it: `Compensate` runs the compensations of all
    effects that were done, in reverse order.
    """

    command: Command
    name: str = ""
    compensation: Command | Request[Any] | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Send a request to an outside port. Its outcome is `CallReplied`, `CallTimedOut` or `CallFailed`.

    A request that fails is sent again after a growing pause, under the same id, until `timeout` has passed
    since the effect was stored; the port's adapter has the timeout of one attempt. `compensation` undoes
    it.
    """

    request: Request[Any]
    name: str = ""
    timeout: timedelta = timedelta(minutes=5)
    compensation: Request[Any] | Command | None = None


@dataclass(frozen=True, slots=True)
class SetDeadline:
    """Deliver `DeadlineReached` at `due`. A deadline of the same name is replaced."""

    name: str
    due: datetime


@dataclass(frozen=True, slots=True)
class CancelDeadline:
    """Cancel a deadline; without effect where none of the name is set."""

    name: str


@dataclass(frozen=True, slots=True)
class StartProcess:
    """Start an instance of another process, which receives `input` as `ProcessRequested`.

    `process` is the category of the process and `key` the key of the instance. Its outcome is `ProcessEnded`,
    when the instance has reached a final state.
    """

    process: str
    key: str
    input: Event
    name: str = ""


@dataclass(frozen=True, slots=True)
class Complete:
    """End the instance as completed. `result` goes to the process that started it."""

    result: Json | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """End the instance as failed, without compensation."""

    reason: str


@dataclass(frozen=True, slots=True)
class Compensate:
    """Undo what was done, in reverse order, and end the instance as compensated.

    Effects without an outcome are awaited first. Those whose names are in `without` are not undone, such as a
    command that was stored, but led to an event of failure.
    """

    reason: str
    without: tuple[str, ...] = ()


Effect = Dispatch | Call | SetDeadline | CancelDeadline | StartProcess | Complete | Fail | Compensate
