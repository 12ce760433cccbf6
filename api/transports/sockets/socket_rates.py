"""Limits what the client of one socket may send per second."""

from __future__ import annotations

from api.limits.token_bucket import TokenBucket

FRAME_BYTES = 4_096
"""Bytes that count as one frame."""

BURST_SECONDS = 2.0
"""Seconds of frames that a client may send at once."""


class SocketRates:
    """The frames and operations of one socket. A client that sends more is slowed down, then cut off.

    `operations` and `frames` are per second; as many as `burst` operations may start at once, because a
    client that reconnects starts all of its operations again. A client may be slowed down all the time for
    `grace` seconds.
    """

    __slots__ = ("_frames", "_grace", "_operations", "_slowed_since")

    def __init__(self, operations: float, frames: float, burst: float, grace: float, now: float) -> None:
        self._operations = TokenBucket(operations, max(operations, burst), now)
        self._frames = TokenBucket(frames, BURST_SECONDS * frames, now)
        self._grace = grace
        self._slowed_since: float | None = None

    def count_frame(self, size: int) -> None:
        """Count a frame with so many bytes; a large one counts as several."""
        self._frames.take(1 + size // FRAME_BYTES)

    def count_operation(self) -> None:
        """Count the start of an operation."""
        self._operations.take()

    def delay(self, now: float) -> float:
        """Return the seconds for which nothing more may be read from the client."""
        delay = max(self._frames.delay(now), self._operations.delay(now))
        if self._slowed_since is None:
            self._slowed_since = now if delay else None
        elif self._frames.is_half_full(now) and self._operations.is_half_full(now):
            self._slowed_since = None
        return delay

    def is_flooded(self, now: float) -> bool:
        """Return whether the client has been slowed down for longer than the grace."""
        return self._slowed_since is not None and now - self._slowed_since > self._grace
