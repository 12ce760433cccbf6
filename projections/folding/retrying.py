"""What was decided about dead letters, done in a view: events that wait are retried, or dropped for good."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.builtin.deadletters.events import DeadLetterDropped
from domain.kernel import Commit
from eventstore.log import EventLog
from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from projections.folding.folding import RowFold
from projections.folding.parking import EventName, alone, parked_in, row_ids
from projections.folding.refolding import Refolder
from projections.kernel.view import View
from projections.storage.rows import row_key
from subscriptions.consumers.failures import Failure


class DeadLetterDecision(NamedTuple):
    """To fold an event again into a row, or to `drop` it; `row` is None where it is not known which."""

    row: str | None
    name: EventName
    drop: bool


def orders_in(commit: Commit, view: str) -> list[DeadLetterDecision]:
    """What the commit records as decided about dead letters of a view."""
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
    """Carries out what was decided about the dead letters of one view.

    The rows concerned are told anew, up to the position of the decision, at which they are written: so every
    projector comes to the same rows, whenever it meets the decision and however often.
    """

    def __init__(self, view: View[Any], rows: Collection, log: EventLog, refolder: Refolder) -> None:
        self._view = view
        self._rows = rows
        self._log = log
        self._refolder = refolder

    async def carry_out(self, tenant: str, order: DeadLetterDecision, position: int, generation: int) -> None:
        """Do what was decided at `position`. Raises Unavailable."""
        if order.row is None:
            await self._of_unknown_rows(tenant, order, position, generation)
            return
        stored = await self._stored(tenant, [order.row], position, generation)
        row = stored.get(order.row)
        if row is not None and (order.drop or _concerns(row, order.name, position)):
            folds = await self._refolder.again(tenant, stored, position)
            await self._refolder.put(tenant, position, generation, folds)
        elif self._refolder.owns(tenant, order.row):
            # Another projector has folded the event since, so only its letter is left.
            await self._refolder.settle(tenant, generation, [order.row])

    async def _of_unknown_rows(
        self, tenant: str, order: DeadLetterDecision, position: int, generation: int
    ) -> None:
        """Where it is known by now which rows the event touches, they are told anew before it waits no more.

        Whether it waits does not count for them: that is for whoever has the row in which it does.
        """
        ids: Iterable[str] | Failure = ()
        events = await self._log.stream(tenant, order.name.stream, order.name.version - 1, 1)
        for event in events:
            ids = row_ids(self._view, event)
        if not isinstance(ids, Failure):
            own = [row for row in ids if self._refolder.owns(tenant, row)]
            stored = await self._stored(tenant, own, position, generation)
            folds = await self._refolder.again(tenant, {row: stored.get(row) for row in own}, position)
            await self._refolder.put(tenant, position, generation, folds)
        waiting, name = alone(tenant, order.name)
        for row in await self._stored(waiting, [name], position, generation):
            fold = RowFold(self._view, None)
            if isinstance(ids, Failure) and not order.drop:
                fold.park(events[0], ids)
            await self._refolder.put(waiting, position, generation, {row: fold})

    async def _stored(
        self, tenant: str, ids: Sequence[str], position: int, generation: int
    ) -> dict[str, Document]:
        """Those of its own rows that are there and that no other projector has brought beyond `position`."""
        wanted = {
            "_id": {"$in": [row_key(tenant, row) for row in ids if self._refolder.owns(tenant, row)]},
            "_generation": generation,
            "_position": {"$lte": position},
        }
        with unavailable_if_down():
            return {row["id"]: row for row in await self._rows.find(wanted).to_list(None)}


def _concerns(row: Document, name: EventName, position: int) -> bool:
    """Whether the event waits in the row, or did until this was begun once and not come to an end."""
    return row["_position"] == position or any(parked.name == name for parked in parked_in(row))
