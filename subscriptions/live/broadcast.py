"""Those of a group who are told at once, which is most of them most of the time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from subscriptions.live.sinks import Chunk

if TYPE_CHECKING:
    from subscriptions.live.subscriber import Subscriber

logger = logging.getLogger(__name__)

R = TypeVar("R")


class FanOut(Generic[R]):
    """Members, each with what hands it a chunk: of thousands, nothing else is looked at."""

    def __init__(self) -> None:
        self._delivers: dict[Subscriber[Any, R], Callable[[Chunk[R]], None]] = {}
        self._gone: list[object] | None = None

    def __len__(self) -> int:
        return len(self._delivers)

    def __iter__(self) -> Iterator[Subscriber[Any, R]]:
        return iter(self._delivers)

    def add(self, member: Subscriber[Any, R]) -> None:
        """It is handed what follows."""
        self._delivers[member] = member.deliver

    def remove(self, member: Subscriber[Any, R]) -> bool:
        """It is handed nothing that follows, but what is being handed out; whether it was here."""
        return self._delivers.pop(member, None) is not None

    def leave(self, member: Subscriber[Any, R]) -> None:
        """It is gone: not even that."""
        self.remove(member)
        if self._gone is not None:
            self._gone.append(member.deliver)

    def broadcast(self, chunk: Chunk[R]) -> None:
        """Hand all the chunk."""
        gone: list[object] = []
        self._gone = gone
        for deliver in list(self._delivers.values()):
            if gone and any(deliver is one for one in gone):
                continue
            try:
                deliver(chunk)
            except Exception:
                # A sink must not raise; where one does, the others are told all the same.
                logger.exception("a subscriber could not be told, and is let go")
                for member in [member for member, own in self._delivers.items() if own is deliver]:
                    member.close()
        self._gone = None
