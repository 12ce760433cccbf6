"""A log in memory with the states of its streams, which decides commands as the bus does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from domain.dispatch.stream_checks import check_exists, check_fits_stream
from domain.kernel import Catalog, Command, CommitInfo, Context, Event, Facts, RecordedEvent
from domain.kernel.aggregate import event_classes
from domain.kernel.context_calls import call_decide
from domain.kernel.errors import NerveError
from domain.process.effect_ids import effect_id
from domain.process.events import CallRequested, CommandRequested
from domain.testing import NOON, stored


class MemoryLog:
    """The events of all streams in their order, and the latest state of each stream."""

    def __init__(self, contexts: Sequence[Context]) -> None:
        self.catalog = Catalog(contexts)
        self.events: list[RecordedEvent] = []
        self.states: dict[str, Any] = {}
        self.requests: dict[str, Event] = {}
        """The events that ask for effects, by the ids of the effects."""
        self._versions: Counter[str] = Counter()
        self._outcomes: dict[str, tuple[str, int] | NerveError] = {}
        self._position = 0

    @property
    def now(self) -> datetime:
        """The time of all events."""
        return NOON

    def state(self, stream: str) -> Any:
        """Return the state of a stream."""
        category = stream.partition("-")[0]
        return self.states.get(stream) or self.catalog.aggregate(category)()

    def streams(self, category: str) -> list[str]:
        """Return the ids of the streams of a category."""
        return sorted(stream for stream in self.states if stream.startswith(f"{category}-"))

    def dispatch(self, command: Command, command_id: str) -> tuple[str, int]:
        """Dispatch a command as the bus does, at most once under an id; return its stream and version.

        Raises what refuses it.
        """
        if command_id not in self._outcomes:
            self._outcomes[command_id] = self._decide(command, command_id)
        outcome = self._outcomes[command_id]
        if isinstance(outcome, NerveError):
            raise outcome
        return outcome

    def events_of(self, stream: str) -> list[RecordedEvent]:
        """Return the events of a stream."""
        return [event for event in self.events if event.stream == stream]

    def _decide(self, command: Command, command_id: str) -> tuple[str, int] | NerveError:
        context = self.catalog.context_of(command)
        stream = command.target
        assert stream is not None
        version = self._versions[stream]
        try:
            check_fits_stream(command, context.category, stream, version)
            references = {}
            for _, category, referred in command.references():
                check_exists(category, referred, self._versions[referred])
                references[referred] = self.state(referred)
            facts = Facts(now=self.now, stream_id=stream, version=version, references=references)
            state = self.state(stream)
            events = call_decide(state, event_classes(context.aggregate), command, facts)
        except NerveError as error:
            return error
        self.append(stream, events, command_id)
        return stream, self._versions[stream]

    def append(self, stream: str, events: Sequence[Event], command_id: str) -> None:
        """Append events to a stream, as one commit; nothing without events."""
        if not events:
            return
        self._position += 1
        info = _commit_info(self._position, stream, command_id, self.now)
        state = self.state(stream)
        for place, event in enumerate(events):
            self._versions[stream] += 1
            version = self._versions[stream]
            if isinstance(event, CommandRequested | CallRequested):
                self.requests[effect_id(stream, version)] = event
            state = state.evolve(stored(event))
            self.events.append(
                RecordedEvent(
                    commit=info,
                    place=place,
                    id=f"evt-{self._position}-{place}",
                    type=event.type,
                    revision=event.revision,
                    version=version,
                    data=event.to_data(),
                    payload=stored(event),
                )
            )
        self.states[stream] = state


def _commit_info(position: int, stream: str, command_id: str, at: datetime) -> CommitInfo:
    return CommitInfo(
        position=position,
        tenant="default",
        stream=stream,
        category=stream.partition("-")[0],
        command_id=command_id,
        command="Simulated",
        correlation=command_id,
        causation=None,
        actor=None,
        source=None,
        at=at,
        occurred=None,
    )
