"""What differs between the rows of two generations. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from projections.storage.rows import Row, changed_fields

MAX_EXAMPLES = 20
"""Most rows that are named as examples of a difference; all are counted."""


class RowVerdict(StrEnum):
    """How a row differs: it has other fields, only the old generation has it, or only the new one."""

    DIFFERENT = "DIFFERENT"
    MISSING = "MISSING"
    EXTRA = "EXTRA"


class DifferingRow(NamedTuple):
    """A row that differs, and the names of the fields that do; no fields if it is missing or extra."""

    tenant: str
    id: str
    verdict: RowVerdict
    fields: tuple[str, ...]


@dataclass(slots=True)
class Comparison:
    """Counts of compared rows, and the first of those that differ.

    `moving` counts the rows that changed so often that they were never read at one position in both
    generations. `fields` counts, for each field, the rows in which it differs. No value is kept: it may be
    personal.
    """

    same: int = 0
    different: int = 0
    missing: int = 0
    extra: int = 0
    moving: int = 0
    fields: Counter[str] = field(default_factory=Counter)
    examples: list[DifferingRow] = field(default_factory=list)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Comparison:
        """Read what `to_document` returned."""
        examples = [
            DifferingRow(
                example["tenant"], example["id"], RowVerdict(example["verdict"]), tuple(example["fields"])
            )
            for example in document["examples"]
        ]
        return cls(**{**document, "fields": Counter(document["fields"]), "examples": examples})

    def to_document(self) -> dict[str, Any]:
        """Return the comparison as it is kept in MongoDB."""
        counts = {name: getattr(self, name) for name in ("same", "different", "missing", "extra", "moving")}
        examples = [{**example._asdict(), "verdict": example.verdict.value} for example in self.examples]
        return {**counts, "fields": dict(self.fields), "examples": examples}

    @property
    def rows(self) -> int:
        """The number of compared rows."""
        return self.same + self.different + self.missing + self.extra

    @property
    def equal(self) -> bool:
        """Whether no compared row differs."""
        return self.rows == self.same

    def count(self, old: Row | None, new: Row | None) -> None:
        """Count a row as both generations have it at one position; None or gone if one does not have it."""
        old, new = _if_there(old), _if_there(new)
        if old is not None and new is not None:
            self._count_both(old, new)
        elif new is not None:
            self.extra += 1
            self._add_example(RowVerdict.EXTRA, new)
        elif old is not None:
            self.missing += 1
            self._add_example(RowVerdict.MISSING, old)

    def _count_both(self, old: Row, new: Row) -> None:
        names = changed_fields(old, new)
        if not names:
            self.same += 1
            return
        self.different += 1
        self.fields.update(names)
        self._add_example(RowVerdict.DIFFERENT, new, names)

    def _add_example(self, verdict: RowVerdict, row: Row, names: tuple[str, ...] = ()) -> None:
        if len(self.examples) < MAX_EXAMPLES:
            self.examples.append(DifferingRow(row["_tenant"], row["id"], verdict, names))


def at_one_position(old: Row | None, new: Row | None, reached: int) -> bool:
    """Return whether two rows of one key show the row at one position; both generations are at `reached`.

    They do if neither changed after `reached`, or if both changed last at the same position.
    """
    positions = {row["_position"] for row in (old, new) if row is not None}
    return all(position <= reached for position in positions) or (
        old is not None and new is not None and len(positions) == 1
    )


def _if_there(row: Row | None) -> Row | None:
    return None if row is None or row["_gone"] else row
