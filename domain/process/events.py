"""Events that the instances of every process have in addition to its own. Pure.

The id of an effect is that of its instance and the version of the event that asked for it, as in
``fulfilment-order-17:4``. It is the command id of a command and the idempotency key of a call, so an effect
that is run again changes nothing.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum

from domain.kernel.data_carrier import DataCarrier
from domain.kernel.event import Event
from domain.kernel.fields import Int64, Json
from domain.kernel.severity import Severity

PERSONAL_DATA_ERASED = "PERSONAL_DATA_ERASED"
"""The code of an effect that was refused because personal data that it needs was erased before it ran.

An attempt of a call before the erasure may have taken place, so the call is undone.
"""


class ProcessStatus(StrEnum):
    """The state of an instance. The last four are final.

    While an instance is STUCK, the runtime keeps the events that concern it, and delivers them after a retry
    or a resume. While it is COMPENSATING, and when it has ended, it ignores them.
    """

    RUNNING = "RUNNING"
    COMPENSATING = "COMPENSATING"
    STUCK = "STUCK"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"
    COMPENSATED = "COMPENSATED"
    CANCELLED = "CANCELLED"

    @property
    def is_final(self) -> bool:
        """Whether nothing changes the instance any more."""
        return self in FINAL


FINAL = frozenset(
    {ProcessStatus.COMPLETED, ProcessStatus.FAILED, ProcessStatus.COMPENSATED, ProcessStatus.CANCELLED}
)


class ProcessStarted(Event, type="process.started"):
    """An instance was started; `parent` and `parent_effect` are set where another process started it."""

    instance: str
    parent: str | None = None
    parent_effect: str | None = None


class ProcessReacted(Event, type="process.reacted"):
    """The instance reacted to an event of another stream; `place` is the event's index in its commit.

    With `is_late` the event was delivered after later ones.
    """

    to: str
    from_stream: str
    from_version: int
    from_position: Int64
    place: int
    is_late: bool = False


class CommandRequested(Event, DataCarrier, type="process.command_requested"):
    """The instance asks for a command; `input` has its fields as in the API.

    `compensation` is the command that undoes it, or the request where `compensation_port` is set, and
    `compensation_input` its fields. `compensates` is the effect that this one undoes.
    """

    name: str
    command: str
    input: Json
    compensation: str | None = None
    compensation_port: str | None = None
    compensation_input: Json | None = None
    compensates: str | None = None


class CommandSucceeded(Event, type="process.command_succeeded"):
    """A command of the instance was stored, or changed nothing; `version` is that of an event of it."""

    effect: str
    stream: str
    version: int


class CommandWasRefused(Event, type="process.command_refused"):
    """A command of the instance was refused."""

    effect: str
    code: str
    message: str


class CallRequested(Event, DataCarrier, type="process.call_requested"):
    """The instance asks for a call of an outside port until `due`; see CommandRequested."""

    name: str
    port: str
    request: str
    input: Json
    due: datetime | None = None
    compensation: str | None = None
    compensation_port: str | None = None
    compensation_input: Json | None = None
    compensates: str | None = None


class CallSucceeded(Event, DataCarrier, type="process.call_replied"):
    """An outside port has replied, after so many attempts."""

    effect: str
    reply: Json
    attempts: int = 1


class CallWasTimedOut(Event, type="process.call_timed_out"):
    """An outside port has not replied in time. It may have carried out the request."""

    effect: str
    attempts: int = 1


class CallWasRefused(Event, type="process.call_failed"):
    """An outside port has refused a request for good."""

    effect: str
    code: str
    message: str
    attempts: int = 1


class DeadlineSet(Event, type="process.deadline_set"):
    """A deadline was set. It replaces one of the same name."""

    name: str
    due: datetime


class DeadlineCancelled(Event, type="process.deadline_cancelled"):
    """A deadline was cancelled."""

    name: str


class DeadlinePassed(Event, type="process.deadline_reached"):
    """A deadline has come."""

    effect: str
    name: str


class ChildRequested(Event, DataCarrier, type="process.child_requested"):
    """The instance asks for an instance of another process, and gives it the event `input`."""

    name: str
    process: str
    key: str
    input_type: str
    input_revision: int
    input: Json


class ChildEnded(Event, type="process.child_ended"):
    """A process that the instance has started has ended."""

    effect: str
    status: str
    result: Json | None = None


class CompensationStarted(Event, type="process.compensation_started"):
    """The instance undoes what was done, in reverse order, but for the effects `without`."""

    reason: str
    without: tuple[str, ...] = ()


class ProcessCompleted(Event, type="process.completed"):
    """The instance has ended as completed."""

    result: Json | None = None


class ProcessFailed(Event, type="process.failed", severity=Severity.ERROR):
    """The instance has ended as failed."""

    reason: str


class ProcessCompensated(Event, type="process.compensated", severity=Severity.WARNING):
    """The instance has undone what was done, and has ended."""


class ProcessStuck(Event, type="process.stuck", severity=Severity.ERROR):
    """The instance cannot go on by itself.

    Either `effect` failed for good, or the reaction to its outcome raised an error, which follows in the same
    commit, or the reaction to the event `from_stream`, `from_version` raised one.
    """

    reason: str
    code: str | None = None
    effect: str | None = None
    from_stream: str | None = None
    from_version: int | None = None
    from_position: Int64 | None = None
    place: int | None = None


class ProcessRetried(Event, type="process.retried"):
    """A person had the instance try again what failed."""

    reason: str


class ProcessResumed(Event, type="process.resumed"):
    """A person had the instance go on without what failed."""

    reason: str


class ProcessCancelled(Event, type="process.cancelled"):
    """A person ended the instance; with `compensate` what was done is undone first."""

    reason: str
    compensate: bool = False


InstanceEvent = (
    ProcessStarted
    | ProcessReacted
    | CommandRequested
    | CommandSucceeded
    | CommandWasRefused
    | CallRequested
    | CallSucceeded
    | CallWasTimedOut
    | CallWasRefused
    | DeadlineSet
    | DeadlineCancelled
    | DeadlinePassed
    | ChildRequested
    | ChildEnded
    | CompensationStarted
    | ProcessCompleted
    | ProcessFailed
    | ProcessCompensated
    | ProcessStuck
    | ProcessRetried
    | ProcessResumed
    | ProcessCancelled
)
