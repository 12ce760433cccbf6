"""The part of a view's source that serves one topic."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from projections.live.backlog import RowBacklog
from projections.live.row_refresher import RowRefresher
from projections.live.shared_rows import SharedRows


class ViewTopicSource:
    """Serves one topic of a `ViewSource`, whose subscribers have one query.

    It gives each subscriber its backlog. It calls `on_close` when the topic has no subscriber any more.
    """

    def __init__(
        self,
        rows: SharedRows,
        read_head: Callable[[], Awaitable[int]],
        on_close: Callable[[ViewTopicSource], None],
    ) -> None:
        self._rows = rows
        self._refresher = RowRefresher(rows)
        self._read_head = read_head
        self._on_close = on_close

    def backlog(self) -> RowBacklog:
        return RowBacklog(self._rows, self._refresher, self._read_head)

    def refresh(self) -> None:
        """Bring the rows up to date after a rebuild of the view."""
        self._refresher.start()

    def close(self) -> None:
        self._rows.close()
        self._refresher.close()
        self._on_close(self)
