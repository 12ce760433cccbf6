"""The feed: the log from any position on, first from MongoDB, then live."""

from __future__ import annotations

from collections.abc import Sequence

from domain.kernel import Commit
from eventstore.log import EventLog
from eventstore.personal.erasure import erased_subjects
from subscriptions.feed.pages import PAGE, PageCursor, Pages
from subscriptions.feed.tail import BATCH_SIZE, RING_SIZE, Tail, TailReader
from subscriptions.feed.wakeups import BEAT_EVERY, Wakeups

LOG_TOPIC = "log"
"""The wake-up topic of the log: its highest position is announced under it."""


class _PagedReader:
    """Reads shared pages as far as the log is known to have whole ones, and single commits from there on."""

    def __init__(self, log: _LogSource) -> None:
        self._log = log
        self._reader = log.log.reader()
        self._cursor = PageCursor()

    async def read(self, after: int, limit: int) -> tuple[Sequence[Commit], int]:
        number, place = divmod(after, PAGE)
        if after - place + PAGE <= self._log.known_head:
            page = await self._log.pages.get(number, self._cursor, self._log.known_head)
            if len(page) == PAGE:
                return page[place:], page[-1].position
        commits = await self._reader.read(after, limit)
        return commits, commits[-1].position if commits else after


class _LogSource:
    """The log as the source of a tail. `known_head` is the highest position that was read."""

    def __init__(self, log: EventLog) -> None:
        self.log = log
        self.pages = Pages(log.reader().read)
        self.known_head = 0

    async def head(self) -> int:
        head = await self.log.head()
        self.known_head = max(head, self.known_head)
        return head

    def reader(self) -> _PagedReader:
        return _PagedReader(self)

    def position(self, commit: Commit) -> int:
        return commit.position

    def erasure(self, commits: Sequence[Commit]) -> int:
        return max((commit.position for commit in commits if erased_subjects(commit)), default=0)

    def edition(self) -> int:
        """Return always the same: what was appended never changes."""
        return 0


class Feed(Tail[Commit]):
    """The tail of `log`. `poll_interval`, in seconds, is the highest latency while Redis is down."""

    def __init__(
        self,
        log: EventLog,
        wakeups: Wakeups,
        poll_interval: float,
        *,
        ring_size: int = RING_SIZE,
        batch_size: int = BATCH_SIZE,
    ) -> None:
        self.log = log
        self._wakeups = wakeups
        self._beats = False
        source = _LogSource(log)
        self._pages = source.pages
        listener = wakeups.listen(LOG_TOPIC)
        super().__init__(source, listener, poll_interval, ring_size=ring_size, batch_size=batch_size)

    def beat(self) -> None:
        """From now on look at the log even if other processes do, and beat: they need not look then."""
        self._beats = True

    async def _read_on(self, reader: TailReader[Commit], position: int) -> tuple[Sequence[Commit], int]:
        recent = self.log.recent.take(position, self._batch_size)
        end = recent[-1].position if recent else position
        is_last = bool(recent) and end >= self._listener.highest
        if is_last or self.log.recent.is_expected(end + 1):
            return recent, end
        commits, end = await super()._read_on(reader, end)
        return [*recent, *commits], end

    async def _rest(self, position: int) -> None:
        if not self._beats:
            await super()._rest(position)
        else:
            self._wakeups.beat(LOG_TOPIC, position)
            await self._listener.wait(BEAT_EVERY * self._poll_interval, beyond=position)

    def _forget(self) -> None:
        super()._forget()
        self._pages.forget()

    def _begin(self) -> None:
        super()._begin()
        self.log.recent.begin()

    def _end(self) -> None:
        super()._end()
        self.log.recent.end()
        self._pages.close()
