"""What one subscriber was told, over all its connections, and what of it must not have been. Pure."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.faults.live.requests import SubscriptionRequest, changes

Message = Mapping[str, Any]


class RowSample(NamedTuple):
    """A subscriber was told at a moment that it has all up to `position`: these rows, so often changed."""

    position: str
    at: float
    held: Mapping[str, int]


@dataclass
class Received:
    """`position` is where to resume, None at first. Times are in seconds since the epoch.

    It has `ended` where nothing more may come on this connection.

    Of events: `ids` of all and the `times` when they came. Of a view: the rows that it holds, `started` where
    its snapshot was, and every time that it was caught up.
    """

    request: SubscriptionRequest
    position: str | None = None
    live: bool = False
    ids: list[str] = field(default_factory=list)
    times: array[float] = field(default_factory=lambda: array("d"))
    held: dict[str, Message] = field(default_factory=dict)
    started: str | None = None
    caught: list[RowSample] = field(default_factory=list)
    ended: bool = False
    lagged: int = 0
    expired: int = 0
    wrongs: list[str] = field(default_factory=list)
    _changes: dict[str, int] = field(default_factory=dict)
    _story: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def connect(self) -> dict[str, Any]:
        """The variables of the next subscription, which resumes."""
        self.live = self.ended = False
        return {**self.request.variables, "after": self.position}

    def take(self, message: Message, now: float) -> None:
        """The next message."""
        kind = message["__typename"]
        if kind == "Event":
            self.ids.append(message["id"])
            self.times.append(now)
        elif kind.endswith("Snapshot"):
            self._snapshot(message)
        elif kind.endswith("Changed"):
            self._changed(message)
        elif kind == "CaughtUp":
            self._caught_up(message, now)
        elif kind == "Lagged":
            self.lagged += 1
            self.ended = True
        elif kind == "CursorExpired" and self.request.single is not None:
            self.expired += 1
            self.position = None
        else:
            self._blame(f"was told {message}")
        self.position = message["position"] if kind != "CursorExpired" else None

    def _snapshot(self, message: Message) -> None:
        if self.position is not None:
            self._blame("was told a snapshot, and has resumed")
        assert self.request.single is not None
        one = message.get(self.request.single)
        rows = message.get(f"{self.request.single}s", [one] if one else [])
        self.held = {row["id"]: row for row in rows}
        self._changes = {key: changes(self.request.single, row) for key, row in self.held.items()}
        self.started = message["position"]

    def _changed(self, message: Message) -> None:
        assert self.request.single is not None
        key, kind, row = message["id"], message["kind"], message[self.request.single]
        count = -1 if row is None else changes(self.request.single, row)
        self._story[key].append(f"{kind} {count}{'' if self.live else ' coming back'}")
        if count <= self._changes.get(key, -1):
            self._blame(f"was told {kind} {key}, changed {count} times, after {self.story(key)}")
        if not self._expected(kind, key in self.held):
            self._blame(f"was told {kind} {key}, and {'holds' if key in self.held else 'does not hold'} it")
        self._changes[key] = count
        if kind == "REMOVED":
            self.held.pop(key, None)
        else:
            self.held[key] = row

    def _expected(self, kind: str, held: bool) -> bool:
        """Whether the kind is right.

        Who resumes is told of what it may hold, also where it came and went while it was away; who began with
        a part of the rows is so at any time.
        """
        if not self.request.steady or self.request.partly:
            return True
        return (kind != "ADDED") == held if self.live else kind != "ADDED" or not held

    def _caught_up(self, message: Message, now: float) -> None:
        if self.live:
            self._blame("was told twice that it is caught up")
        self.live = True
        held = {key: self._changes[key] for key in self.held}
        self.caught.append(RowSample(message["position"], now, held))

    def story(self, key: str) -> str:
        """All that was told of the row."""
        return ", ".join(self._story[key])

    def _blame(self, what: str) -> None:
        self.wrongs.append(f"{self.request.single or 'events'} {self.request.filter}: {what}")
