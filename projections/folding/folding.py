"""Folding a batch of commits into rows, in memory. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from domain.kernel import Commit, RecordedEvent
from domain.kernel.user_exceptions import CALL_FAULTS
from eventstore.mongo.driver import Document
from eventstore.place import Place
from projections.folding.dead_letter_documents import Letter
from projections.folding.parking import (
    UNSTORABLE,
    EventName,
    ParkedEvent,
    encode,
    parked_in,
    parking_row,
    read_failure,
    row_ids,
    storage_failure,
    view_failure,
    wrong_row_failure,
)
from projections.folding.row_codec import WrongRow, row_codec
from projections.kernel.view import View
from projections.storage.rows import Row, row_key
from subscriptions.consumers.failures import Failure


class RowTouch(NamedTuple):
    """An event that touches a row. `place` numbers the rows that the event's commit touches in this view.

    An event with a `failure` is parked in a row of its own.
    """

    tenant: str
    id: str
    event: RecordedEvent
    place: int
    failure: Failure | None = None

    def into(self, row: RowFold) -> bool:
        """Fold the event into its row. Return whether the row must be written. Raises as `RowFold.take`."""
        return row.take(self.id, self.event) if self.failure is None else row.park(self.event, self.failure)


def touches(view: View[Any], commits: Sequence[Commit]) -> dict[str, list[RowTouch]]:
    """Return the touches of a batch by the key of the row, in order for each row.

    Raises Unavailable for an event that this process lacks the key for.
    """
    by_key: dict[str, list[RowTouch]] = {}
    categories = view.categories
    for commit in commits:
        if commit.info is None or commit.info.category not in categories:
            continue
        places: dict[str, int] = {}
        for event in commit.events:
            tenant, ids, failure = event.commit.tenant, row_ids(view, event), None
            if isinstance(ids, Failure):
                failure = ids
                tenant, parking_id = parking_row(tenant, EventName(event.stream, event.version))
                ids = (parking_id,)
            for row_id in ids:
                key = row_key(tenant, row_id)
                place = places.setdefault(key, len(places))
                by_key.setdefault(key, []).append(RowTouch(tenant, row_id, event, place, failure))
    return by_key


class RowFold:
    """One row while events are folded into it, with the subjects whose data the events contain or contained.

    An event that cannot be folded is parked, and later events of its stream wait behind it. `failures` lists
    the events that this fold parked, and why. The `dropped` events are left out. A `careful` fold also parks
    an event after which the row could not be stored.
    """

    __slots__ = (
        "_careful",
        "_codec",
        "_command",
        "_created",
        "_dropped",
        "_open",
        "_parked",
        "_row",
        "_scrubbed",
        "_subjects",
        "_version",
        "failures",
        "view",
    )

    def __init__(
        self,
        view: View[Any],
        stored: Document | None,
        dropped: Iterable[EventName] = (),
        *,
        careful: bool = False,
    ) -> None:
        self.view = view
        self._careful = careful
        document: Document = stored or {}
        row: Any = view.row
        self._codec = row_codec(row)
        self._row = None if document.get("_gone", True) else self._codec.read(document)
        self._created: int = document.get("_created", 0)
        self._version: int | None = document.get("_version")
        self._command: str | None = document.get("_command")
        self._subjects: set[str] = set(document.get("_subjects", ()))
        self._open: set[str] = set(document.get("_open", ()))
        self._scrubbed: int = document.get("_scrubbed", 0)
        self._parked = {parked.stream: parked for parked in parked_in(document)}
        self._dropped = frozenset(dropped)
        self.failures: list[tuple[RecordedEvent, Failure]] = []

    @property
    def begun(self) -> bool:
        """Whether an event ever created the row or was parked in it."""
        return self._created > 0

    @property
    def row(self) -> Row | None:
        """The row's own fields as they are stored; None if the row is gone."""
        return None if self._row is None else self._codec.write(self._row)

    def take(self, id: str, event: RecordedEvent) -> bool:
        """Fold the event into the row. Return whether the row must be written.

        Raises Unavailable if this process lacks the key for the event.
        """
        if event.stream in self._parked:
            return False
        if self._dropped and (event.stream, event.version) in self._dropped:
            return self._advance(id, event)
        if event.payload is None and (failure := read_failure(self.view, event)) is not None:
            return self.park(event, failure)
        before = self._row
        try:
            copy = None if before is None else self._codec.copy(before)
            returned = self.view.apply(id, copy, event)
            after = None if returned is None else self._codec.take(id, before, returned)
        except WrongRow as error:
            return self.park(event, wrong_row_failure(self.view, error))
        except CALL_FAULTS as error:
            return self.park(event, view_failure(self.view, error))
        if (
            self._careful
            and after is not None
            and (failure := storage_failure(self._codec.write(after))) is not None
        ):
            return self.park(event, failure)
        self._row = after
        changed = self._advance(id, event) or after is not before
        if event.subjects or event.erased:
            # Recorded even if the row stays the same: the event may read differently after an erasure.
            changed = self._add_subjects(event) or changed
        if changed:
            self._created = self._created or event.position
            self._command = event.commit.command_id
        return changed

    def park(self, event: RecordedEvent, failure: Failure) -> bool:
        """Park the event, and with it what follows in its stream. Return True: the row must be written."""
        self._parked[event.stream] = ParkedEvent(event.stream, event.version, event.position, event.place)
        self.failures.append((event, failure))
        # Once its subject is erased the event reads differently, and it may be possible to fold it.
        self._add_subjects(event)
        self._created = self._created or event.position
        return True

    def _advance(self, id: str, event: RecordedEvent) -> bool:
        """Record the version of an event of the row's own stream, even if it changed no field.

        So the row's version is the expected version of a command that is decided on the row. Return whether
        the version was recorded.
        """
        if event.stream != id or self._row is None:
            return False
        self._version = event.version
        return True

    def _add_subjects(self, event: RecordedEvent) -> bool:
        """Record whose data the event contains. Return whether that is new to the row."""
        subjects, readable = {*event.subjects, *event.erased}, set(event.subjects)
        is_new = not (subjects <= self._subjects and readable <= self._open)
        self._subjects |= subjects
        self._open |= readable
        return is_new

    def scrub(self, subjects: Collection[str], position: int) -> None:
        """Record that the subjects were erased at `position`, and that the fold has none of their data."""
        self._open.difference_update(subjects)
        self._scrubbed = position

    def letters(self, key: str, row: str | None, tried: int = 0) -> list[Letter]:
        """Return the failures as letters of the row of that key, tried at `tried` or at each event."""
        return [Letter(key, row, event, failure, tried or event.position) for event, failure in self.failures]

    def document(self, tenant: str, id: str, place: Place, generation: int) -> Document:
        """Return the row as it is stored."""
        document = {
            **(self.row or {"id": id}),
            "_id": row_key(tenant, id),
            "_tenant": tenant,
            "_gone": self._row is None,
            "_position": place.position,
            "_place": place.index,
            "_created": self._created,
            "_generation": generation,
        }
        if self._version is not None:
            document["_version"] = self._version
        if self._command is not None:
            document["_command"] = self._command
        if self._subjects:
            document |= {"_subjects": sorted(self._subjects), "_open": sorted(self._open)}
        if self._parked:
            document["_parked"] = [parked._asdict() for parked in self._parked.values()]
        return {**document, "_scrubbed": self._scrubbed} if self._scrubbed else document


