"""Folding a batch of commits into rows, in memory. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.kernel import Commit, RecordedEvent
from domain.kernel.errors import Unavailable
from eventstore.driver import Document
from projections.rows import fields, row_key
from projections.view import View


class Touch(NamedTuple):
    """An event that touches a row. `place` numbers the rows that the event's commit touches in this view."""

    id: str
    event: RecordedEvent
    place: int


def touches(view: View[Any], commits: Sequence[Commit]) -> dict[str, list[Touch]]:
    """What a batch does to which rows, by row key, each row's touches in order.

    Raises Unavailable at an event that this process cannot read: to fold on without it would leave the view
    wrong for ever.
    """
    found: dict[str, list[Touch]] = {}
    for commit in commits:
        if commit.info is None or commit.info.category not in view.categories:
            continue
        places: dict[str, int] = {}
        for event in commit.events:
            if event.payload is None:
                stops = f"the view {view.name!r} stops before position {commit.position}"
                raise Unavailable(f"{stops}: {event.why_unreadable()}")
            for row_id in dict.fromkeys(view.key(event)):
                key = row_key(commit.info.tenant, row_id)
                place = places.setdefault(key, len(places))
                found.setdefault(key, []).append(Touch(row_id, event, place))
    return found


@dataclass(frozen=True, slots=True)
class Fold:
    """Applies a view to one row at a time, for one generation of it."""

    view: View[Any]
    generation: int

    def __call__(self, stored: Document | None, touched: Sequence[Touch]) -> Document | None:
        """The document to write; None where nothing changes.

        What an older generation left behind counts as absent, and a newer one is left alone.
        """
        if stored is not None and stored["_generation"] > self.generation:
            return None
        if stored is not None and stored["_generation"] < self.generation:
            stored = None
        row = None if stored is None or stored["_gone"] else fields(stored)
        done = 0 if stored is None else stored["_position"]
        created = 0 if stored is None else stored["_created"]
        last: Touch | None = None
        for touch in touched:
            if touch.event.position <= done:
                continue
            before, row = row, self.view.apply(touch.id, row, touch.event)
            if row != before:
                last = touch
                created = created or touch.event.position
        return None if last is None else self._document(last, row, created)

    def _document(self, last: Touch, row: Document | None, created: int) -> Document:
        tenant = last.event.commit.tenant
        return {
            **(row or {"id": last.id}),
            "_id": row_key(tenant, last.id),
            "_tenant": tenant,
            "_gone": row is None,
            "_position": last.event.position,
            "_place": last.place,
            "_created": created,
            "_generation": self.generation,
        }
