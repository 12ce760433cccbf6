"""The feed: the log from any position on, first from MongoDB, then live."""

from __future__ import annotations

from collections.abc import Sequence

from domain.kernel import Commit
from eventstore.log import EventLog
from eventstore.personal.erasure import erased_in
from eventstore.reading.reader import LogReader
from subscriptions.tail import Tail
from subscriptions.wakeups import Wakeups

TOPIC = "log"
"""What is announced under this topic is the log's highest position."""


class _ReadOn:
    def __init__(self, reader: LogReader) -> None:
        self._reader = reader

    async def read(self, after: int, limit: int) -> tuple[Sequence[Commit], int]:
        commits = await self._reader.read(after, limit)
        return commits, commits[-1].position if commits else after


class _Log:
    """The log as the source of a tail."""

    def __init__(self, log: EventLog) -> None:
        self._log = log

    async def head(self) -> int:
        return await self._log.head()

    def reader(self) -> _ReadOn:
        return _ReadOn(self._log.reader())

    def position(self, commit: Commit) -> int:
        return commit.position

    def erasure(self, commits: Sequence[Commit]) -> int:
        return max((commit.position for commit in commits if erased_in(commit)), default=0)


class Feed(Tail[Commit]):
    """The tail of `log`. `poll_interval` is in seconds: the latency at most while Redis is down."""

    def __init__(self, log: EventLog, wakeups: Wakeups, poll_interval: float) -> None:
        self.log = log
        super().__init__(_Log(log), wakeups.listen(TOPIC), poll_interval)
