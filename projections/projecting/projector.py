"""Projectors: views kept up to date in MongoDB, at most one read and one bulk write for each batch.

A write is guarded by the position it carries, so a crash, a second projector or a replay changes nothing:
whoever writes a row has folded all of its events up to that position.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from domain.kernel import Commit
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.personal.erasure import erased_subjects
from projections.folding.dead_letters import DeadLetters
from projections.folding.folding import Fold, touches
from projections.folding.refolding import Refolder
from projections.folding.retrying import Retrier, orders_in
from projections.folding.scrubbing import Scrubber
from projections.folding.stored_rows import StoredRows
from projections.kernel.view import View
from projections.projecting.other_generations import OtherGenerations
from projections.storage.indexes import prepare, prepare_folding
from projections.storage.rows import collection
from subscriptions.consumers.checkpoints import Checkpoint

FIRST = 1
"""The number of a view's first generation."""


class Projector:
    """Folds commits into one view; the handler of its durable consumer.

    At an erasure it takes the subject out of the rows; at a decision about a dead letter it lets the event
    into its row, or leaves it out. Such rows it folds again from the log.
    `written` is told the highest position of the rows that a batch has written, as soon as they are.
    """

    def __init__(
        self,
        view: View[Any],
        database: Database,
        log: EventLog,
        written: Callable[[int], None] = lambda position: None,
    ) -> None:
        self._view = view
        self._written = written
        self._database = database
        self._log = log
        self._letters = DeadLetters(database, view.name)
        self._others = OtherGenerations(view, database, log, self._letters)
        self._begin(Checkpoint(0, 0))

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Make the collection ready; at the start from zero, clear it of what older generations left."""
        self._begin(checkpoint)
        if checkpoint.generation == FIRST and checkpoint.position == 0:
            # It is read from its beginning.
            await prepare(self._rows, self._view)
        else:
            await prepare_folding(self._rows)
        await self._letters.prepare(checkpoint.generation)
        if checkpoint.position == 0:
            with unavailable_if_down():
                await self._rows.delete_many({"_generation": {"$lt": checkpoint.generation}})

    def _begin(self, checkpoint: Checkpoint) -> None:
        self._rows = collection(self._database, self._view, checkpoint.generation)
        refolder = Refolder(self._view, self._rows, self._log, self._letters, checkpoint.partition)
        self._scrubber = Scrubber(self._view, self._rows, refolder)
        self._retrier = Retrier(self._view, self._rows, self._log, refolder)
        self._stored = StoredRows(self._view, self._rows, fresh=checkpoint.position == 0)
        self._fold = Fold(self._view, checkpoint.generation)
        self._partition = checkpoint.partition

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """Fold a batch in; whether it touched any row. Raises Unavailable."""
        done, touched = 0, False
        for place, commit in enumerate(commits, 1):
            erased, orders = erased_subjects(commit), orders_in(commit, self._view.name)
            if commit.info is None or not (erased or orders):
                continue
            await self._fold_in(commits[done:place])
            done, touched = place, True
            at = (commit.position, self._fold.generation)
            if erased:
                await self._scrubber.scrub(commit.info.tenant, erased, *at)
                if self._partition.number == 0:
                    await self._others.scrub(commit.info.tenant, erased, *at)
            for order in orders:
                await self._retrier.carry_out(commit.info.tenant, order, *at)
            self._stored.forget()
        return await self._fold_in(commits[done:]) or touched

    async def _fold_in(self, commits: Sequence[Commit]) -> bool:
        found = touches(self._view, commits)
        touched = {key: row for key, row in found.items() if self._partition.has(key)}
        if not touched:
            return False
        stored = await self._stored.load(touched)
        folded = [self._fold(stored.get(key), row) for key, row in touched.items()]
        changed = [row for row in folded if row is not None]
        letters = [letter for row in changed for letter in row.letters]
        if letters:
            await self._letters.record(self._fold.generation, letters)
        await self._stored.write(changed, stored)
        if changed:
            self._written(max(row.document["_position"] for row in changed))
        if letters:
            # Another projector may be beyond them, and have retried them by now.
            await self._letters.settle(self._fold.generation, self._rows, {one.key for one in letters})
        return True
