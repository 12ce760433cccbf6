"""A commit that was just appended is the same to readers whether they read it or take it from memory."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from typing import Any

import bson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import create_model

from domain.kernel import Catalog, Context, Event
from eventstore.commit_documents import as_read, encode_commit, to_commit, with_position
from eventstore.integrity.commit_schema import commit_defect
from eventstore.mongo.driver import CODEC
from tests.helpers.commits import commit
from tests.helpers.declared_types import declared_types
from tests.helpers.notes import Note

NUMBERS = count()


def event_class(annotation: Any) -> type[Event]:
    """Return a class of events with one field of this type."""
    return create_model(
        "Declared",
        __base__=Event,
        __cls_kwargs__={"type": f"note.declared_{next(NUMBERS)}"},
        field=(annotation, ...),
    )


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_an_appended_commit_is_what_a_reader_decodes(data: st.DataObject):
    """Its events have the same data and payload, whatever the types of their fields."""
    declared = data.draw(declared_types())
    kind = event_class(declared.annotation)
    event = kind(**{"field": data.draw(declared.values)})
    at = datetime(2026, 1, 1, 0, 0, 0, 123_456, UTC)
    new = commit("note-1", 0, event, at=at, occurred=at)
    document = bson.decode(with_position(encode_commit(new), 7).raw, CODEC)
    reading = to_commit(document, Catalog([Context("notes", Note)]))
    taken = as_read(new, 7, at)
    assert taken.info == reading.info
    assert taken.events[0].data == reading.events[0].data
    assert taken.events[0].payload == kind.from_data(reading.events[0].data)


@pytest.mark.parametrize(
    ("field", "value"),
    [("span", b"s" * 25), ("extensions", {"partitionkey": "p", "urgent": True, "rank": 7})],
)
def test_a_commit_keeps_its_span_and_its_extensions(field: str, value: object):
    """They are read as they were stored; a commit without one has no such field."""
    catalog = Catalog([Context("notes", Note)])
    for stored in (value, None):
        changes: dict[str, Any] = {field: stored}
        new = commit("note-1", **changes)
        document = bson.decode(with_position(encode_commit(new), 7).raw, CODEC)
        assert document.get(field) == stored
        assert commit_defect(document) is None
        assert to_commit(document, catalog).info == as_read(new, 7, new.at).info
        assert (field in document) is (stored is not None)
