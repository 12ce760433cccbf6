"""A small world in memory: commands decided by the aggregates, their events as the log would give them."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import bson
from bson.codec_options import CodecOptions

from domain import agents, meters, tasks, workflows
from domain.kernel import Aggregate, Catalog, Command, Facts, InvariantViolated, RecordedEvent
from domain.testing import NOON
from projections.kernel import View
from projections.testing import History

CATALOG = Catalog([agents.context, tasks.context, workflows.context, meters.context])
Rows = dict[str, Any]


class World:
    """Streams, and every event that happened to them, in order."""

    def __init__(self) -> None:
        self.states: dict[str, Aggregate[Any, Any]] = {}
        self.history = History()

    @property
    def events(self) -> list[RecordedEvent]:
        return self.history.events

    def dispatch(self, command: Command, occurred: datetime | None = None) -> None:
        """Decide and record the command, as the bus does."""
        kind = CATALOG.context_of(command).aggregate
        stream = command.target
        assert stream is not None
        if not (command.changes if stream in self.states else command.creates):
            raise InvariantViolated("exists already, or does not exist")
        references = {other: self.states[other] for _, _, other in command.references()}
        at = occurred or NOON + timedelta(seconds=len(self.history.commits))
        version = sum(event.stream == stream for event in self.events)
        state = self.states.get(stream, kind())
        facts = Facts(now=at, stream_id=stream, version=version, references=references)
        events = state.decide(command, facts)
        self.states[stream] = state.evolve_all(events)
        if events:
            self.history.add(stream, *events, at=at, command=type(command).__name__)

    def play(self, commands: Iterable[Command]) -> None:
        """Dispatch what the rules allow of `commands`, and let go what they refuse."""
        for command in commands:
            try:
                self.dispatch(command)
            except (InvariantViolated, KeyError):
                continue


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
    codec: CodecOptions[dict[str, Any]] = CodecOptions(tz_aware=True, tzinfo=UTC)
    return {key: bson.decode(bson.encode(row), codec) for key, row in rows.items()}
