"""Events in memory that are to be sent, in the order of their streams."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Sequence

from domain.kernel import RecordedEvent


class EventQueues:
    """Queues of events, one for each stream. Of a stream, only one request at a time has events.

    Events are added in the order of the log, and leave when they are delivered or recorded elsewhere.
    """

    def __init__(self) -> None:
        self._queues: dict[str, deque[RecordedEvent]] = {}
        self._ready: deque[str] = deque()
        self._places: OrderedDict[tuple[int, int], None] = OrderedDict()

    @property
    def size(self) -> int:
        """The number of events, those that were taken among them."""
        return len(self._places)

    @property
    def has_ready(self) -> bool:
        """Whether `take` would return events."""
        return bool(self._ready)

    @property
    def first_position(self) -> int | None:
        """The lowest position of all events; None without events."""
        return next(iter(self._places))[0] if self._places else None

    def add(self, event: RecordedEvent) -> None:
        """Add an event behind the others of its stream."""
        self._places[event.position, event.place] = None
        queue = self._queues.get(event.stream)
        if queue is None:
            self._queues[event.stream] = deque((event,))
            self._ready.append(event.stream)
        else:
            queue.append(event)

    def take(self, limit: int) -> list[RecordedEvent]:
        """Return up to `limit` events of streams that no other request has, in the order of each stream."""
        events: list[RecordedEvent] = []
        while self._ready and len(events) < limit:
            queue = self._queues[self._ready.popleft()]
            count = min(len(queue), limit - len(events))
            events += [queue.popleft() for _ in range(count)]
        return events

    def deliver(self, events: Sequence[RecordedEvent]) -> None:
        """Remove events that were taken and have been delivered; their streams can be taken again."""
        for event in events:
            del self._places[event.position, event.place]
        for stream in dict.fromkeys(event.stream for event in events):
            if self._queues[stream]:
                self._ready.append(stream)
            else:
                del self._queues[stream]

    def last_positions(self, events: Sequence[RecordedEvent]) -> dict[str, int]:
        """Return the position of the last event of each stream of events that were taken."""
        last = {event.stream: event.position for event in events}
        return {
            stream: queue[-1].position if (queue := self._queues[stream]) else position
            for stream, position in last.items()
        }

    def set_aside(self, events: Sequence[RecordedEvent]) -> None:
        """Remove events that were taken and failed, and all others of their streams."""
        for event in events:
            del self._places[event.position, event.place]
            for later in self._queues.pop(event.stream, ()):
                del self._places[later.position, later.place]
