"""What subscribers were told, held against the log, and against the views as the log makes them."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from itertools import zip_longest
from typing import Any, NamedTuple

from strawberry.utils.str_converters import to_camel_case

from api.position_seal import PositionSeal
from domain.kernel import Commit, CommitInfo, RecordedEvent, Scope
from eventstore.place import Place
from projections.kernel.view import View
from projections.querying.filters import Predicate, parse_filter, to_predicate
from tests.faults.live.received import Received, RowSample
from tests.faults.live.requests import changes

TENANT = Scope().tenant

SLACK = 0.5
"""Seconds by which a commit may be in the log after the time that it says."""

camel = cache(to_camel_case)


class State(NamedTuple):
    """A row from a position on, `at` a moment, and how often it had changed by then."""

    position: int
    at: float
    changes: int
    row: Mapping[str, Any]


class ExpectedState:
    """The log, and every state of every row that it makes."""

    def __init__(self, log: Sequence[Commit], views: Sequence[View[Any]], seal: PositionSeal) -> None:
        self._seal = seal
        self._views = {view.singular: view for view in views}
        self._states: dict[str, dict[str, list[State]]] = {view.singular: defaultdict(list) for view in views}
        self._events: list[tuple[CommitInfo, RecordedEvent]] = []
        for commit in log:
            if commit.info is not None and commit.info.tenant == TENANT:
                self._events += [(commit.info, event) for event in commit.events]
                self._fold(commit, commit.info)

    def _fold(self, commit: Commit, info: CommitInfo) -> None:
        for single, view in self._views.items():
            if info.category not in view.categories:
                continue
            states = self._states[single]
            now: dict[str, Any] = {}
            for event in commit.events:
                for key in dict.fromkeys(view.key(event)):
                    before = now.get(key) or (states[key][-1].row if states[key] else None)
                    now[key] = view.apply(key, before, event)
            for key, row in now.items():
                count = changes(single, {camel(name): value for name, value in row.items()})
                states[key].append(State(commit.position, info.at.timestamp(), count, row))

    def judge(self, received: Received, sample: Sequence[RowSample]) -> Iterator[str]:
        """All that is wrong, but for what the subscriber has noticed itself."""
        asked = f"{received.request.single or 'events'} {received.request.filter}"
        found = (
            self._events_missed(received) if received.request.single is None else self._rows_missed(received)
        )
        yield from (f"{asked}: {what}" for what in found)
        for caught in sample:
            yield from (f"{asked}: {what}" for what in self._stale(received, caught))

    def complete(self, received: Received) -> bool:
        """Whether the subscriber has been told all."""
        return next(self.judge(received, ()), None) is None

    def delays(self, received: Received) -> Iterator[float]:
        """Seconds from the record of each event to the moment when it was told."""
        for event, at in zip(self._meant(received), received.times, strict=False):
            yield at - event.commit.at.timestamp()

    def _meant(self, received: Received) -> Iterator[RecordedEvent]:
        """The events that the subscriber must have been told since it began."""
        start, asked = self._place(received.caught[0].position), received.request.filter
        for info, event in self._events:
            if (
                Place(event.position, event.place) > start
                and info.stream in asked.get("streams", [info.stream])
                and info.category in asked.get("categories", [info.category])
                and event.type in asked.get("types", [event.type])
                and info.correlation == asked.get("correlation", info.correlation)
            ):
                yield event

    def _events_missed(self, received: Received) -> Iterator[str]:
        meant = [event.id for event in self._meant(received)]
        if meant != received.ids:
            place = next(n for n, (one, other) in enumerate(zip_longest(meant, received.ids)) if one != other)
            lost, more = set(meant) - set(received.ids), len(received.ids) - len(set(received.ids))
            yield (
                f"told {len(received.ids)} events of {len(meant)}, {len(lost)} are missing, {more} doubled; "
                f"other ones from number {place} on: {received.ids[place : place + 3]}, not "
                f"{meant[place : place + 3]}"
            )

    def _rows_missed(self, received: Received) -> Iterator[str]:
        holds, single = self._holds(received), received.request.single or ""
        started = self._place(received.started).position
        for key, states in self._states[single].items():
            last, held = states[-1], received.held.get(key)
            if held is not None:
                meant = last.changes if holds(last.row) else None
                if changes(single, held) != meant:
                    yield f"holds {key}, told {received.story(key)}, and not {meant}"
            elif holds(last.row) and (last.position > started or not received.request.partly):
                yield f"does not hold {key}, changed {last.changes} times, last at position {last.position}"

    def _stale(self, received: Received, caught: RowSample) -> Iterator[str]:
        """What the subscriber held otherwise than the view when it was caught up at a position.

        A row that changed behind it, before the subscriber was told so, may be as it was before or as it is.
        """
        position, holds = self._place(caught.position).position, self._holds(received)
        for key, states in self._states[received.request.single or ""].items():
            place = bisect_right(states, position, key=lambda state: state.position)
            if place < len(states) and states[place].at <= caught.at + SLACK:
                continue
            before = states[place - 1] if place else None
            meant = before.changes if before is not None and holds(before.row) else None
            had = caught.held.get(key)
            if had != meant:
                yield f"caught up at position {position}, and had {key} changed {had} times, not {meant}"

    def _holds(self, received: Received) -> Predicate:
        return to_predicate(parse_filter(self._views[received.request.single or ""], received.request.filter))

    def _place(self, sealed: str | None) -> Place:
        assert sealed is not None
        return self._seal.open(TENANT, sealed, ())
