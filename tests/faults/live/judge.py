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
from tests.faults.live.told import Caught, Told
from tests.faults.live.wishes import changes

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


class Truth:
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

    def judge(self, told: Told, sample: Sequence[Caught]) -> Iterator[str]:
        """All that is wrong, but for what the subscriber has noticed itself."""
        asked = f"{told.wish.single or 'events'} {told.wish.filter}"
        found = self._events_missed(told) if told.wish.single is None else self._rows_missed(told)
        yield from (f"{asked}: {what}" for what in found)
        for caught in sample:
            yield from (f"{asked}: {what}" for what in self._stale(told, caught))

    def complete(self, told: Told) -> bool:
        """Whether the subscriber has been told all."""
        return next(self.judge(told, ()), None) is None

    def delays(self, told: Told) -> Iterator[float]:
        """Seconds from the record of each event to the moment when it was told."""
        for event, at in zip(self._meant(told), told.times, strict=False):
            yield at - event.commit.at.timestamp()

    def _meant(self, told: Told) -> Iterator[RecordedEvent]:
        """The events that the subscriber must have been told since it began."""
        start, asked = self._place(told.caught[0].position), told.wish.filter
        for info, event in self._events:
            if (
                Place(event.position, event.place) > start
                and info.stream in asked.get("streams", [info.stream])
                and info.category in asked.get("categories", [info.category])
                and event.type in asked.get("types", [event.type])
                and info.correlation == asked.get("correlation", info.correlation)
            ):
                yield event

    def _events_missed(self, told: Told) -> Iterator[str]:
        meant = [event.id for event in self._meant(told)]
        if meant != told.ids:
            place = next(n for n, (one, other) in enumerate(zip_longest(meant, told.ids)) if one != other)
            lost, more = set(meant) - set(told.ids), len(told.ids) - len(set(told.ids))
            yield (
                f"told {len(told.ids)} events of {len(meant)}, {len(lost)} are missing, {more} doubled; "
                f"other ones from number {place} on: {told.ids[place : place + 3]}, not "
                f"{meant[place : place + 3]}"
            )

    def _rows_missed(self, told: Told) -> Iterator[str]:
        holds, single = self._holds(told), told.wish.single or ""
        started = self._place(told.started).position
        for key, states in self._states[single].items():
            last, held = states[-1], told.held.get(key)
            if held is not None:
                meant = last.changes if holds(last.row) else None
                if changes(single, held) != meant:
                    yield f"holds {key}, told {told.story(key)}, and not {meant}"
            elif holds(last.row) and (last.position > started or not told.wish.partly):
                yield f"does not hold {key}, changed {last.changes} times, last at position {last.position}"

    def _stale(self, told: Told, caught: Caught) -> Iterator[str]:
        """What the subscriber held otherwise than the view when it was caught up at a position.

        A row that changed behind it, before the subscriber was told so, may be as it was before or as it is.
        """
        position, holds = self._place(caught.position).position, self._holds(told)
        for key, states in self._states[told.wish.single or ""].items():
            place = bisect_right(states, position, key=lambda state: state.position)
            if place < len(states) and states[place].at <= caught.at + SLACK:
                continue
            before = states[place - 1] if place else None
            meant = before.changes if before is not None and holds(before.row) else None
            had = caught.held.get(key)
            if had != meant:
                yield f"caught up at position {position}, and had {key} changed {had} times, not {meant}"

    def _holds(self, told: Told) -> Predicate:
        return to_predicate(parse_filter(self._views[told.wish.single or ""], told.wish.filter))

    def _place(self, sealed: str | None) -> Place:
        assert sealed is not None
        return self._seal.open(TENANT, sealed, ())
