"""Checks of the steps of a saga. Pure."""

from __future__ import annotations

import dis
from collections.abc import Iterator, Sequence
from itertools import pairwise
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
    _check_replies(saga, groups(steps))


def _check_undo(saga: str, step: Step, *, is_last: bool) -> None:
    """Raise DeclarationError if a step that a failure may follow does not say what undoes it."""
    may_time_out = step.call is not None or step.within is not None
    if step.undo is Undeclared.UNDECLARED and (not is_last or may_time_out):
        why = "may have taken place when its time is over" if is_last else "is undone if another one fails"
        raise DeclarationError(
            f"{saga}: the step {step.name!r} {why}; declare undo=lambda saga: ..., or undo=None if it "
            "needs no compensation"
        )


def _check_replies(saga: str, groups: Sequence[tuple[Step, ...]]) -> None:
    """Raise DeclarationError if a step reads a reply that does not exist when the step begins.

    Only names that are written in the functions of the steps themselves are found.
    """
    steps = {step.name: step for group in groups for step in group}
    earlier: set[str] = set()
    for group in groups:
        for step in group:
            for argument in ("do", "call", "undo"):
                for name in _replies_read(getattr(step, argument)):
                    if name not in earlier or not steps[name].has_reply:
                        raise DeclarationError(
                            f"{saga}: {argument} of the step {step.name!r} reads the reply of {name!r}, "
                            f"{_missing_reply(steps.get(name))}"
                        )
        earlier |= {step.name for step in group}


def _missing_reply(step: Step | None) -> str:
    """Return why the reply of a step, None for one that is not declared, cannot be read."""
    if step is None:
        return "which is none of its steps"
    if not step.has_reply:
        return "which has none: only a step with `call` and without `done` has a reply"
    return (
        "which does not exist when the step begins, and never does after a time-out; use the reply of an "
        "earlier step, or name things by an id of your own that the request has"
    )


def _replies_read(function: Any) -> Iterator[str]:
    """Yield the names of the steps in calls such as ``saga.reply("pay", Paid)`` in the code of a function."""
    code = getattr(function, "__code__", None)
    if code is not None:
        for method, argument in pairwise(dis.get_instructions(code)):
            is_read = method.opname in ("LOAD_METHOD", "LOAD_ATTR") and method.argval == "reply"
            if is_read and isinstance(argument.argval, str) and argument.opname == "LOAD_CONST":
                yield argument.argval
