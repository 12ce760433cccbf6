"""Commits that are written to the log directly, many at once: long logs within seconds."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from domain.dispatch.ports import NewCommit
from eventstore.commit_documents import encode_commit, with_position
from eventstore.mongo.driver import Collection


class LogFiller:
    """Writes commits as the log stores them, at the positions that follow, in batches of this size."""

    def __init__(self, log: Collection, batch: int = 2_000) -> None:
        self._log = log
        self._batch = batch
        self._position = 0

    async def fill(self, commits: Iterable[NewCommit]) -> None:
        remaining = iter(commits)
        while batch := list(islice(remaining, self._batch)):
            documents = [
                with_position(encode_commit(commit), position)
                for position, commit in enumerate(batch, self._position + 1)
            ]
            await self._log.insert_many(documents, ordered=False)
            self._position += len(batch)
