"""A context of the tests' own, and the parts under the API wired up on real servers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypedDict

from domain.kernel import (
    Aggregate,
    ChangeCommand,
    Commit,
    Context,
    Event,
    Facts,
    RecordedEvent,
)
from projections.kernel.view import View

START = datetime(2024, 1, 1, tzinfo=UTC)


class Written(Event, type="note.written"):
    """A note got its text."""

    text: str


class Scored(Event, type="note.scored"):
    """A note's score grew, or fell."""

    by: int


class Linked(Event, type="note.linked"):
    """A note points to another: both rows count it."""

    to: str


class Erased(Event, type="note.erased"):
    """A note went away."""


class Touch(ChangeCommand):
    """Changes nothing; a context has a command."""


@dataclass(frozen=True, slots=True)
class Note(Aggregate[Touch, Written | Scored | Linked | Erased]):
    """State is of no interest here: events are appended as they are."""

    category = "note"

    def decide(self, command: Touch, facts: Facts) -> Sequence[Written | Scored | Linked | Erased]:
        return ()

    def evolve(self, event: Event) -> Note:
        return self


context = Context("notes", Note)


class NoteRow(TypedDict):
    """A note, with what a projector could get wrong: `folded` counts and orders the events it has seen."""

    id: str
    text: str
    score: int
    links: int
    folded: list[int]
    written_at: datetime
    scored_at: datetime | None


def _key(event: RecordedEvent) -> tuple[str, ...]:
    payload = event.payload
    return (event.stream, payload.to) if isinstance(payload, Linked) else (event.stream,)


def _apply(id: str, row: NoteRow | None, event: RecordedEvent) -> NoteRow | None:
    match event.payload:
        case Written(text=text) if row is None:
            return {
                "id": id,
                "text": text,
                "score": 0,
                "links": 0,
                "folded": [event.position],
                "written_at": event.time,
                "scored_at": None,
            }
        case Written(text=text) if row is not None:
            return {**row, "text": text, "folded": [*row["folded"], event.position]}
        case Scored(by=by) if row is not None:
            grown: NoteRow = {**row, "score": row["score"] + by, "scored_at": event.time}
            return {**grown, "folded": [*row["folded"], event.position]}
        case Linked() if row is not None:
            return {**row, "links": row["links"] + 1, "folded": [*row["folded"], event.position]}
        case Erased():
            return None
    return row


view = View(
    name="notes",
    singular="note",
    context=context,
    row=NoteRow,
    key=_key,
    apply=_apply,
    filters=("text", "score", "links", "written_at", "scored_at"),
    orders=("text", "score", "written_at", "scored_at"),
)


def folded(commits: Iterable[Commit]) -> dict[str, dict[str, Any]]:
    """The documents that the view must hold after these commits, told one event after the other."""
    rows: dict[str, NoteRow | None] = {}
    versions: dict[str, int] = {}
    documents: dict[str, dict[str, Any]] = {}
    for commit in commits:
        places: dict[str, int] = {}
        for event in commit.events:
            for note in dict.fromkeys(_key(event)):
                place = places.setdefault(note, len(places))
                key = f"{event.commit.tenant}/{note}"
                row = _apply(note, rows.get(key), event)
                own_event = note == event.stream and row is not None
                if row == rows.get(key) and not own_event:
                    continue
                rows[key] = row
                if own_event:
                    versions[key] = event.version
                created = documents.get(key, {"_created": commit.position})["_created"]
                where = {"_position": commit.position, "_place": place, "_created": created}
                own = {"id": note} if row is None else dict(row)
                version = {"_version": versions[key]} if key in versions else {}
                command = {"_command": event.commit.command_id}
                tenancy = {"_id": key, "_tenant": event.commit.tenant, "_gone": row is None}
                documents[key] = {**own, **where, **version, **command, **tenancy}
    return documents


def now() -> datetime:
    moment = datetime.now(UTC)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
