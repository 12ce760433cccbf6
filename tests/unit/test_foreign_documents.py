"""What is recorded of changes of foreign documents, and that a copy with changes leads to the collection."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given as for_all
from hypothesis import strategies as st
from pydantic import ValidationError

from domain.foreign_documents.aggregate import ForeignDocument
from domain.foreign_documents.commands import ForeignChange, RecordForeignChange, document_stream
from domain.foreign_documents.events import (
    ForeignDocumentDeleted,
    ForeignDocumentInserted,
    ForeignDocumentReplaced,
    ForeignDocumentUpdated,
)
from domain.kernel import Facts
from domain.testing import NOON, given
from projections.testing import History
from projections.views.foreign_documents import view

WHAT: dict[str, Any] = {"source": "shop.orders", "key": 1}
ONE, TWO = {"_id": 1, "total": 1}, {"_id": 1, "total": 2}
INSERTED = ForeignDocumentInserted(**WHAT, document=ONE)


def change(kind: ForeignChange, document: Any = None, **fields: Any) -> RecordForeignChange:
    return RecordForeignChange(**{**WHAT, "change": kind, "document": document, **fields})


def test_changes_of_the_collection_are_recorded_as_they_are() -> None:
    inserted = change(ForeignChange.INSERTED, ONE)
    given(ForeignDocument).when(inserted).then(INSERTED)
    updated = change(ForeignChange.UPDATED, TWO, before=ONE, changed_fields=("total",))
    event = ForeignDocumentUpdated(**WHAT, changed_fields=("total",), document=TWO, before=ONE)
    given(ForeignDocument, INSERTED).when(updated).then(event)
    replaced = change(ForeignChange.REPLACED, TWO)
    given(ForeignDocument, INSERTED).when(replaced).then(ForeignDocumentReplaced(**WHAT, document=TWO))
    deleted = change(ForeignChange.DELETED, before=ONE)
    given(ForeignDocument, INSERTED).when(deleted).then(ForeignDocumentDeleted(**WHAT, before=ONE))


def test_a_copy_records_what_differs() -> None:
    copied = change(ForeignChange.COPIED, ONE)
    given(ForeignDocument).when(copied).then(ForeignDocumentInserted(**WHAT, document=ONE, copied=True))
    given(ForeignDocument, INSERTED).when(copied).then_nothing()
    other = ForeignDocumentReplaced(**WHAT, document={"total": 1, "_id": 1}, copied=True)
    given(ForeignDocument, INSERTED).when(change(ForeignChange.COPIED, other.document)).then(other)
    missing = change(ForeignChange.MISSING)
    given(ForeignDocument, INSERTED).when(missing).then(ForeignDocumentDeleted(**WHAT, copied=True))
    given(ForeignDocument).when(missing).then_nothing()


def test_nothing_is_recorded_of_a_document_that_is_gone_and_was_never_known() -> None:
    given(ForeignDocument).when(change(ForeignChange.UPDATED)).then_nothing()
    given(ForeignDocument).when(change(ForeignChange.DELETED)).then_nothing()


def test_a_change_with_a_document_needs_one() -> None:
    with pytest.raises(ValidationError, match="needs the document"):
        change(ForeignChange.INSERTED)


def test_documents_have_streams_of_their_own() -> None:
    """Also those whose keys differ in type, or in the order of their fields."""
    keys: list[Any] = [1, "1", 1.5, None, True, {"a": 1, "b": 2}, {"b": 2, "a": 1}, ["x"]]
    streams = {document_stream(source, key) for source in ("a", "b") for key in keys}
    assert len(streams) == 2 * len(keys)


Write = tuple[int, int | None]
"""The key of a document, and its value after the write; None: it is deleted."""

KEYS = 3


@for_all(
    st.lists(st.tuples(st.integers(0, KEYS - 1), st.none() | st.integers(0, 2)), max_size=20),
    st.data(),
)
def test_a_copy_at_any_time_with_the_changes_since_its_start_is_the_collection(
    writes: Sequence[Write], data: st.DataObject
) -> None:
    """Each document is copied at a time of its own, behind the start; looked up later than its change."""
    start = data.draw(st.integers(0, len(writes)))
    recorder = _Recorder()
    for key in range(KEYS):
        copied_at = data.draw(st.integers(start, len(writes)))
        value = _value(writes[:copied_at], key)
        if value is not None:
            recorder.record(key, ForeignChange.COPIED, value)
    for number in range(start, len(writes)):
        key, value = writes[number]
        seen_at = data.draw(st.integers(number + 1, len(writes)))
        recorder.change(key, _value(writes[:number], key), value, _value(writes[:seen_at], key))
    final = {key: value for key in range(KEYS) if (value := _value(writes, key)) is not None}
    assert recorder.rows() == final


def _value(writes: Sequence[Write], key: int) -> int | None:
    return next((value for written, value in reversed(writes) if written == key), None)


class _Recorder:
    """Records changes as the bus does."""

    def __init__(self) -> None:
        self._states: dict[int, ForeignDocument] = {}
        self._history = History()

    def change(self, key: int, before: int | None, after: int | None, looked_up: int | None) -> None:
        """Record what the change stream reports of a write, if it reports anything."""
        if after is None and before is not None:
            self.record(key, ForeignChange.DELETED, None)
        elif after is not None and before is None:
            self.record(key, ForeignChange.INSERTED, after)
        elif after is not None:
            self.record(key, ForeignChange.UPDATED, looked_up)

    def record(self, key: int, kind: ForeignChange, value: int | None) -> None:
        document = None if value is None else {"_id": key, "value": value}
        command = RecordForeignChange(source="s", key=key, change=kind, document=document)
        state = self._states.get(key, ForeignDocument())
        events = state.decide(command, Facts(now=NOON, stream_id=command.target, version=0))
        self._states[key] = state.evolve_all(events)
        if events:
            self._history.add(command.target, *events)

    def rows(self) -> dict[Any, Any]:
        rows: Any = self._history.rows(view).values()
        return {row["key"]: row["document"]["value"] for row in rows}
