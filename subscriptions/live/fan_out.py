"""The recipients of a topic that receive each result at once and as it is."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import Generic, Protocol, TypeVar

from eventstore.place import Place
from subscriptions.live.ports import Delivery, M
from subscriptions.live.ring import RingEntry
from subscriptions.live.sinks import Chunk

logger = logging.getLogger(__name__)

R = TypeVar("R")


class Recipient(Protocol[M, R]):
    """A subscriber, as a broadcast uses it.

    `cursor` is the offset of the entry that it needs next, if it is behind and the ring keeps that entry.
    """

    cursor: int | None

    @property
    def deliver(self) -> Callable[[Chunk[R]], None]: ...
    @property
    def is_filtered(self) -> bool: ...

    def deliver_filtered(
        self, entries: Sequence[RingEntry[M, R]], chunks: dict[tuple[Delivery, ...], Chunk[R]]
    ) -> None:
        """Accept these entries through the filter; `chunks` caches what equal choices produce."""

    def on_evicted(self, place: Place) -> None:
        """The ring has evicted the entry at the cursor, which follows this place."""

    def rewind_to(self, place: Place) -> None:
        """Everything after this place must be read again."""

    def on_lagged(self, place: Place) -> None:
        """Messages after this place were dropped, because the topic cannot keep up with its source."""

    def close(self) -> None: ...


class FanOut(Generic[M, R]):
    """Recipients that are up to date and unfiltered; a chunk costs one call for each of them.

    `delivers` has the function of each recipient that accepts chunks, and `sole` is the one of the only
    recipient: most topics have one, and a look into a dictionary for each of thousands of topics is felt.
    """

    __slots__ = ("_removed", "delivers", "sole")

    def __init__(self) -> None:
        self.delivers: dict[Recipient[M, R], Callable[[Chunk[R]], None]] = {}
        self.sole: Callable[[Chunk[R]], None] | None = None
        self._removed: list[object] | None = None

    def add(self, recipient: Recipient[M, R]) -> None:
        """Deliver following chunks to it."""
        self.delivers[recipient] = recipient.deliver
        self._find_sole()

    def remove(self, recipient: Recipient[M, R]) -> bool:
        """Stop after the chunk that is being delivered; return whether the recipient was present."""
        is_present = self.delivers.pop(recipient, None) is not None
        if len(self.delivers) < 2:
            self._find_sole()
        return is_present

    def _find_sole(self) -> None:
        self.sole = next(iter(self.delivers.values())) if len(self.delivers) == 1 else None

    def remove_at_once(self, recipient: Recipient[M, R]) -> None:
        """Deliver nothing more, not even the chunk that is being delivered to others."""
        self.remove(recipient)
        if self._removed is not None:
            self._removed.append(recipient.deliver)

    def broadcast(self, chunk: Chunk[R]) -> None:
        """Deliver the chunk to all recipients."""
        deliver = self.sole
        if deliver is not None:
            # Without what removals need, and without a copy.
            try:
                deliver(chunk)
            except Exception:
                self._close(deliver)
            return
        removed: list[object] = []
        self._removed = removed
        for deliver in list(self.delivers.values()):
            if removed and any(deliver is other for other in removed):
                continue
            try:
                deliver(chunk)
            except Exception:
                # The others still receive the chunk.
                self._close(deliver)
        self._removed = None

    def _close(self, deliver: Callable[[Chunk[R]], None]) -> None:
        """Close the recipient whose sink has raised the current error, as no sink must."""
        logger.exception("a subscription is closed because its sink raised an error")
        for recipient in [key for key, own in self.delivers.items() if own is deliver]:
            recipient.close()