class FoldedRow(NamedTuple):
    """A row to write, its BSON encoding, and the letters of the events that were parked in it."""

    document: Document
    encoded: bytes
    letters: Sequence[Letter]


@dataclass(frozen=True, slots=True)
class Fold:
    """A fold of events into one row at a time, for one generation of a view."""

    view: View[Any]
    generation: int

    def __call__(self, stored: Document | None, touched: Sequence[RowTouch]) -> FoldedRow | None:
        """Return the row to write; None if nothing changes.

        A row of an older generation counts as absent, and a row of a newer generation is not changed.
        """
        if stored is not None and stored["_generation"] > self.generation:
            return None
        if stored is not None and stored["_generation"] < self.generation:
            stored = None
        try:
            return self._folded(stored, touched)
        except UNSTORABLE:
            # One of the events causes this. To find it, the row is encoded after each event.
            return self._folded(stored, touched, careful=True)

    def _folded(
        self, stored: Document | None, touched: Sequence[RowTouch], *, careful: bool = False
    ) -> FoldedRow | None:
        folded_upto = 0 if stored is None else stored["_position"]
        fold = RowFold(self.view, stored, careful=careful)
        last: RowTouch | None = None
        for touch in touched:
            if touch.event.position > folded_upto and touch.into(fold):
                last = touch
        if last is None:
            return None
        place = Place(last.event.position, last.place)
        document = fold.document(last.tenant, last.id, place, self.generation)
        letters = fold.letters(document["_id"], None if last.failure else last.id)
        return FoldedRow(document, encode(document), letters)
