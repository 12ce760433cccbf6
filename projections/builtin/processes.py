"""The view `processes`: each instance of any process as it is now. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import make_dataclass
from datetime import datetime
from typing import Any, Union

from domain.kernel import Aggregate, Context, RecordedEvent
from domain.kernel.access import OPERATOR, role
from domain.process.commands import INSTANCE_COMMANDS
from domain.process.context import ProcessContext
from domain.process.effect_ids import effect_id
from domain.process.events import (
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    ChildEnded,
    ChildRequested,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
    CompensationStarted,
    DeadlineCancelled,
    DeadlinePassed,
    DeadlineSet,
    InstanceEvent,
    ProcessCancelled,
    ProcessCompensated,
    ProcessCompleted,
    ProcessFailed,
    ProcessResumed,
    ProcessRetried,
    ProcessStarted,
    ProcessStatus,
    ProcessStuck,
)
from domain.process.instance import Instance
from projections.builtin.process_effects import (
    Settled,
    bounded,
    dropped,
    failed,
    reopened,
    requested,
    settled,
    with_state,
)
from projections.builtin.process_rows import EffectState, ProcessDeadline, ProcessRow
from projections.kernel import View

NAME, SINGULAR = "processes", "process"


def process_view(contexts: Sequence[ProcessContext]) -> View[ProcessRow]:
    """Return the view of the instances of these processes, of which there is at least one."""
    first, *others = map(instance_context, contexts)
    return View(
        name=NAME,
        singular=SINGULAR,
        context=first,
        also_reads=tuple(others),
        row=ProcessRow,
        apply=_apply,
        filters=(
            "kind", "key", "status", "waiting_for", "next_deadline", "error_code", "correlation_id",
            "parent_id", "started_at", "updated_at", "ended_at",
        ),
        orders=("started_at", "updated_at", "ended_at", "next_deadline"),
        indexes=(("status", "-updated_at"), ("kind", "status", "-started_at")),
        search=("key", "error"),
        description="An instance of a process: its status, what it waits for, and what it has done.",
        access=role(OPERATOR),
        # Texts of refusals and results may repeat what the events carry.
        personal=("effects", "error", "compensation_reason", "end_reason", "result"),
    )  # fmt: skip


def instance_context(context: ProcessContext) -> Context:
    """Return a context of the same category that has nerve's events of instances alone.

    A view of it depends on no others, so a change of the process does not rebuild it.
    """
    union: Any = Union
    aggregate: Any = Aggregate
    instance = make_dataclass(
        "Instance",
        [],
        bases=(Instance,),
        namespace={
            "__orig_bases__": (aggregate[union[INSTANCE_COMMANDS], InstanceEvent],),
            "__module__": Instance.__module__,
            "category": context.category,
        },
        frozen=True,
        slots=True,
    )
    return Context(context.name, instance)


def _apply(id: str, row: ProcessRow | None, event: RecordedEvent) -> ProcessRow | None:
    before = _new_row(id, event) if row is None else row
    after = _after(before, event)
    effects = bounded(after["effects"])
    deadlines = sorted(after["deadlines"], key=lambda deadline: deadline["due"])
    pending = [effect["name"] for effect in effects if effect["state"] is EffectState.PENDING]
    return {
        **after,
        "effects": effects,
        "omitted_effects": after["omitted_effects"] + len(after["effects"]) - len(effects),
        "deadlines": deadlines,
        "next_deadline": deadlines[0]["due"] if deadlines else None,
        "waiting_for": pending + [deadline["name"] for deadline in deadlines],
        "updated_at": event.time,
    }


def _new_row(id: str, event: RecordedEvent) -> ProcessRow:
    kind, _, key = id.partition("-")
    return ProcessRow(
        id=id,
        kind=kind,
        key=key,
        status=ProcessStatus.RUNNING,
        waiting_for=[],
        next_deadline=None,
        deadlines=[],
        effects=[],
        omitted_effects=0,
        stuck_on=None,
        error=None,
        error_code=None,
        retries=0,
        compensation_reason=None,
        end_reason=None,
        result=None,
        correlation_id=event.commit.correlation,
        parent_id=None,
        started_at=event.time,
        updated_at=event.time,
        ended_at=None,
    )


def _after(row: ProcessRow, event: RecordedEvent) -> ProcessRow:
    match event.payload:
        case ProcessStarted(parent=parent):
            return {**row, "parent_id": parent}
        case CommandRequested() | CallRequested() | ChildRequested() as request:
            effect = requested(request, effect_id(event.stream, event.version), event.time)
            return {**row, "effects": [*row["effects"], effect]}
        case (
            CommandSucceeded() | CallSucceeded() | CallWasTimedOut() | ChildEnded()
            | CommandWasRefused() | CallWasRefused()
        ) as outcome:  # fmt: skip
            return _with_outcome(row, outcome, event.time)
        case DeadlineSet(name=name, due=due):
            return {**row, "deadlines": [*_without(row, name), ProcessDeadline(name=name, due=due)]}
        case DeadlineCancelled(name=name) | DeadlinePassed(name=name):
            return {**row, "deadlines": _without(row, name)}
        case ProcessStuck() | ProcessRetried() | ProcessResumed() | ProcessCancelled() as change:
            return _operated(row, change, event.time)
        case _:
            return _ended(row, event)


def _with_outcome(row: ProcessRow, outcome: Settled, at: datetime) -> ProcessRow:
    after: ProcessRow = {**row, "effects": settled(row["effects"], outcome, at)}
    is_stuck = row["status"] is ProcessStatus.STUCK
    if isinstance(outcome, CommandWasRefused | CallWasRefused) and not is_stuck:
        return {**after, "error": outcome.message, "error_code": outcome.code}
    return after


def _operated(
    row: ProcessRow, event: ProcessStuck | ProcessRetried | ProcessResumed | ProcessCancelled, at: datetime
) -> ProcessRow:
    """Return the row after the instance became stuck, or a person did something about that."""
    match event:
        case ProcessStuck():
            return _stuck(row, event)
        case ProcessRetried():
            return {**_unstuck(row), "effects": reopened(row["effects"]), "retries": row["retries"] + 1}
        case ProcessResumed():
            effects = row["effects"]
            for effect in row["effects"]:
                if effect["state"] is EffectState.FAILED:
                    effects = with_state(effects, effect["effect_id"], EffectState.SKIPPED, at)
            return {**_unstuck(row), "effects": effects}
        case ProcessCancelled(compensate=True):
            after = _compensating({**row, "effects": reopened(row["effects"])}, event.reason)
            return {**after, "end_reason": event.reason}
        case ProcessCancelled():
            return {**_over(row, ProcessStatus.CANCELLED, at), "end_reason": event.reason}


def _ended(row: ProcessRow, event: RecordedEvent) -> ProcessRow:
    """Return the row after an event that compensates or ends the instance, or changes nothing of the row."""
    match event.payload:
        case CompensationStarted(reason=reason):
            return _compensating(row, reason)
        case ProcessCompleted(result=result):
            return {**_over(row, ProcessStatus.COMPLETED, event.time), "result": result}
        case ProcessFailed(reason=reason):
            return {**_over(row, ProcessStatus.FAILED, event.time), "end_reason": reason}
        case ProcessCompensated():
            return _over(row, ProcessStatus.COMPENSATED, event.time)
        case _:
            return row


def _stuck(row: ProcessRow, event: ProcessStuck) -> ProcessRow:
    after: ProcessRow = {
        **row,
        "status": ProcessStatus.STUCK,
        "error": event.reason,
        "error_code": event.code,
    }
    if event.effect is None:
        cause = None if event.from_stream is None else f"{event.from_stream}@{event.from_version}"
        return {**after, "stuck_on": cause}
    names = [effect["name"] for effect in row["effects"] if effect["effect_id"] == event.effect]
    effects = failed(row["effects"], event.effect, event.code, event.reason)
    return {**after, "stuck_on": names[0] if names else event.effect, "effects": effects}


def _unstuck(row: ProcessRow) -> ProcessRow:
    is_compensating = row["compensation_reason"] is not None
    status = ProcessStatus.COMPENSATING if is_compensating else ProcessStatus.RUNNING
    return {**row, "status": status, "stuck_on": None}


def _compensating(row: ProcessRow, reason: str) -> ProcessRow:
    compensating: ProcessRow = {**row, "status": ProcessStatus.COMPENSATING, "compensation_reason": reason}
    return {**compensating, "deadlines": [], "stuck_on": None}


def _over(row: ProcessRow, status: ProcessStatus, at: datetime) -> ProcessRow:
    over: ProcessRow = {**row, "status": status, "ended_at": at, "stuck_on": None}
    return {**over, "deadlines": [], "effects": dropped(row["effects"])}


def _without(row: ProcessRow, name: str) -> list[ProcessDeadline]:
    return [deadline for deadline in row["deadlines"] if deadline["name"] != name]
