"""Events of change streams as commands: what they contain, their ids, and the time of a resume token."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from bson import Timestamp

from api.cdc.change_reader import token_time
from api.cdc.document_changes import MAX_BOTH_BYTES, copied_document, read_change
from domain.foreign_documents.commands import ForeignChange
from domain.kernel.errors import NerveError

TOKEN = {"_data": "8265F0A1B2000000032B022C0100296E5A1004"}
UPDATE: dict[str, Any] = {
    "_id": TOKEN,
    "operationType": "update",
    "clusterTime": Timestamp(1_700_000_000, 3),
    "wallTime": datetime(2026, 1, 31, 12, 0, 0, 57_123, tzinfo=UTC),
    "documentKey": {"_id": 1},
    "fullDocument": {"_id": 1, "total": 2},
    "fullDocumentBeforeChange": {"_id": 1, "total": 1},
    "updateDescription": {
        "updatedFields": {"total": 2},
        "removedFields": ["note"],
        "truncatedArrays": [{"field": "lines", "newSize": 1}],
    },
}


def test_an_update_has_the_document_before_and_after_and_the_paths_of_its_fields() -> None:
    command, _, occurred = read_change("shop.orders", UPDATE)
    assert (command.change, command.key) == (ForeignChange.UPDATED, 1)
    assert (command.document, command.before) == ({"_id": 1, "total": 2}, {"_id": 1, "total": 1})
    assert command.changed_fields == ("total", "note", "lines")
    assert occurred == datetime(2026, 1, 31, 12, 0, 0, 57_000, tzinfo=UTC)


def test_a_server_without_wall_times_gives_the_second() -> None:
    old = {name: value for name, value in UPDATE.items() if name != "wallTime"}
    assert read_change("s", old).occurred == datetime.fromtimestamp(1_700_000_000, UTC)


def test_the_command_id_follows_from_source_and_token_alone() -> None:
    """So the change has one id, whatever its document is when it is read again."""
    first = read_change("s", UPDATE).command_id
    assert read_change("s", {**UPDATE, "fullDocument": None}).command_id == first
    others = [read_change("t", UPDATE), read_change("s", {**UPDATE, "_id": {"_data": "82"}})]
    assert first not in [other.command_id for other in others]
    assert copied_document("s", {"_id": 1}).command_id is None


def test_the_document_before_is_left_out_where_both_are_large() -> None:
    half = "x" * (MAX_BOTH_BYTES // 2)
    large = {**UPDATE, "fullDocument": {"a": half}, "fullDocumentBeforeChange": {"a": half}}
    command = read_change("s", large).command
    assert (command.before, command.document) == (None, {"a": half})


def test_a_document_that_the_log_cannot_store_is_refused_in_one_sentence() -> None:
    with pytest.raises(NerveError, match=r"a document of s has 15,\d+,\d+ bytes as JSON"):
        copied_document("s", {"_id": 1, "a": "x" * 15_000_000})


def test_a_token_has_the_time_of_its_change() -> None:
    assert token_time(TOKEN) == Timestamp(0x65F0A1B2, 3)
