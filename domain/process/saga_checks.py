"""Checks of the steps of a saga. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from domain.kernel.declaration_checks import shown
from domain.kernel.errors import DeclarationError
from domain.process.step import Step, Undeclared


def groups(steps: Sequence[Step | tuple[Step, ...]]) -> Sequence[tuple[Step, ...]]:
    """Return the steps as groups whose steps run in parallel."""
    return [step if isinstance(step, tuple) else (step,) for step in steps]


def check_saga(saga: str, steps: Any) -> None:
    """Raise DeclarationError if the steps of a saga cannot be used."""
    if not isinstance(steps, tuple | list) or not steps:
        raise DeclarationError(f"{saga} has no steps; write `steps = (Step(...), ...)` in it")
    names: set[str] = set()
    for group in groups(steps):
        if not group:
            raise DeclarationError(f"{saga} has an empty group among its steps; remove it")
        for step in group:
            if not isinstance(step, Step):
                raise DeclarationError(f"{saga} has {shown(step)} among its steps; each must be a Step")
            if step.name in names:
                raise DeclarationError(f"{saga} has two steps {step.name!r}; give one of them another name")
            names.add(step.name)
    *_, last = groups(steps)
    for step in (step for group in groups(steps) for step in group):
        _check_undo(saga, step, is_last=last == (step,))


def _check_undo(saga: str, step: Step, *, is_last: bool) -> None:
    """Raise DeclarationError if a step that a failure may follow does not say what undoes it."""
    may_time_out = step.call is not None or step.within is not None
    if step.undo is Undeclared.UNDECLARED and (not is_last or may_time_out):
        why = "may have taken place when its time is over" if is_last else "is undone if another one fails"
        raise DeclarationError(
            f"{saga}: the step {step.name!r} {why}; declare undo=lambda saga: ..., or undo=None if it "
            "needs no compensation"
        )
