"""What a group needs of the hub it belongs to, and of those who render its messages."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, Protocol, TypeVar

from subscriptions.live.messages import CursorExpired, Place, StatusMessage

if TYPE_CHECKING:
    from subscriptions.live.subscriber import Subscriber

R_co = TypeVar("R_co", covariant=True)


class HasPlace(Protocol):
    """A message, told at a place: who has had it can be resumed after that."""

    @property
    def place(self) -> Place: ...


M = TypeVar("M", bound=HasPlace)
M_contra = TypeVar("M_contra", bound=HasPlace, contravariant=True)


class BacklogPage(NamedTuple, Generic[M]):
    """Messages that are told at once to one that catches up; `last`: there is nothing behind them."""

    messages: Sequence[M | CursorExpired]
    last: bool = False


class Renderer(Protocol[M_contra, R_co]):
    """How messages become what the sinks of a group take."""

    def render(self, message: M_contra | StatusMessage) -> R_co | Awaitable[R_co]:
        """The result; a coroutine where something must be waited for."""

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        """The errors with which streams end because of this."""


class TopicSource(Protocol[M]):
    """Where the messages of one group come from.

    `position` is how far the group has been told; `erasure` the last erasure that was met, and rings hold
    nothing that is older; `max_lag` how many positions a subscriber may be behind, once it is live.
    """

    @property
    def position(self) -> int: ...
    @property
    def erasure(self) -> int: ...
    @property
    def max_lag(self) -> int: ...

    async def ready(self, member: Subscriber[M, Any]) -> None:
        """Wait until one can be told all from its place, or from none, up to `position`.

        Raises Complete where it cannot be begun there.
        """

    def catch_up(self, member: Subscriber[M, Any], upto: int) -> AsyncGenerator[BacklogPage[M], None]:
        """What to tell it before what the group tells after position `upto`, in the order of places."""

    def left(self) -> None:
        """The group has no member any more."""


class Delivery(Enum):
    """What one subscriber is told of a message that its group is told."""

    AS_IS = auto()
    ALTERNATE = auto()
    SKIP = auto()


class SubscriberFilter(Protocol[M_contra]):
    """What one subscriber sees otherwise than its group."""

    def choose(self, message: M_contra) -> Delivery:
        """What to tell it; called once for each message, in their order."""


class EndOfStream(Exception):
    """The stream tells this message, and ends."""

    def __init__(self, message: StatusMessage) -> None:
        super().__init__(message)
        self.message = message


@dataclass(slots=True)
class LiveStats:
    """What a hub has counted: who is subscribed now, and what was done so far."""

    subscriptions: int = 0
    groups: int = 0
    executions: int = 0
    deliveries: int = 0
    lagged: int = 0
