"""How many papers each owner has written, which nobody else may read."""

from __future__ import annotations

from typing import TypedDict

from domain.kernel import RecordedEvent
from domain.kernel.access import owner
from projections.kernel import View
from tests.helpers.papers.papers import PaperWritten, context


class PaperCountRow(TypedDict):
    """The number of papers of one owner."""

    id: str
    owner: str
    papers: int


def _key(event: RecordedEvent) -> tuple[str, ...]:
    return (event.payload.owner,) if isinstance(event.payload, PaperWritten) else ()


def _apply(id: str, row: PaperCountRow | None, event: RecordedEvent) -> PaperCountRow:
    return PaperCountRow(id=id, owner=id, papers=1 if row is None else row["papers"] + 1)


view = View(
    name="paper_counts",
    singular="paper_count",
    context=context,
    row=PaperCountRow,
    key=_key,
    apply=_apply,
    access=owner("owner"),
)
