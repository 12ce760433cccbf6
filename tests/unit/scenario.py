"""given(events).when(command).then(events): how tests talk about one aggregate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions

from domain.kernel import Aggregate, Command, Event, Facts, InvariantViolated, NerveError

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)
UTC_CODEC: CodecOptions[Any] = CodecOptions(tz_aware=True, tzinfo=UTC)


def stored(event: Event) -> Event:
    """The event as it comes back from the log: through BSON, not validated again."""
    return type(event).from_data(bson.decode(bson.encode(event.to_data()), UTC_CODEC))


@dataclass(frozen=True)
class Scenario:
    """A stream with a history, at a time, beside other streams."""

    state: Aggregate[Any, Any]
    now: datetime = NOON
    others: Mapping[str, Aggregate[Any, Any]] | None = None

    def at(self, now: datetime) -> Scenario:
        return replace(self, now=now)

    def beside(self, others: Mapping[str, Aggregate[Any, Any]]) -> Scenario:
        return replace(self, others=others)

    def when(self, command: Command) -> Outcome:
        facts = Facts(self.now, self.others or {})
        try:
            return Outcome(self.state.decide(command, facts))
        except NerveError as error:
            return Outcome([], error)


@dataclass(frozen=True)
class Outcome:
    """What a command led to."""

    events: Sequence[Event]
    error: NerveError | None = None

    def then(self, *expected: Event) -> None:
        if self.error is not None:
            raise self.error
        assert list(self.events) == list(expected)

    def then_nothing(self) -> None:
        self.then()

    def then_refused(self, kind: type[NerveError] = InvariantViolated) -> None:
        assert self.error is not None, f"allowed, with {self.events}"
        with pytest.raises(kind):
            raise self.error


def given(kind: type[Aggregate[Any, Any]], *events: Event) -> Scenario:
    """A stream of `kind` with these events in the log."""
    return Scenario(kind().evolve_all(map(stored, events)))
