"""Taking an erased subject out of a view: its rows are folded again from the log, where it reads null now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eventstore.mongo.driver import Collection, Document, unavailable_if_down
from projections.folding.folding import RowFold
from projections.folding.refolding import Refolder
from projections.kernel.view import View

ROWS_AT_ONCE = 500


class Scrubber:
    """Scrubs the rows of one view.

    Every row that an event with data of the subject touched is written at the erasure's position, whatever it
    holds by now: so a slower projector that still has such an event in hand cannot write the row any more.
    """

    def __init__(self, view: View[Any], rows: Collection, refolder: Refolder) -> None:
        self._view = view
        self._rows = rows
        self._refolder = refolder

    async def scrub(self, tenant: str, subjects: Sequence[str], position: int, generation: int) -> None:
        """Take those who were erased at `position` out of the rows of a generation.

        Their keys must be gone. Raises Unavailable.
        """
        holding = {"_tenant": tenant, "_subjects": {"$in": list(subjects)}}
        # Another projector may be beyond the erasure; it has scrubbed what it wrote.
        upto = {"_generation": generation, "_position": {"$lte": position}, "_scrubbed": {"$ne": position}}
        with unavailable_if_down():
            await self._rows.delete_many({**holding, "_generation": {"$lt": generation}})
        last = ""
        while stored := await self._due({**holding, **upto, "_id": {"$gt": last}}):
            last = stored[-1]["_id"]
            own = [row for row in stored if self._refolder.owns(tenant, row["id"])]
            # A row in which they could never be read stays as it is.
            folds = {row["id"]: RowFold(self._view, row) for row in own}
            readable = {row["id"]: row for row in own if not set(subjects).isdisjoint(row["_open"])}
            folds |= await self._refolder.again(tenant, readable, position)
            for fold in folds.values():
                fold.scrub(subjects, position)
            await self._refolder.put(tenant, position, generation, folds)

    async def _due(self, due: Document) -> list[Document]:
        with unavailable_if_down():
            return await self._rows.find(due).sort([("_id", 1)]).limit(ROWS_AT_ONCE).to_list(None)
