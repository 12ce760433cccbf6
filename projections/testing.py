"""Tests of one view, without a server: a history of events, and the rows that the view makes of it.

    history = History().add("note-1", NoteWritten(text="Buy milk")).add("note-1", NotePinned())
    assert history.rows(view)["note-1"]["pinned"]

The rows are folded and checked as a projector does it. A test that fails raises AssertionError.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Self, TypeVar, cast

from domain.kernel import Commit, CommitInfo, Event, RecordedEvent
from domain.kernel.event import Extensions
from domain.testing import NOON, stored
from projections.folding.folding import RowFold, touches
from projections.folding.row_codec import row_codec
from projections.kernel import View

R = TypeVar("R", bound=Mapping[str, Any])


class History:
    """Commits in the order of the log."""

    def __init__(self) -> None:
        self.commits: list[Commit] = []
        self._versions: Counter[str] = Counter()

    @property
    def events(self) -> list[RecordedEvent]:
        """All events, as views receive them."""
        return [event for commit in self.commits for event in commit.events]

    def add(
        self,
        stream: str,
        *events: Event,
        at: datetime = NOON,
        actor: str | None = None,
        command: str = "Test",
        extensions: Extensions | None = None,
    ) -> Self:
        """Append one commit of these events to a stream, and return this history.

        `at` is the time of the events, `actor` the caller who sent the `command` that caused them, and
        `extensions` are the extension attributes with which a CloudEvent brought the command.
        """
        position = len(self.commits) + 1
        name = f"cmd-{position}"
        info = CommitInfo(
            position=position,
            tenant="default",
            stream=stream,
            category=stream.partition("-")[0],
            command_id=name,
            command=command,
            correlation=name,
            causation=None,
            actor=actor,
            source=None,
            at=at,
            occurred=None,
            extensions=extensions,
        )
        recorded = tuple(self._record(info, place, event) for place, event in enumerate(events))
        self.commits.append(Commit(position, info, recorded))
        return self

    def rows(self, view: View[R]) -> dict[str, R]:
        """Return the rows of the view after this history, by id, as they are read from the database.

        Raises AssertionError for an event that the view cannot fold: its projector would park it.
        """
        row_type: Any = view.row
        codec = row_codec(row_type)
        rows: dict[str, R] = {}
        for row_touches in touches(view, self.commits).values():
            fold = RowFold(view, None, careful=True)
            for touch in row_touches:
                touch.into(fold)
            for event, failure in fold.failures:
                raise AssertionError(
                    f"the view {view.name!r} cannot fold {event.type!r}, version {event.version} of "
                    f"{event.stream}: {failure.error}: {failure.detail}"
                )
            if fold.row is not None:
                rows[row_touches[0].id] = cast(R, codec.read(fold.row))
        return rows

    def _record(self, info: CommitInfo, place: int, event: Event) -> RecordedEvent:
        self._versions[info.stream] += 1
        return RecordedEvent(
            commit=info,
            place=place,
            id=f"evt-{info.position}-{place}",
            type=event.type,
            revision=event.revision,
            version=self._versions[info.stream],
            data=event.to_data(),
            payload=stored(event),
        )
