"""What a process receives besides events: the outcomes of its effects, and its deadlines. Pure.

`name` is that of the effect. A process declares the outcomes that it handles among its triggers. A refusal,
a time-out or a failure that it does not declare makes the instance stuck; other outcomes are only recorded.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from domain.kernel.event import Event
from domain.kernel.fields import Json
from domain.process.ports import Reply


@dataclass(frozen=True, slots=True)
class CommandDone:
    """A command of the process was stored, or changed nothing; `stream` and `version` are of its receipt."""

    name: str
    stream: str
    version: int


@dataclass(frozen=True, slots=True)
class CommandRefused:
    """A command of the process was refused: `code` is that of the error, as the API has it."""

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class CallReplied:
    """An outside port has replied. `personal` has the subjects of the reply's personal fields, as in JSON."""

    name: str
    reply: Reply
    personal: Mapping[str, str] = field(default_factory=dict, hash=False)


@dataclass(frozen=True, slots=True)
class CallTimedOut:
    """An outside port has not replied in time. It may have carried out the request."""

    name: str


@dataclass(frozen=True, slots=True)
class CallFailed:
    """An outside port has refused the request for good, with a code of its own."""

    name: str
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class DeadlineReached:
    """A deadline of the process has come."""

    name: str


@dataclass(frozen=True, slots=True)
class ProcessRequested:
    """Another process has started this instance, with this input."""

    parent: str
    input: Event


@dataclass(frozen=True, slots=True)
class ProcessEnded:
    """A process that this one has started has ended: `status` is its final state, such as COMPLETED."""

    name: str
    id: str
    status: str
    result: Json | None = None


@dataclass(frozen=True, slots=True)
class EffectSkipped:
    """A person had the stuck process go on without this effect: it was done by hand, or is not needed."""

    name: str


Outcome = (
    CommandDone
    | CommandRefused
    | CallReplied
    | CallTimedOut
    | CallFailed
    | DeadlineReached
    | ProcessRequested
    | ProcessEnded
    | EffectSkipped
)
