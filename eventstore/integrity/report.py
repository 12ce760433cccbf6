"""The report of a verification."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from eventstore.integrity.blocks import Block


class Check(StrEnum):
    """What a verification checks."""

    POSITIONS = "positions"
    TIMES = "record times"
    COMMITS = "commits"
    VERSIONS = "streams"
    SCHEMAS = "events"
    BLOCKS = "sealed blocks"
    ARCHIVE = "archived commits"
    INDEXES = "indexes"
    ENDS = "consumers"


class Defect(NamedTuple):
    """A defect: the check that found it, where it is, and what is wrong."""

    check: Check
    where: str
    what: str


@dataclass
class VerificationReport:
    """How much was checked from position `first` to `last`, and how many defects each check found.

    `notes` are observations that are no defects. `seal` is the block that was sealed last.
    """

    first: int
    last: int
    checked: Counter[Check] = field(default_factory=lambda: Counter(dict.fromkeys(Check, 0)))
    defects: Counter[Check] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seal: Block | None = None

    @property
    def is_sound(self) -> bool:
        """Whether there are no defects."""
        return not self.defects.total()
