"""Carrying out decisions about dead letters in a view: parked events are retried, or dropped for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.builtin.deadletters.events import DeadLetterDropped
from domain.kernel import Commit
from eventstore.log import EventLog
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from projections.folding.folding import RowFold
from projections.folding.parking import EventName, parked_in, parking_row, row_ids
from projections.folding.refolding import Refolder
from projections.kernel.view import View
from projections.storage.rows import row_key
from subscriptions.consumers.failures import Failure


class DeadLetterDecision(NamedTuple):
    """A decision to fold an event into a row again, or to `drop` it; `row` is None if it is unknown."""

    row: str | None
    name: EventName
    drop: bool


def decisions_in(commit: Commit, view: str) -> list[DeadLetterDecision]:
    """Return the decisions about dead letters of a view that the commit records."""
    if commit.info is None or commit.info.category != DeadLetter.category:
        return []
    return [
        DeadLetterDecision(
            event.data.get("row"),
            EventName(event.data["stream"], event.data["version"]),
            event.type == DeadLetterDropped.type,
        )
        for event in commit.events
        if event.data["view"] == view
    ]


class Retrier:
    """Carries out the decisions about dead letters of one view.

    The affected rows are folded again up to the position of the decision, and written at that position. So
    every projector produces the same rows, whenever and however often it handles the decision.
    """

    def __init__(self, view: View[Any], rows: Collection, log: EventLog, refolder: Refolder) -> None:
        self._view = view
        self._rows = rows
        self._log = log
        self._refolder = refolder

    async def carry_out(
        self, tenant: str, decision: DeadLetterDecision, position: int, generation: int
    ) -> None:
        """Carry out a decision that was recorded at `position`. Raises Unavailable."""
        if decision.row is None:
            await self._carry_out_alone(tenant, decision, position, generation)
            return
        stored = await self._stored(tenant, [decision.row], position, generation)
        row = stored.get(decision.row)
        if row is not None and (decision.drop or _is_due(row, decision.name, position)):
            folds = await self._refolder.refold(tenant, stored, position)
            await self._refolder.write(tenant, position, generation, folds)
        elif self._refolder.owns(tenant, decision.row):
            # Another projector has folded the event since; only its letter remains.
            await self._refolder.settle(tenant, generation, [decision.row])

    async def _carry_out_alone(
        self, tenant: str, decision: DeadLetterDecision, position: int, generation: int
    ) -> None:
        """Carry out a decision about an event that is parked alone, because its rows were unknown.

        If its rows can be determined now, they are folded again before the event is released. That does not
        depend on the row in which the event is parked, which may belong to another partition.
        """
        ids: Iterable[str] | Failure = ()
        events = await self._log.stream(tenant, decision.name.stream, decision.name.version - 1, 1)
        for event in events:
            ids = row_ids(self._view, event)
        if not isinstance(ids, Failure):
            owned = [row for row in ids if self._refolder.owns(tenant, row)]
            stored = await self._stored(tenant, owned, position, generation)
            folds = await self._refolder.refold(tenant, {row: stored.get(row) for row in owned}, position)
            await self._refolder.write(tenant, position, generation, folds)
        parking_tenant, parking_id = parking_row(tenant, decision.name)
        for row in await self._stored(parking_tenant, [parking_id], position, generation):
            fold = RowFold(self._view, None)
            if isinstance(ids, Failure) and not decision.drop:
                fold.park(events[0], ids)
            await self._refolder.write(parking_tenant, position, generation, {row: fold})

    async def _stored(
        self, tenant: str, ids: Sequence[str], position: int, generation: int
    ) -> dict[str, Document]:
        """Return the stored rows of the partition that no other projector has written beyond `position`."""
        query = {
            "_id": {"$in": [row_key(tenant, row) for row in ids if self._refolder.owns(tenant, row)]},
            "_generation": generation,
            "_position": {"$lte": position},
        }
        with unavailable_if_down():
            return {row["id"]: row for row in await self._rows.find(query).to_list(None)}


def _is_due(row: Document, name: EventName, position: int) -> bool:
    """Return whether the event is parked in the row, or was until an interrupted run wrote the row."""
    return row["_position"] == position or any(parked.name == name for parked in parked_in(row))
