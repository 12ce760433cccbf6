"""A small world in memory: commands decided by the aggregates, their events as the log would give them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import bson
from bson.codec_options import CodecOptions

from domain import agents, meters, tasks, workflows
from domain.kernel import Aggregate, Catalog, Command, CommitInfo, Facts, InvariantViolated, RecordedEvent
from projections.kernel.view import View
from tests.unit.scenario import NOON, UTC_CODEC, stored

CATALOG = Catalog([agents.context, tasks.context, workflows.context, meters.context])
Rows = dict[str, Any]


class World:
    """Streams, and every event that happened to them, in order."""

    def __init__(self) -> None:
        self.states: dict[str, Aggregate[Any, Any]] = {}
        self.events: list[RecordedEvent] = []
        self._position = 0

    def dispatch(self, command: Command, occurred: datetime | None = None) -> None:
        """Decide and record the command, as the bus does."""
        kind = CATALOG.context_of(type(command)).aggregate
        stream = command.target
        assert stream is not None
        if not (command.changes if stream in self.states else command.creates):
            raise InvariantViolated("exists already, or does not exist")
        others = {other: self.states[other] for _, _, other in command.references()}
        at = NOON + timedelta(seconds=self._position)
        state = self.states.get(stream, kind())
        events = state.decide(command, Facts(occurred or at, others))
        self.states[stream] = state.evolve_all(events)
        if events:
            self._position += 1
            info = stream_info(self._position, stream, kind.category, type(command).__name__, at, occurred)
            self.events += [recorded(info, place, event) for place, event in enumerate(events)]

    def play(self, commands: Iterable[Command]) -> None:
        """Dispatch what the rules allow of `commands`, and let go what they refuse."""
        for command in commands:
            try:
                self.dispatch(command)
            except (InvariantViolated, KeyError):
                continue


def stream_info(
    position: int, stream: str, category: str, command: str, at: datetime, occurred: datetime | None
) -> CommitInfo:
    name = f"cmd-{position}"
    return CommitInfo(
        position, "default", stream, category, name, command, name, None, None, None, at, occurred
    )


def recorded(info: CommitInfo, place: int, event: Any) -> RecordedEvent:
    payload = stored(event)
    return RecordedEvent(
        info, place, f"evt-{info.position}-{place}", event.type, 1, 0, event.to_data(), payload
    )


def fold(view: View[Any], events: Sequence[RecordedEvent], rows: Mapping[str, Any] | None = None) -> Rows:
    """The rows of a view after `events`; checks on the way that the fold changes nothing in place."""
    result = dict(rows or {})
    for event in events:
        for key in view.key(event) if event.commit.category in view.categories else ():
            before = copy.deepcopy(result.get(key))
            after = view.apply(key, result.get(key), event)
            assert result.get(key) == before
            if after is not None:
                result[key] = after
    return result


def through_mongo(rows: Rows) -> Rows:
    """The rows as they come back from the view's collection."""
    codec: CodecOptions[dict[str, Any]] = UTC_CODEC
    return {key: bson.decode(bson.encode(row), codec) for key, row in rows.items()}
