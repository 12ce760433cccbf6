"""The projector keeps a view up to date in MongoDB, with at most one read and one bulk write for each batch.

Each write is guarded by the position that it carries: a projector that writes a row has folded all of its
events up to that position. So a crash, a second projector or a replay changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.builtin.subjects.aggregate import Subject
from domain.kernel import Commit
from eventstore.log import EventLog
from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.personal.erasure import erased_subjects
from projections.folding.dead_letter_documents import DeadLetters
from projections.folding.folding import Fold, touches
from projections.folding.refolding import Refolder
from projections.folding.retrying import Retrier, decisions_in
from projections.folding.scrubbing import Scrubber
from projections.folding.stored_rows import StoredRows
from projections.kernel.view import View
from projections.projecting.other_generations import OtherGenerations
from projections.storage.indexes import create_folding_indexes, update_query_indexes
from projections.storage.rows import collection
from subscriptions.consumers.checkpoints import Checkpoint

FIRST_GENERATION = 1


def folded_categories(view: View[Any]) -> frozenset[str]:
    """Return the categories of the commits with which the view's projector may have work."""
    return view.categories | {Subject.category, DeadLetter.category}


class Projector:
    """Folds commits into one view; the handler of the view's durable consumer.

    At an erasure it removes the subject from the rows; at a decision about a dead letter it folds the event
    into its row, or leaves it out. Such rows are folded again from the log. `on_written` is called with the
    highest position of the rows of a batch, as soon as they are written.
    """

    def __init__(
        self,
        view: View[Any],
        database: Database,
        log: EventLog,
        on_written: Callable[[int], None] = lambda position: None,
    ) -> None:
        self._view = view
        self._on_written = on_written
        self._database = database
        self._log = log
        self._letters = DeadLetters(database, view.name)
        self._others = OtherGenerations(view, database, log, self._letters)
        self._set_up(Checkpoint(0, 0))

    async def begin(self, checkpoint: Checkpoint) -> None:
        """Prepare the collection; at the start from zero, remove the rows of older generations."""
        self._set_up(checkpoint)
        if checkpoint.generation == FIRST_GENERATION and checkpoint.position == 0:
            # This generation is read while it is built, so it needs its indexes at once.
            await update_query_indexes(self._rows, self._view)
        else:
            await create_folding_indexes(self._rows)
        await self._letters.prepare(checkpoint.generation)
        if checkpoint.position == 0:
            with unavailable_if_down():
                await self._rows.delete_many({"_generation": {"$lt": checkpoint.generation}})

    def _set_up(self, checkpoint: Checkpoint) -> None:
        self._rows = collection(self._database, self._view, checkpoint.generation)
        refolder = Refolder(self._view, self._rows, self._log, self._letters, checkpoint.partition)
        self._scrubber = Scrubber(self._view, self._rows, refolder)
        self._retrier = Retrier(self._view, self._rows, self._log, refolder)
        self._stored = StoredRows(self._view, self._rows, fresh=checkpoint.position == 0)
        self._fold = Fold(self._view, checkpoint.generation)
        self._partition = checkpoint.partition

    async def handle(self, commits: Sequence[Commit]) -> bool:
        """Fold a batch. Return whether it concerned any row. Raises Unavailable."""
        done, has_work = 0, False
        for count, commit in enumerate(commits, 1):
            erased, decisions = erased_subjects(commit), decisions_in(commit, self._view.name)
            if commit.info is None or not (erased or decisions):
                continue
            await self._fold_in(commits[done:count])
            done, has_work = count, True
            at = (commit.position, self._fold.generation)
            if erased:
                await self._scrubber.scrub(commit.info.tenant, erased, *at)
                if self._partition.number == 0:
                    await self._others.scrub(commit.info.tenant, erased, *at)
            for decision in decisions:
                await self._retrier.carry_out(commit.info.tenant, decision, *at)
            self._stored.forget()
        return await self._fold_in(commits[done:]) or has_work

    async def _fold_in(self, commits: Sequence[Commit]) -> bool:
        touched = {
            key: row for key, row in touches(self._view, commits).items() if self._partition.contains(key)
        }
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
            self._on_written(max(row.document["_position"] for row in changed))
        if letters:
            # Another projector may have come further, and have retried them already.
            keys = {letter.key for letter in letters}
            await self._letters.settle(self._fold.generation, self._rows, keys)
        return True
