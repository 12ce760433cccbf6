"""What a verification found."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from eventstore.integrity.blocks import Block


class Check(StrEnum):
    """What is looked at."""

    POSITIONS = "positions"
    TIMES = "record times"
    COMMITS = "commits"
    VERSIONS = "streams"
    SCHEMAS = "events"
    BLOCKS = "sealed blocks"
    ARCHIVE = "archived commits"
    INDEXES = "indexes"
    ENDS = "consumers"


class Finding(NamedTuple):
    """Something that is wrong: where, and what."""

    check: Check
    where: str
    what: str


@dataclass
class VerificationReport:
    """What was verified, from position `first` to `last`, and how much of each kind was wrong.

    `notes` are what a person may want to know and is no fault in itself; `seal` is the block sealed last.
    """

    first: int
    last: int
    looked: Counter[Check] = field(default_factory=lambda: Counter(dict.fromkeys(Check, 0)))
    wrong: Counter[Check] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    seal: Block | None = None

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.wrong.total()
