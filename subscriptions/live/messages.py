"""Messages about a live stream itself, delivered in-band and typed."""

from __future__ import annotations

from typing import NamedTuple

from eventstore.place import Place


class CaughtUp(NamedTuple):
    """Everything that existed when the stream was opened has been delivered; what follows is live."""

    place: Place


class Lagged(NamedTuple):
    """The subscriber fell too far behind; the stream ends, and can be resumed after `resume_after`."""

    resume_after: Place


class CursorExpired(NamedTuple):
    """The stream cannot resume at the requested place: it never came there, or has moved too far since.

    A stream that continues with a snapshot has the requested place here, because only the snapshot replaces
    what the subscriber has. One that ends has the place from which it can be followed.
    """

    place: Place


StatusMessage = CaughtUp | Lagged | CursorExpired
"""A message that every stream may contain."""

MAX_LAG = 10_000
"""Positions that a live subscriber may fall behind before its stream ends with `Lagged`."""
