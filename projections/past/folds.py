"""Rows folded again from the log, up to a point in the past."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection, Container, Mapping, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

import bson

from domain.kernel import RecordedEvent
from eventstore.log import EventLog
from eventstore.mongo.driver import CODEC, Document
from eventstore.place import Place
from projections.folding.folding import RowFold
from projections.folding.parking import row_ids
from projections.folding.refolding import dropped_events
from projections.kernel.view import View
from projections.querying.filters import Predicate
from projections.storage.row_events import Budget, RowEvents
from projections.storage.rows import Row
from subscriptions.consumers.failures import Failure

DroppedEvents = Mapping[str | None, Container[tuple[str, int]]]


class FoldStep(NamedTuple):
    """An event that touched a row, and the row before and after it; None if the row does not exist."""

    event: RecordedEvent
    before: Row | None
    after: Row | None


class PastFolds:
    """Folds rows of one view as its projector does: poison events are parked, dropped events left out.

    Personal data of erased subjects is null in the rows, as it is in the log, at every position. Raises
    TooComplex if the budget is exceeded, and Unavailable as reads of the log.
    """

    def __init__(self, view: View[Any], log: EventLog) -> None:
        self._view = view
        self._log = log
        self._events = RowEvents(view, log)

    async def rows(
        self, tenant: str, ids: Sequence[str] | None, upto: int, budget: Budget
    ) -> dict[str, Document]:
        """Return these rows at a settled position as they would be stored, without those that did not exist.

        If `ids` is None, returns all rows of the tenant.
        """
        if ids is not None and not ids:
            return {}
        dropped = await dropped_events(self._log, tenant, self._view.name, upto)
        requested = None if ids is None else frozenset(ids)
        folds, places = dict[str, RowFold](), dict[str, Place]()
        async for event in self._events.of(tenant, ids, upto, budget):
            for row_id in self._touched(event, dropped):
                if requested is not None and row_id not in requested:
                    continue
                if row_id not in folds:
                    folds[row_id] = RowFold(self._view, None, dropped.get(row_id, ()))
                if folds[row_id].take(row_id, event):
                    places[row_id] = Place(event.position)
        documents = (folds[row_id].document(tenant, row_id, place, 0) for row_id, place in places.items())
        return {row["id"]: as_stored(row) for row in documents if not row["_gone"]}

    async def visible_since(
        self,
        tenant: str,
        ids: Sequence[str],
        since: int,
        upto: int,
        is_visible: Predicate,
        budget: Budget,
    ) -> set[str]:
        """Return those of the rows that had a visible state from the one at `since` to that at `upto`.

        Both are settled positions.
        """
        dropped = await dropped_events(self._log, tenant, self._view.name, upto)
        requested, visible, folds = frozenset(ids), set[str](), dict[str, RowFold]()

        def check(row_id: str) -> None:
            stored = folds[row_id].document(tenant, row_id, Place(since), 0)
            if not stored["_gone"] and is_visible(as_stored(stored)):
                visible.add(row_id)

        async for event in self._events.of(tenant, ids, upto, budget):
            for row_id in requested.intersection(self._touched(event, dropped)) - visible:
                if row_id not in folds:
                    folds[row_id] = RowFold(self._view, None, dropped.get(row_id, ()))
                if event.position > since:
                    check(row_id)
                folds[row_id].take(row_id, event)
        for row_id in folds.keys() - visible:
            check(row_id)
        return visible

    async def steps(self, tenant: str, id: str, upto: int, budget: Budget) -> AsyncGenerator[FoldStep, None]:
        """Yield what each event up to a settled position changed in a row, in the order of the log."""
        dropped = await dropped_events(self._log, tenant, self._view.name, upto)
        fold, row = RowFold(self._view, None, dropped.get(id, ())), None
        async with aclosing(self._events.of(tenant, [id], upto, budget)) as events:
            async for event in events:
                if id in self._touched(event, dropped) and fold.take(id, event):
                    stored = fold.document(tenant, id, Place(event.position), 0)
                    before, row = row, None if stored["_gone"] else as_stored(stored)
                    yield FoldStep(event, before, row)

    def _touched(self, event: RecordedEvent, dropped: DroppedEvents) -> Collection[str]:
        """Return the rows that the event touches; none if they are unknown, because it is parked alone."""
        ids = row_ids(self._view, event)
        if isinstance(ids, Failure) or (event.stream, event.version) in dropped.get(None, ()):
            return ()
        return tuple(ids)


def as_stored(row: Row) -> Document:
    """Return the row as MongoDB would return it: times in milliseconds, an enum as its value."""
    return bson.decode(bson.encode(row), CODEC)
