"""The progress of an import: the rows that were read, and the outcome of each."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from time import monotonic


class RowOutcome(StrEnum):
    """What became of a row; each row that was read has one of these."""

    STORED = "stored"
    """At least one of its commands was stored in this run."""

    KNOWN = "known"
    """All of its commands were stored before, by an earlier run or by an equal row."""

    CONFLICTING = "conflicting"
    """Something else is stored under its id."""

    REFUSED = "refused"
    """It cannot be read, or it does not fit the state of what it is about."""


@dataclass(slots=True)
class ImportReport:
    """The progress of an import: how many rows have which outcome, and what became of their commands.

    `stored` commands changed something in this run, `already_stored` ones in an earlier run.
    """

    total: int | None = None
    stored: int = 0
    already_stored: int = 0
    outcomes: Counter[RowOutcome] = field(default_factory=Counter)
    started: float = field(default_factory=monotonic)
    seconds: float = 0.0

    @property
    def rows(self) -> int:
        """The number of rows that were read."""
        return self.outcomes.total()

    @property
    def refused(self) -> int:
        return self.outcomes[RowOutcome.REFUSED]

    @property
    def conflicting(self) -> int:
        return self.outcomes[RowOutcome.CONFLICTING]

    @property
    def is_clean(self) -> bool:
        """Whether each row is stored or known."""
        return not self.refused and not self.conflicting

    @property
    def rate(self) -> float:
        """Rows per second."""
        return self.rows / self.seconds if self.seconds else 0.0

    def describe_rows(self) -> str:
        """Return the number of rows of each outcome, as a text."""
        return ", ".join(f"{self.outcomes[outcome]} {outcome}" for outcome in RowOutcome)
