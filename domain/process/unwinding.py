"""Compensation: what was done is undone one by one, the last first. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from domain.kernel.event import Event
from domain.process.events import CallRequested, CommandRequested, ProcessCompensated, ProcessStatus
from domain.process.instance_state import InstanceState
from domain.process.personal_values import at_paths


def next_compensation(state: InstanceState) -> Sequence[Event]:
    """Return the request of the next compensation, or the end of the instance if nothing is left to undo.

    Nothing while an effect is without an outcome: it may be done yet, and has to be undone then.
    """
    if state.status is not ProcessStatus.COMPENSATING or state.pending:
        return ()
    if not state.undos:
        return (ProcessCompensated(),)
    effect, undo = list(state.undos.items())[-1]
    personal = at_paths(input=undo.personal)
    if undo.port is None:
        return (
            CommandRequested(
                name=undo.name,
                command=undo.operation,
                input=undo.input,
                compensates=effect,
                personal=personal,
            ),
        )
    return (
        CallRequested(
            name=undo.name,
            port=undo.port,
            request=undo.operation,
            input=undo.input,
            compensates=effect,
            personal=personal,
        ),
    )
