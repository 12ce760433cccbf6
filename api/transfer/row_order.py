"""The order of rows that run at the same time."""

from __future__ import annotations

import asyncio
from collections import defaultdict

from api.transfer.rows import RowStreams

RowTask = asyncio.Task[None]


class ImportOrder:
    """Which rows that have begun must finish before another row may start.

    A row waits for the last earlier row that writes a stream that it names. If it writes a stream itself, it
    also waits for the rows that have read the stream since. It waits for the last earlier row with the same
    command id, too. Rows that have ended are forgotten.
    """

    def __init__(self) -> None:
        self._writers: dict[str, RowTask] = {}
        self._readers: dict[str, set[RowTask]] = defaultdict(set)
        self._senders: dict[str, RowTask] = {}
        """The last row of each command id."""

    def predecessors(self, streams: RowStreams) -> set[RowTask]:
        """Return the rows that a row with these streams has to wait for."""
        names = streams.writes | streams.reads
        predecessors = {self._writers[name] for name in names if name in self._writers}
        predecessors.update(self._senders[key] for key in streams.command_ids if key in self._senders)
        return predecessors.union(*(self._readers[name] for name in streams.writes if name in self._readers))

    def begin(self, streams: RowStreams, task: RowTask) -> None:
        """Register a row after all earlier ones."""
        for name in streams.writes:
            self._writers[name] = task
            self._readers.pop(name, None)
        for key in streams.command_ids:
            self._senders[key] = task
        for name in streams.reads:
            self._readers[name].add(task)

    def end(self, streams: RowStreams, task: RowTask) -> None:
        """Forget a row that has ended."""
        for tasks, names in ((self._writers, streams.writes), (self._senders, streams.command_ids)):
            for name in names:
                if tasks.get(name) is task:
                    del tasks[name]
        for name in streams.reads & self._readers.keys():
            self._readers[name].discard(task)
            if not self._readers[name]:
                del self._readers[name]
