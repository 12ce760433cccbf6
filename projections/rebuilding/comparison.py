"""What differs between the rows of two generations. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from projections.storage.rows import Row, changed_fields

EXAMPLES = 20
"""How many of the rows that differ are named; the rest are counted."""


class RowVerdict(StrEnum):
    """How a row differs: the new generation has another one, none, or one that the old one does not have."""

    DIFFERENT = "DIFFERENT"
    MISSING = "MISSING"
    EXTRA = "EXTRA"


class DifferingRow(NamedTuple):
    """A row that differs, and the names of the fields that do; none where it is missing or extra."""

    tenant: str
    id: str
    verdict: RowVerdict
    fields: tuple[str, ...]


@dataclass(slots=True)
class Comparison:
    """Counts of rows, and the first that differ.

    `moving` are those that changed so often that they were never seen at one position in both generations.
    `fields` says in how many rows that both have a field differs. No value is held: it may be personal.
    """

    same: int = 0
    different: int = 0
    missing: int = 0
    extra: int = 0
    moving: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    examples: list[DifferingRow] = field(default_factory=list)

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Comparison:
        """What `to_document` made."""
        shown = (
            DifferingRow(one["tenant"], one["id"], RowVerdict(one["verdict"]), tuple(one["fields"]))
            for one in document["examples"]
        )
        return cls(**{**document, "fields": Counter(document["fields"]), "examples": list(shown)})

    def to_document(self) -> dict[str, Any]:
        """As it is kept in MongoDB."""
        counts = {name: getattr(self, name) for name in ("same", "different", "missing", "extra", "moving")}
        examples = [{**one._asdict(), "verdict": one.verdict.value} for one in self.examples]
        return {**counts, "fields": dict(self.fields), "examples": examples}

    @property
    def rows(self) -> int:
        """How many rows have been compared."""
        return self.same + self.different + self.missing + self.extra

    @property
    def equal(self) -> bool:
        """Whether no row is known to differ."""
        return self.rows == self.same

    def count(self, old: Row | None, new: Row | None) -> None:
        """One more row, as both generations have it at one position; None or gone where one has none."""
        old, new = _there(old), _there(new)
        if old is not None and new is not None:
            self._both(old, new)
        elif new is not None:
            self.extra += 1
            self._show(RowVerdict.EXTRA, new)
        elif old is not None:
            self.missing += 1
            self._show(RowVerdict.MISSING, old)

    def _both(self, old: Row, new: Row) -> None:
        names = changed_fields(old, new)
        if not names:
            self.same += 1
            return
        self.different += 1
        self.fields.update(names)
        self._show(RowVerdict.DIFFERENT, new, names)

    def _show(self, verdict: RowVerdict, row: Row, names: tuple[str, ...] = ()) -> None:
        if len(self.examples) < EXAMPLES:
            self.examples.append(DifferingRow(row["_tenant"], row["id"], verdict, names))


def at_one_position(old: Row | None, new: Row | None, upto: int) -> bool:
    """Whether two rows of one key say what they were at one position; both generations have all up to `upto`.

    They do where neither changed after it, or where both changed last at the same position.
    """
    positions = {row["_position"] for row in (old, new) if row is not None}
    return all(position <= upto for position in positions) or (
        old is not None and new is not None and len(positions) == 1
    )


def _there(row: Row | None) -> Row | None:
    return None if row is None or row["_gone"] else row
