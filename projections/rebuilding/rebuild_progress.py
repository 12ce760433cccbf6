"""The progress of a rebuild, as it is kept in the document of the view's consumer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from projections.rebuilding.comparison import Comparison


class RebuildPhase(StrEnum):
    """The step that the rebuild of a generation is at."""

    WAITING = "WAITING"
    FOLDING = "FOLDING"
    INDEXING = "INDEXING"
    COMPARING = "COMPARING"
    SWITCHING = "SWITCHING"


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """How far the rebuild of one generation is; `rate` is in events a second.

    `edition` is the number of the generation with which the rows last changed their content: an earlier one
    if this generation has the same rows. `since` is the position at which that one became active.
    `objections` are the reasons why this generation is held.
    """

    phase: RebuildPhase = RebuildPhase.WAITING
    rate: float = 0.0
    comparison: Comparison | None = None
    edition: int | None = None
    since: int = 0
    objections: tuple[str, ...] = ()

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> RebuildProgress:
        """Read what `to_document` returned; an empty document is a rebuild that no worker has begun."""
        compared = document.get("comparison")
        return cls(
            phase=RebuildPhase(document.get("phase", RebuildPhase.WAITING)),
            rate=document.get("rate", 0.0),
            comparison=None if compared is None else Comparison.from_document(compared),
            edition=document.get("edition"),
            since=document.get("since", 0),
            objections=tuple(document.get("objections", ())),
        )

    def to_document(self) -> dict[str, Any]:
        """Return the progress as it is kept in MongoDB."""
        document: dict[str, Any] = {
            "phase": self.phase.value,
            "rate": self.rate,
            "comparison": None if self.comparison is None else self.comparison.to_document(),
            "objections": list(self.objections),
        }
        if self.edition is not None:
            document |= {"edition": self.edition, "since": self.since}
        return document
