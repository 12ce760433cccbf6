"""What processes have said of what they count and measure."""

from __future__ import annotations

from domain.kernel import Event


class Counted(Event, type="reporter.counted"):
    """A process has counted so far, in all."""

    name: str
    increments: float
    decrements: float


class Measured(Event, type="reporter.measured"):
    """A process has measured this."""

    name: str
    value: float


class Labelled(Event, type="reporter.labelled"):
    """A process has given these labels."""

    name: str
    labels: list[str]
