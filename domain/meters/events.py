"""Events of processes that report to meters."""

from __future__ import annotations

from domain.kernel import Event


class Counted(Event, type="reporter.counted"):
    """A process reported its totals."""

    name: str
    increments: float
    decrements: float


class Measured(Event, type="reporter.measured"):
    """A process reported a reading."""

    name: str
    value: float


class Labelled(Event, type="reporter.labelled"):
    """A process added labels."""

    name: str
    labels: list[str]
