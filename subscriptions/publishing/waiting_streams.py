"""The streams of a webhook that wait after a failure, as a worker has them in memory."""

from __future__ import annotations

from collections.abc import Collection


class WaitingStreams:
    """Streams whose next event failed. Their events are in the log, and not in memory."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._dead: set[str] = set()
        self._retried: set[str] = set()

    def __contains__(self, stream: str) -> bool:
        return stream in self._last

    def __len__(self) -> int:
        return len(self._last)

    @property
    def pending(self) -> int:
        """The number of streams that wait for another attempt, and not behind a dead letter."""
        return len(self._last) - len(self._dead)

    @property
    def retried(self) -> Collection[str]:
        """The streams that are being retried now."""
        return self._retried

    def add(self, stream: str, position: int, *, is_dead: bool) -> None:
        """Let a stream wait, of which events up to `position` were seen."""
        self._last[stream] = max(position, self._last.get(stream, 0))
        if is_dead:
            self._dead.add(stream)

    def note(self, stream: str, position: int) -> None:
        """Note an event of a waiting stream."""
        self._last[stream] = position

    def begin(self, stream: str, position: int) -> None:
        """Begin to retry a stream, of which nothing is in memory if another worker recorded it."""
        self.add(stream, position, is_dead=False)
        self._dead.discard(stream)
        self._retried.add(stream)

    def end(self, stream: str) -> None:
        """End the retry of a stream."""
        self._retried.discard(stream)

    def release(self, stream: str, upto: int) -> bool:
        """Let a stream go on if no event was noted after position `upto`. Return whether it does."""
        if self._last[stream] > upto:
            return False
        del self._last[stream]
        return True
