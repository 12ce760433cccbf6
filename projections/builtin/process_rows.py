"""The rows of the view `processes`. Pure."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from domain.kernel import Int32, Json
from domain.process.events import ProcessStatus
from domain.process.open_effects import EffectKind


class EffectState(StrEnum):
    """What became of an effect.

    PENDING: it has no outcome yet. DONE: it was carried out. REFUSED: it was refused, which the process
    handles. TIMED_OUT: there was no reply in time, so it may have been carried out. FAILED: the process is
    stuck on it. SKIPPED: a person had the process go on without it. UNDONE: it was carried out, and then
    compensated. DROPPED: the process ended before its outcome.
    """

    PENDING = "PENDING"
    DONE = "DONE"
    REFUSED = "REFUSED"
    TIMED_OUT = "TIMED_OUT"
    FAILED = "FAILED"
    SKIPPED = "SKIPPED"
    UNDONE = "UNDONE"
    DROPPED = "DROPPED"


class ProcessEffect(TypedDict):
    """An effect: a command, a call of an outside port, or a process that the instance has started.

    `effect_id` is the id under which it is run: the id of the command, and the idempotency key of the call.
    `operation` is the name of the command or the request, or the id of the process that was started; `port`
    is that of the call. `compensates` is the id of the effect that this one undoes. `attempts` is None until
    a call has its outcome. `code` and `message` are those of the last refusal or failure.
    """

    effect_id: str
    name: str
    kind: EffectKind
    operation: str
    port: str | None
    state: EffectState
    has_compensation: bool
    compensates: str | None
    attempts: Int32 | None
    code: str | None
    message: str | None
    requested_at: datetime
    settled_at: datetime | None


class ProcessDeadline(TypedDict):
    """A deadline that has not come yet."""

    name: str
    due: datetime


class ProcessRow(TypedDict):
    """An instance of a process.

    `kind` is the category of the process. `waiting_for` has the names of the effects without an outcome,
    then those of deadlines. `effects` are in the order in which they were asked for; beyond a limit the
    oldest settled ones are left out, and counted in `omitted_effects`. `stuck_on` is the name of the effect
    that failed, or the event whose reaction failed, as in ``order-17@3``. `error` and `error_code` are those
    of the last failure or refusal, also after it was overcome. `retries` counts how often a person had the
    instance try again. `compensation_reason` is why it undoes what was done, `end_reason` why it failed or
    was cancelled.
    """

    id: str
    kind: str
    key: str
    status: ProcessStatus
    waiting_for: list[str]
    next_deadline: datetime | None
    deadlines: list[ProcessDeadline]
    effects: list[ProcessEffect]
    omitted_effects: Int32
    stuck_on: str | None
    error: str | None
    error_code: str | None
    retries: Int32
    compensation_reason: str | None
    end_reason: str | None
    result: Json | None
    correlation_id: str
    parent_id: str | None
    started_at: datetime
    updated_at: datetime
    ended_at: datetime | None
