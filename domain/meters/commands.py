"""What a process may say of what it counts and measures."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.kernel import Identifier, Name, PutCommand

Total = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _OfMeter(PutCommand):
    """Says it in the stream of one process, so that processes never wait for each other."""

    id: Identifier = Field(description="The process, as in reporter-worker-1; a stream of its own.")
    name: Name = Field(description="What is counted or measured; the same for all processes.")

    @property
    def target(self) -> str:
        return self.id


class ReportCount(_OfMeter):
    """Says how far a process has counted since it began: totals, so that one may be sent again or be lost."""

    increments: Total = Field(description="All that it ever counted up.")
    decrements: Total = Field(0.0, description="All that it ever counted down.")


class ReportReading(_OfMeter):
    """Says what a process has measured. Of all readings the one that was made last counts."""

    value: float = Field(allow_inf_nan=False, description="What was measured.")


class ReportLabels(_OfMeter):
    """Labels what is counted or measured; the labels of all processes are put together."""

    labels: list[Name] = Field(min_length=1, max_length=100, description="The labels to add.")
