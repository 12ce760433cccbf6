"""Folding a batch of commits into rows, in memory. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.kernel import Commit, RecordedEvent
from domain.kernel.errors import Unavailable
from eventstore.driver import Document
from projections.rows import fields, row_key
from projections.view import View
from subscriptions.messages import Place


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
            check_readable(view, event)
            for row_id in dict.fromkeys(view.key(event)):
                key = row_key(commit.info.tenant, row_id)
                place = places.setdefault(key, len(places))
                found.setdefault(key, []).append(Touch(row_id, event, place))
    return found


def check_readable(view: View[Any], event: RecordedEvent) -> None:
    """Raises Unavailable at an event that this process cannot read."""
    if event.payload is None:
        stops = f"the view {view.name!r} stops before position {event.position}"
        raise Unavailable(f"{stops}: {event.why_unreadable()}")


class RowFold:
    """One row while events are folded into it, with the subjects whose data they hold or held."""

    __slots__ = ("_created", "_open", "_row", "_scrubbed", "_subjects", "_view")

    def __init__(self, view: View[Any], stored: Document | None) -> None:
        self._view = view
        known: Document = stored or {}
        self._row = None if known.get("_gone", True) else fields(known)
        self._created: int = known.get("_created", 0)
        self._subjects: set[str] = set(known.get("_subjects", ()))
        self._open: set[str] = set(known.get("_open", ()))
        self._scrubbed: int = known.get("_scrubbed", 0)

    def take(self, id: str, event: RecordedEvent) -> bool:
        """Fold the event in; whether the row is to be written for it."""
        before, self._row = self._row, self._view.apply(id, self._row, event)
        changed = bool(self._row != before)
        if event.subjects or event.erased:
            # Also what changes nothing is to be found, should it read otherwise once its subject is erased.
            changed = self._concern(event) or changed
        if changed:
            self._created = self._created or event.position
        return changed

    def _concern(self, event: RecordedEvent) -> bool:
        about, readable = {*event.subjects, *event.erased}, set(event.subjects)
        known = about <= self._subjects and readable <= self._open
        self._subjects |= about
        self._open |= readable
        return not known

    def scrub(self, subjects: Collection[str], position: int) -> None:
        """They are erased at `position`, and what was folded in holds nothing of them."""
        self._open.difference_update(subjects)
        self._scrubbed = position

    def document(self, tenant: str, id: str, place: Place, generation: int) -> Document:
        """The row as it is stored."""
        document = {
            **(self._row or {"id": id}),
            "_id": row_key(tenant, id),
            "_tenant": tenant,
            "_gone": self._row is None,
            "_position": place.position,
            "_place": place.index,
            "_created": self._created,
            "_generation": generation,
        }
        if self._subjects:
            document |= {"_subjects": sorted(self._subjects), "_open": sorted(self._open)}
        return {**document, "_scrubbed": self._scrubbed} if self._scrubbed else document


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
        done = 0 if stored is None else stored["_position"]
        fold = RowFold(self.view, stored)
        last: Touch | None = None
        for touch in touched:
            if touch.event.position > done and fold.take(touch.id, touch.event):
                last = touch
        if last is None:
            return None
        tenant, place = last.event.commit.tenant, Place(last.event.position, last.place)
        return fold.document(tenant, last.id, place, self.generation)
