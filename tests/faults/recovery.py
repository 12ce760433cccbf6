"""The parts of an outage: how long MongoDB took, and how long nerve took after it."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from rich.table import Table


class Recovery(NamedTuple):
    """When a primary was killed, another was elected, and a majority confirmed a write of that one.

    Seconds of the machine's monotonic clock, which the journals share.
    """

    killed: float
    elected: float
    confirmed: float


class Parts(NamedTuple):
    """Seconds of one outage: from the kill to the election, to a majority, to the next receipt.

    `outage` is from the last receipt before to the first one after. `nerve` is negative where a writer was
    confirmed before the probe was.
    """

    outage: float
    election: float
    majority: float
    nerve: float


def parts(recovery: Recovery, receipts: Sequence[float]) -> Parts:
    """Split the outage that followed a kill; `receipts` are the moments of all receipts, in order."""
    killed, elected, confirmed = recovery
    later = ((end - begin, begin, end) for begin, end in pairwise(receipts) if end > killed)
    # A reply that was on its way at the kill still arrives: the outage is the longest gap around it.
    outage, _, end = max(gap for gap in later if gap[1] <= confirmed)
    return Parts(outage, elected - killed, confirmed - elected, end - confirmed)


def parts_table(found: Sequence[Parts]) -> Table:
    """One row for each outage, in the order in which they were."""
    table = Table("outage", title="the parts of each outage, in seconds", title_justify="left")
    for column in ("until the election", "until a majority writes", "nerve, after that", "whole"):
        table.add_column(column, justify="right")
    for number, one in enumerate(found, 1):
        figures = (one.election, one.majority, one.nerve, one.outage)
        table.add_row(str(number), *(f"{figure:.2f}" for figure in figures))
    return table
