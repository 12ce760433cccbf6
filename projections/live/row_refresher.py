"""Bringing the rows of a topic up to date after their view was rebuilt."""

from __future__ import annotations

import logging

from domain.kernel.errors import ViewRebuilding
from eventstore.place import Place
from projections.live.shared_rows import SharedRows
from subscriptions.feed.background import BackgroundLoop

logger = logging.getLogger(__name__)


class RowRefresher:
    """Reads a topic's rows again after a rebuild, which may change rows at no position of the log.

    `refreshed_at` is where the last differences were published: a subscriber that resumes before it may have
    missed them.
    """

    def __init__(self, rows: SharedRows) -> None:
        self._rows = rows
        self._loop = BackgroundLoop(self._refresh, "the rows of a rebuilt view are not refreshed", logger)
        self._error: ViewRebuilding | None = None
        self.is_stale = False
        self.refreshed_at = Place(0)

    def start(self) -> None:
        """Refresh the rows in the background."""
        self.is_stale, self._error = True, None
        if not self._loop.is_running:
            self._loop.start()

    def close(self) -> None:
        """End a refresh that is running."""
        self._loop.cancel()

    async def wait(self) -> None:
        """Wait until the rows are refreshed. Raises ViewRebuilding if they cannot be."""
        while self.is_stale:
            if self._error is not None:
                raise self._error
            await self._loop.join()

    async def _refresh(self) -> float | None:
        try:
            edition, self.refreshed_at = await self._rows.refresh()
        except ViewRebuilding as error:
            # The rows that are read now lack fields of the query, so the differences are unknown.
            self._error = error
            self._rows.fail(error)
            return None
        self.is_stale = self._rows.reader.edition != edition
        return 0.0 if self.is_stale else None
