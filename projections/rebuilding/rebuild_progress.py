"""What is noted of a rebuild in the document of its consumer, for whoever asks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from projections.rebuilding.comparison import Comparison


class RebuildPhase(StrEnum):
    """What is being done for a generation that is built."""

    WAITING = "WAITING"
    FOLDING = "FOLDING"
    INDEXING = "INDEXING"
    COMPARING = "COMPARING"
    SWITCHING = "SWITCHING"


@dataclass(frozen=True, slots=True)
class RebuildProgress:
    """Of one generation: what is being done, events folded in a second, and how it compares so far.

    `edition` is the generation with which rows came to be others; that before, where they are the same here,
    and `since` is how far all was when that one took its place. `objections` say why it is held.
    """

    phase: RebuildPhase = RebuildPhase.WAITING
    rate: float = 0.0
    comparison: Comparison | None = None
    edition: int | None = None
    since: int = 0
    objections: tuple[str, ...] = ()

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> RebuildProgress:
        """What `to_document` made; of nothing, the notes of what nobody has begun to work on."""
        compared = document.get("comparison")
        comparison = None if compared is None else Comparison.of(compared)
        phase, rate = RebuildPhase(document.get("phase", RebuildPhase.WAITING)), document.get("rate", 0.0)
        objections = tuple(document.get("objections", ()))
        return cls(phase, rate, comparison, document.get("edition"), document.get("since", 0), objections)

    def to_document(self) -> dict[str, Any]:
        """As it is kept in MongoDB."""
        compared = None if self.comparison is None else self.comparison.to_document()
        document = {
            "phase": self.phase.value,
            "rate": self.rate,
            "comparison": compared,
            "objections": list(self.objections),
        }
        return (
            document if self.edition is None else {**document, "edition": self.edition, "since": self.since}
        )
