"""The view `port_calls`: each call of an outside port that a process has asked for. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.access import OPERATOR, role
from domain.kernel.fields import Int32, elapsed
from domain.process.context import ProcessContext
from domain.process.effect_ids import effect_id
from domain.process.events import CallRequested, CallSucceeded, CallWasRefused, CallWasTimedOut
from projections.builtin.processes import instance_context
from projections.kernel import View

NAME, SINGULAR = "port_calls", "port_call"


class CallOutcome(StrEnum):
    """What became of a call.

    REPLIED: there was a reply. REFUSED: the service refused the request for good, or its reply was of no use.
    TIMED_OUT: there was no reply in time, so the request may have been carried out.
    """

    REPLIED = "REPLIED"
    REFUSED = "REFUSED"
    TIMED_OUT = "TIMED_OUT"


class PortCallRow(TypedDict):
    """A call of an outside port.

    `id` is the idempotency key that the port gets, without the tenant, and `process_id` the instance that
    asked for the call. `outcome` is None while the call is repeated, and if the instance ended before it.
    `latency_seconds` is the time from the request to the outcome, with all attempts and the pauses between
    them.
    """

    id: str
    port: str
    request: str
    process_id: str
    correlation_id: str
    outcome: CallOutcome | None
    code: str | None
    attempts: Int32 | None
    requested_at: datetime
    settled_at: datetime | None
    latency_seconds: float | None


def port_call_view(contexts: Sequence[ProcessContext]) -> View[PortCallRow]:
    """Return the view of the calls of these processes, of which there is at least one."""
    first, *others = map(instance_context, contexts)
    return View(
        name=NAME,
        singular=SINGULAR,
        context=first,
        also_reads=tuple(others),
        row=PortCallRow,
        key=_key,
        apply=_apply,
        filters=(
            "port", "request", "process_id", "correlation_id", "outcome", "code", "requested_at",
            "settled_at", "latency_seconds",
        ),
        orders=("requested_at", "settled_at", "latency_seconds"),
        indexes=(("port", "outcome", "-requested_at"),),
        description="A call of an outside port by a process: its outcome, and how long it took.",
        access=role(OPERATOR),
        # No request or reply is in a row, only names, codes and times.
        personal=(),
    )  # fmt: skip


def _key(event: RecordedEvent) -> tuple[str, ...]:
    match event.payload:
        case CallRequested():
            return (effect_id(event.stream, event.version),)
        case CallSucceeded(effect=effect) | CallWasRefused(effect=effect) | CallWasTimedOut(effect=effect):
            return (effect,)
    return ()


def _apply(id: str, row: PortCallRow | None, event: RecordedEvent) -> PortCallRow | None:
    match event.payload:
        case CallRequested(port=port, request=request):
            return PortCallRow(
                id=id,
                port=port,
                request=request,
                process_id=event.stream,
                correlation_id=event.commit.correlation,
                outcome=None,
                code=None,
                attempts=None,
                requested_at=event.time,
                settled_at=None,
                latency_seconds=None,
            )
        case CallSucceeded(attempts=attempts) if row is not None:
            return _settled(row, CallOutcome.REPLIED, attempts, event.time)
        case CallWasTimedOut(attempts=attempts) if row is not None:
            return _settled(row, CallOutcome.TIMED_OUT, attempts, event.time)
        case CallWasRefused(attempts=attempts, code=code) if row is not None:
            return {**_settled(row, CallOutcome.REFUSED, attempts, event.time), "code": code}
    return row


def _settled(row: PortCallRow, outcome: CallOutcome, attempts: int, at: datetime) -> PortCallRow:
    settled: PortCallRow = {**row, "outcome": outcome, "attempts": attempts, "settled_at": at}
    return {**settled, "latency_seconds": elapsed(row["requested_at"], at)}
