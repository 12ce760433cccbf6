"""Commands with which processes report to meters."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from domain.kernel import PutCommand
from domain.kernel.fields import Identifier, Name

Total = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _OfMeter(PutCommand):
    """Reports in the stream of one process, so that processes never wait for each other."""

    id: Identifier = Field(description="The id of the process that reports, such as reporter-worker-1.")
    name: Name = Field(description="The name of the meter, the same for all processes.")

    @property
    def target(self) -> str:
        return self.id


class ReportCount(_OfMeter):
    """Reports the totals that a process has counted. A report may be lost or sent again."""

    increments: Total = Field(description="The total that it counted up.")
    decrements: Total = Field(0.0, description="The total that it counted down.")


class ReportReading(_OfMeter):
    """Reports what a process has measured. The meter shows the last reading of all processes."""

    value: float = Field(allow_inf_nan=False, description="What was measured.")


class ReportLabels(_OfMeter):
    """Adds labels to a meter, which shows the labels of all processes."""

    labels: list[Name] = Field(min_length=1, max_length=100, description="The labels to add.")
