"""Notes with poison: a view that cannot fold some events, until it is mended."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from domain.kernel import Cause, Commit, CommitInfo, Event, RecordedEvent, Unreadable
from projections.kernel import View, by_stream
from tests.helpers import notes
from tests.helpers.notes import START, Linked, NoteRow, Scored, Written

POISON = 99
"""Who is scored by as much cannot be folded; only rows whose id ends with "a" mind a link."""

NOWHERE = "note-nowhere"
"""Of a link to there it cannot be told which rows it touches."""

SECRET = "<plain text of an event>"


class Poison(Exception):
    """What the fold raises; its text holds data, as that of any error may."""


class Dose:
    """Whether the fold is broken still."""

    def __init__(self) -> None:
        self.mended = False


def poisoned(dose: Dose, *, streams: bool = False) -> View[Any]:
    """The view of notes with a bug, which a mended `dose` has not; `streams`: its rows are those."""

    def key(event: RecordedEvent) -> Iterable[str]:
        if not dose.mended and event.payload == Linked(to=NOWHERE):
            raise Poison(SECRET)
        return notes.view.key(event)

    def apply(id: str, row: NoteRow | None, event: RecordedEvent) -> Any:
        if not dose.mended and is_poison(id, event):
            raise Poison(SECRET)
        return notes.view.apply(id, row, event)

    return replace(notes.view, key=by_stream if streams else key, apply=apply)


def is_poison(id: str, event: RecordedEvent) -> bool:
    """Whether the broken fold raises for it in this row."""
    match event.payload:
        case Scored(by=by):
            return by == POISON
        case Linked(to=to):
            return id == to and id.endswith("a")
        case Written(text=text):
            return text == SECRET
    return False


def unread(event: RecordedEvent, cause: Cause = Cause.UNKNOWN_TYPE) -> RecordedEvent:
    """The event as a process tells it that cannot read it."""
    return event._replace(payload=None, unreadable=Unreadable(cause, "no class has it"))


def commits_of(history: Iterable[tuple[str, list[Event]]]) -> list[Commit]:
    """The log of these appends, without a server."""
    versions: dict[str, int] = {}
    found = []
    for position, (stream, events) in enumerate(history, 1):
        command = f"cmd-{position}"
        info = CommitInfo(
            position, "default", stream, "note", command, "Touch", command, None, None, None, START, None
        )
        recorded = []
        for place, event in enumerate(events):
            version = versions[stream] = versions.get(stream, 0) + 1
            name = f"evt-{position}-{place}"
            # Not `to_data`, which refuses what an event cannot hold.
            data = event.model_dump(exclude_none=True)
            recorded.append(RecordedEvent(info, place, name, event.type, 1, version, data, event))
        found.append(Commit(position, info, tuple(recorded)))
    return found
