"""Removing an erased subject from a view: its rows are folded again from the log, which now reads null."""

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

    Every row that an event with data of the subject touched is written at the erasure's position, even if it
    is unchanged. So a slower projector that still has such an event in memory can no longer write the row.
    """

    def __init__(self, view: View[Any], rows: Collection, refolder: Refolder) -> None:
        self._view = view
        self._rows = rows
        self._refolder = refolder

    async def scrub(self, tenant: str, subjects: Sequence[str], position: int, generation: int) -> None:
        """Remove the subjects that were erased at `position` from the rows of a generation.

        Their keys must be deleted already. Raises Unavailable.
        """
        with_subjects = {"_tenant": tenant, "_subjects": {"$in": list(subjects)}}
        # Another projector may have passed the erasure; it has scrubbed the rows that it wrote.
        upto = {"_generation": generation, "_position": {"$lte": position}, "_scrubbed": {"$ne": position}}
        with unavailable_if_down():
            await self._rows.delete_many({**with_subjects, "_generation": {"$lt": generation}})
        last = ""
        while stored := await self._due({**with_subjects, **upto, "_id": {"$gt": last}}):
            last = stored[-1]["_id"]
            owned = [row for row in stored if self._refolder.owns(tenant, row["id"])]
            # A row in which the subjects could never be read stays as it is.
            folds = {row["id"]: RowFold(self._view, row) for row in owned}
            readable = {row["id"]: row for row in owned if not set(subjects).isdisjoint(row["_open"])}
            folds |= await self._refolder.refold(tenant, readable, position)
            for fold in folds.values():
                fold.scrub(subjects, position)
            await self._refolder.write(tenant, position, generation, folds)

    async def _due(self, due: Document) -> list[Document]:
        with unavailable_if_down():
            return await self._rows.find(due).sort([("_id", 1)]).limit(ROWS_AT_ONCE).to_list(None)
