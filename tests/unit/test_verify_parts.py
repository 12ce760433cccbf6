"""What `nerve verify` looks at, without a log: the shape of a commit, and the versions of streams."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from eventstore.integrity.commit_schema import commit_defect, with_empty_data, without_data
from eventstore.integrity.stream_versions import StreamVersions

Document = dict[str, Any]


def stored() -> Document:
    """A commit of two events as the log holds it."""
    event = {"type": "note.scored", "schema": 1, "data": {"by": "secret"}}
    return {
        "_id": 1,
        "tenant": "default",
        "stream": "note-a",
        "category": "note",
        "events": [{**event, "id": "e1", "version": 5}, {**event, "id": "e2", "version": 6}],
        "command": {"id": "c1", "name": "Touch"},
        "correlation": "c1",
        "at": datetime(2024, 1, 1, tzinfo=UTC),
    }


def test_a_commit_and_a_tombstone_have_the_right_shape() -> None:
    assert commit_defect(stored()) is None
    assert commit_defect({**stored(), "actor": "me", "occurred": datetime(2024, 1, 1, tzinfo=UTC)}) is None
    assert commit_defect({"_id": 1, "tombstone": True, "at": datetime(2024, 1, 1, tzinfo=UTC)}) is None


CHANGES: list[tuple[Callable[[Document], Any], str]] = [
    (lambda commit: commit.pop("tenant"), "tenant: missing"),
    (lambda commit: commit.update(events=[]), "events: too_short"),
    (lambda commit: commit["events"][0].update(version="secret"), "events.0.version: int_type"),
    (lambda commit: commit["events"][0].update(data="secret"), "events.0.data: dict_type"),
    (lambda commit: commit["events"][1].update(version=9), "its events do not follow each other"),
    (lambda commit: commit.update(category="task"), "the stream is not of the commit's category"),
    (lambda commit: commit.update(at="secret"), "at: datetime_type"),
    (lambda commit: commit.pop("command"), "command: missing"),
    (lambda commit: commit.update(actor=7, tenant=8), "and 1 more"),
    (lambda commit: commit.update(tombstone=True), "a tombstone has other fields than it should"),
]


@pytest.mark.parametrize(("change", "wrong"), CHANGES)
def test_what_is_wrong_with_a_shape_is_told_without_the_data(
    change: Callable[[Document], Any], wrong: str
) -> None:
    commit = stored()
    change(commit)
    told = commit_defect(commit)
    assert told is not None
    assert wrong in told
    assert "secret" not in told


def test_a_stub_is_a_commit_without_its_data() -> None:
    stub = {**without_data(stored()), "archived": 3}
    assert all("data" not in event for event in stub["events"])
    assert without_data(stub) == without_data(stored())
    assert commit_defect(with_empty_data(stub)) is None
    assert with_empty_data({"events": 5}) == {"events": 5}


def test_the_versions_of_more_streams_than_memory_holds_are_known() -> None:
    versions = StreamVersions(in_memory=10)
    for version in (1, 2, 3):
        for stream in range(100):
            assert versions.follow("t", f"s{stream}", version, version) == (version - 1 or None)
    assert versions.follow("t", "s5", 2, 2) == 3
    assert versions.follow("t", "s5", 4, 4) == 3
    assert len(versions._recent) <= 10
    assert versions.count() == 100
    versions.close()
