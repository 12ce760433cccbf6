"""The plan of a workflow: which declared steps can begin. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from graphlib import CycleError, TopologicalSorter

from domain.kernel import InvariantViolated
from domain.workflows.events import PlannedStep


def check_plan(steps: Sequence[PlannedStep]) -> None:
    """Raise InvariantViolated if the steps cannot be run: a name is used twice or unknown, or in a circle."""
    names = [step.name for step in steps]
    for step in steps:
        if names.count(step.name) > 1:
            raise InvariantViolated(f"two steps are called {step.name!r}; give each a name of its own")
        for name in step.depends_on:
            if name not in names:
                raise InvariantViolated(
                    f"the step {step.name!r} depends on {name!r}, and there is no such step; declare it, or "
                    "leave it out"
                )
    try:
        TopologicalSorter({step.name: step.depends_on for step in steps}).prepare()
    except CycleError as error:
        circle = " and ".join(dict.fromkeys(map(repr, error.args[1])))
        raise InvariantViolated(
            f"the steps {circle} depend on each other; leave one dependency out"
        ) from None


def ready_steps(steps: Sequence[PlannedStep], completed: Collection[str]) -> list[PlannedStep]:
    """Return the steps that can begin: not completed, with all completed that they depend on."""
    return [
        step
        for step in steps
        if step.name not in completed and all(name in completed for name in step.depends_on)
    ]
