"""The effects of an instance in its row of the view `processes`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from domain.process.events import (
    PERSONAL_DATA_ERASED,
    CallRequested,
    CallSucceeded,
    CallWasRefused,
    CallWasTimedOut,
    ChildEnded,
    ChildRequested,
    CommandRequested,
    CommandSucceeded,
    CommandWasRefused,
)
from domain.process.open_effects import EffectKind
from projections.builtin.process_rows import EffectState, ProcessEffect

MAX_EFFECTS = 200
"""Effects that a row keeps; more are kept only while they are pending or can be undone."""

Requested = CommandRequested | CallRequested | ChildRequested
Settled = CommandSucceeded | CallSucceeded | CallWasTimedOut | ChildEnded | CommandWasRefused | CallWasRefused

OPEN = (EffectState.PENDING, EffectState.FAILED)
"""States of effects that have no outcome."""

_MAY_BE_UNDONE = (EffectState.DONE, EffectState.TIMED_OUT, EffectState.SKIPPED)


def requested(event: Requested, effect_id: str, at: datetime) -> ProcessEffect:
    """Return the effect that an event asks for."""
    port = compensation = compensates = None
    match event:
        case CommandRequested():
            kind, operation = EffectKind.COMMAND, event.command
        case CallRequested():
            kind, operation, port = EffectKind.CALL, event.request, event.port
        case ChildRequested():
            kind, operation = EffectKind.CHILD, f"{event.process}-{event.key}"
    if not isinstance(event, ChildRequested):
        compensation, compensates = event.compensation, event.compensates
    return ProcessEffect(
        effect_id=effect_id,
        name=event.name,
        kind=kind,
        operation=operation,
        port=port,
        state=EffectState.PENDING,
        has_compensation=compensation is not None,
        compensates=compensates,
        attempts=None,
        code=None,
        message=None,
        requested_at=at,
        settled_at=None,
    )


def settled(effects: Sequence[ProcessEffect], event: Settled, at: datetime) -> list[ProcessEffect]:
    """Return the effects after the outcome of one of them."""
    attempts: int | None = getattr(event, "attempts", None)
    code: str | None = None
    message: str | None = None
    match event:
        case CommandWasRefused() | CallWasRefused():
            state, code, message = EffectState.REFUSED, event.code, event.message
        case CallWasTimedOut():
            state, code = EffectState.TIMED_OUT, "TIMED_OUT"
        case ChildEnded():
            state, code = EffectState.DONE, event.status
        case CommandSucceeded() | CallSucceeded():
            state = EffectState.DONE
    after = with_state(effects, event.effect, state, at)
    return [
        {**effect, "attempts": attempts, "code": code, "message": message}
        if effect["effect_id"] == event.effect
        else effect
        for effect in after
    ]


def with_state(
    effects: Sequence[ProcessEffect], effect_id: str, state: EffectState, at: datetime | None
) -> list[ProcessEffect]:
    """Return the effects with an open one in another state; what it has compensated is undone then."""
    changed = [_settled_as(effect, effect_id, state, at) for effect in effects]
    undone = {effect["compensates"] for effect in effects if effect["effect_id"] == effect_id}
    if state not in _MAY_BE_UNDONE:
        return changed
    return [
        {**effect, "state": EffectState.UNDONE} if effect["effect_id"] in undone else effect
        for effect in changed
    ]


def reopened(effects: Sequence[ProcessEffect]) -> list[ProcessEffect]:
    """Return the effects when those that failed are tried again."""
    return _moved(effects, (EffectState.FAILED,), EffectState.PENDING)


def dropped(effects: Sequence[ProcessEffect]) -> list[ProcessEffect]:
    """Return the effects at the end of the instance."""
    return _moved(effects, OPEN, EffectState.DROPPED)


def failed(
    effects: Sequence[ProcessEffect], effect_id: str, code: str | None, message: str
) -> list[ProcessEffect]:
    """Return the effects when the instance is stuck on one of them."""
    return [
        {**effect, "state": EffectState.FAILED, "code": code, "message": message}
        if effect["effect_id"] == effect_id
        else effect
        for effect in effects
    ]


def bounded(effects: Sequence[ProcessEffect]) -> list[ProcessEffect]:
    """Return the effects without the oldest settled ones beyond MAX_EFFECTS."""
    excess = len(effects) - MAX_EFFECTS
    kept: list[ProcessEffect] = []
    for effect in effects:
        if excess > 0 and not _is_needed(effect):
            excess -= 1
        else:
            kept.append(effect)
    return kept


def may_be_undone(effect: ProcessEffect) -> bool:
    """Return whether a compensation of the instance undoes the effect."""
    has_lost_data = effect["kind"] is EffectKind.CALL and effect["code"] == PERSONAL_DATA_ERASED
    return effect["has_compensation"] and (effect["state"] in _MAY_BE_UNDONE or has_lost_data)


def _settled_as(
    effect: ProcessEffect, effect_id: str, state: EffectState, at: datetime | None
) -> ProcessEffect:
    if effect["effect_id"] != effect_id or effect["state"] not in OPEN:
        return effect
    return {**effect, "state": state, "settled_at": at}


def _is_needed(effect: ProcessEffect) -> bool:
    return effect["state"] in OPEN or may_be_undone(effect)


def _moved(
    effects: Sequence[ProcessEffect], states: Sequence[EffectState], state: EffectState
) -> list[ProcessEffect]:
    return [{**effect, "state": state} if effect["state"] in states else effect for effect in effects]
