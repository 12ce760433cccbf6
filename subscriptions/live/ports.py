"""What topics, sources, renderers and subscribers expect of each other."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

from eventstore.place import Place
from subscriptions.live.messages import CursorExpired, StatusMessage

T = TypeVar("T")
R_co = TypeVar("R_co", covariant=True)
T_contra = TypeVar("T_contra", contravariant=True)


class HasPlace(Protocol):
    """A message with the place after which a subscriber that has received it can resume."""

    @property
    def place(self) -> Place: ...


M = TypeVar("M", bound=HasPlace)
M_contra = TypeVar("M_contra", bound=HasPlace, contravariant=True)


class Delivery(Enum):
    """How one subscriber receives a message of its topic."""

    AS_IS = auto()
    ALTERNATE = auto()
    SKIP = auto()


class SubscriberFilter(Protocol[M_contra]):
    """Decides for some subscribers of a topic how they receive its messages. It may be shared."""

    def choose(self, message: M_contra) -> Delivery:
        """Return how to deliver the message; called for all messages in their order."""

    def ends_after(self, message: M_contra) -> bool:
        """Return whether the subscriber receives everything after this message as the topic publishes it."""


class BacklogPage(NamedTuple, Generic[M]):
    """Messages of a backlog that are delivered at once. `last`: the backlog ends with them."""

    messages: Sequence[M | CursorExpired]
    last: bool = False


class BacklogRead(NamedTuple, Generic[M]):
    """A backlog that is being read, page by page in the order of places.

    `restarts`: what the subscriber received before does not count any more, so `CaughtUp` follows again, and
    from here on `filter` applies to what it receives of its topic. `end` is the place after the backlog; None
    stands for that after the position up to which it was read.
    """

    pages: AsyncGenerator[BacklogPage[M], None]
    restarts: bool = False
    filter: SubscriberFilter[M] | None = None
    end: Place | None = None


class Backlog(Protocol[M]):
    """What one subscriber receives before it follows its topic: at first, and after it has fallen behind.

    `after` is the last place that was delivered to it, None if there is none. `caught_up` is whether it has
    received `CaughtUp`.
    """

    async def prepare(self, after: Place | None, *, caught_up: bool) -> None:
        """Wait until `read` can deliver everything up to the topic's position.

        Raises EndOfStream if the stream cannot go on after this place.
        """

    def read(self, after: Place | None, upto: int, *, caught_up: bool) -> BacklogRead[M]:
        """Return what precedes the messages that the topic publishes after position `upto`."""


class TopicSource(Protocol[M]):
    """The part of a `Source` that serves one topic; the source opens one for each topic."""

    def backlog(self) -> Backlog[M]:
        """Return the backlog of a new subscriber."""

    def close(self) -> None:
        """End publishing: the topic has no subscriber any more."""


class Publisher(Protocol[M]):
    """A topic, as its source uses it."""

    def publish(self, messages: Sequence[M]) -> None:
        """Deliver the messages to all subscribers that have received everything before them."""

    def narrow(self, filter: SubscriberFilter[M]) -> None:
        """Apply the filter to the subscribers that have begun to receive and have no filter of their own."""

    def fail(self, error: Exception) -> None:
        """End the streams of the subscribers that have begun to receive."""


class Source(Protocol[T_contra]):
    """Turns what one tail reads into messages for the topics that it concerns.

    Each topic has its own `TopicSource`, which the topic closes.
    """

    def publish(self, items: Sequence[T_contra]) -> None:
        """Publish what the items mean to each topic; they follow all that were given before."""


class WrapSource(Protocol):
    """Returns what publishes to topics in place of the source of this name."""

    def __call__(self, name: str, source: Source[T], /) -> Source[T]: ...


def keep_source(_name: str, source: Source[T]) -> Source[T]:
    """Return the source itself."""
    return source


class Progress(Protocol):
    """How far all topics of a tail are.

    `position`: they have published everything up to it. `erasure`: the position of the last known erasure;
    what was read before it must not be delivered.
    """

    @property
    def position(self) -> int: ...
    @property
    def erasure(self) -> int: ...


class Renderer(Protocol[M_contra, R_co]):
    """Makes of messages what the sinks of one topic accept."""

    def render(self, message: M_contra | StatusMessage) -> R_co | Awaitable[R_co]:
        """Return the result, or a coroutine for it."""

    def failed(self, error: Exception) -> Sequence[dict[str, Any]]:
        """Return the errors with which streams end because of this one."""


class EndOfStream(Exception):
    """The stream ends with this message."""

    def __init__(self, message: StatusMessage) -> None:
        super().__init__(message)
        self.message = message


@dataclass(slots=True)
class LiveStats:
    """Counts of one hub: current subscriptions and topics (`groups`), and totals since the start."""

    subscriptions: int = 0
    groups: int = 0
    executions: int = 0
    deliveries: int = 0
    lagged: int = 0
