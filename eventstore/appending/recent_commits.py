"""The commits that this process has just appended, so that its tail need not read them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from domain.builtin.subjects.aggregate import Subject
from domain.kernel import Catalog, Commit
from eventstore.appending.pending_append import PendingAppend
from eventstore.commit_documents import as_read
from eventstore.lru import LruCache

MAX_BYTES = 2_000_000
"""Most bytes of encoded commits that are kept."""

MAX_WAIT = 0.25
"""Most seconds for which a tail waits for the outcome of an insert before it reads the log itself."""


class RecentCommits:
    """The acknowledged commits of this process, until they are taken or later ones replace them.

    They are kept only while a tail follows the log: other processes have no use for them.
    A commit is left out if a reader would have more to do than to decode it: to open personal data, or to
    complete the erasure of a subject.
    """

    def __init__(self, catalog: Catalog, timer: Callable[[], float] = time.monotonic) -> None:
        self._events = catalog.events
        self._timer = timer
        self._inserts: dict[range, float] = {}
        self._tails = 0
        self._appends: LruCache[int, PendingAppend] = LruCache(MAX_BYTES, lambda append: len(append.encoded))

    def begin(self) -> None:
        """Keep commits from now on: a tail begins to follow the log."""
        self._tails += 1

    def end(self) -> None:
        """Undo one `begin`."""
        self._tails -= 1

    @contextmanager
    def inserting(self, positions: range) -> Iterator[None]:
        """Note that commits at these positions are being inserted by this process."""
        self._inserts[positions] = self._timer()
        try:
            yield
        finally:
            del self._inserts[positions]

    def is_expected(self, position: int) -> bool:
        """Return whether a commit is being inserted at this position, and will probably be there soon.

        Its outcome is announced. A tail that reads the log earlier finds later groups behind a hole, or
        decodes again what this process is about to pass to it.
        """
        earliest = self._timer() - MAX_WAIT
        return any(position in positions and begun > earliest for positions, begun in self._inserts.items())

    def add(self, position: int, append: PendingAppend) -> None:
        """Keep a commit that was acknowledged at this position."""
        if not self._tails:
            return
        commit = append.commit
        is_plain = not append.is_sealed and commit.category != Subject.category
        if is_plain and all(self._events.get(new.event.type) is type(new.event) for new in commit.events):
            self._appends.put(position, append)

    def take(self, after: int, limit: int) -> list[Commit]:
        """Return the commits that follow position `after` without a hole, at most `limit`; forget them."""
        commits: list[Commit] = []
        position = after + 1
        while len(commits) < limit and (append := self._appends.get(position)) is not None:
            assert append.record_time is not None, "a commit with a position has a record time"
            commits.append(as_read(append.commit, position, append.record_time))
            self._appends.forget(position)
            position += 1
        return commits
