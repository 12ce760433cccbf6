"""Values of declared types in the JSON of exports, imports and `Event.data`."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import bson
import orjson
import pytest

from api.encoding import encode
from api.event_json import event_json
from api.transfer.command_reader import read_commands
from api.transfer.import_options import ImportOptions
from api.transfer.rows import PlannedRow, RefusedRow
from domain.kernel import Catalog, Event, RecordedEvent
from domain.kernel.schemas import event_schema
from domain.kernel.types.annotations import record_type
from domain.kernel.types.json_reading import json_reader
from eventstore.integrity import event_schemas
from eventstore.integrity.event_schemas import EventSchemas, SchemaKey, write_schemas
from eventstore.integrity.stored_forms import StoredFormReader
from eventstore.mongo.driver import CODEC
from tests.helpers import invoices
from tests.helpers.invoices import DETAILS, InvoiceWritten, WriteInvoice
from tests.helpers.poison_notes import commits_of

CATALOG = Catalog([invoices.context])
WRITTEN = InvoiceWritten(details=DETAILS, nested={"a": [DETAILS]}, remark=None, note=None, secret=DETAILS)


def recorded(event: Event) -> RecordedEvent:
    """The event as it is read from the log."""
    data = bson.decode(bson.encode(event.to_data()), CODEC)
    return commits_of([("invoice-1", [event])])[0].events[0]._replace(data=data, type=event.type)


def as_json(event: Event) -> dict[str, Any]:
    """The event's data as a client gets it."""
    data: dict[str, Any] = orjson.loads(encode(event_json(recorded(event))))
    return data


def test_a1_event_data_shows_the_json_form_of_every_type():
    details = as_json(WRITTEN)["details"]
    assert {name: details[name] for name in ("total", "due", "at", "grace", "seal", "issued", "span")} == {
        "total": "12.3400",
        "due": "2024-02-29",
        "at": "07:05:03.000020",
        "grace": "-P2DT23H59M59.999999S",
        "seal": "AP8=",
        "issued": "2024-01-02T03:04:05.678Z",
        "span": {"start": "2024-01-01"},
    }
    assert details["rates"] == {"EUR": "0.190", "JPY": "0"}


def test_a1_an_event_is_read_from_its_json():
    read = json_reader(record_type(InvoiceWritten))
    assert read is not None
    assert InvoiceWritten.model_validate(read(as_json(WRITTEN))) == WRITTEN


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the schemas of the invoices."""
    monkeypatch.setattr(event_schemas, "folder", lambda context: tmp_path)
    write_schemas(CATALOG)
    return tmp_path


def test_json_of_an_old_revision_gets_its_stored_form_by_the_schema_that_is_kept(kept: Path):
    forms = StoredFormReader(CATALOG)
    stored = recorded(WRITTEN).data
    assert forms.read("invoice.written", 1, as_json(WRITTEN)) == stored
    assert forms.read("invoice.written", 7, {"grace": "PT1S"}) == {"grace": "PT1S"}
    with pytest.raises(ValueError, match="ISO 8601 duration"):
        forms.read("invoice.written", 1, {"details": {"grace": "soon"}})


def test_json_of_an_old_revision_gets_its_stored_form_by_the_schema_of_the_log_without_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(event_schemas, "folder", lambda context: tmp_path)
    forms = StoredFormReader(CATALOG, {SchemaKey("invoice.written", 1): [event_schema(InvoiceWritten)]})
    assert forms.read("invoice.written", 1, as_json(WRITTEN)) == recorded(WRITTEN).data


def test_stored_values_of_every_type_meet_the_schema(kept: Path):
    check = EventSchemas(CATALOG)
    stored = recorded(WRITTEN).data
    assert check.violation("invoice.written", 1, stored) is None
    wrong = {**stored, "details": {**stored["details"], "total": "12.34", "grace": "PT1S", "seal": "AP8="}}
    found = check.violation("invoice.written", 1, wrong)
    assert found is not None
    assert all(f"details.{name}: " in found for name in ("total", "grace", "seal"))


def command_line(details: dict[str, Any], **more: Any) -> bytes:
    event = {
        "specversion": "1.0",
        "type": "nerve.command.WriteInvoice",
        "source": "/test",
        "id": "1",
        "subject": "invoice-1",
        "data": {"details": details, "remark": None, **more},
    }
    return orjson.dumps(event)


def test_a8_a_command_with_every_type_is_imported():
    (row,) = read_commands(io.BytesIO(command_line(as_json(WRITTEN)["details"])), CATALOG, ImportOptions())
    assert isinstance(row, PlannedRow), row
    command = row.steps[0].envelope.command
    assert command == WriteInvoice(id="invoice-1", details=DETAILS, remark=None)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"grace": "soon"}, "details.grace: expected an ISO 8601 duration"),
        ({"seal": "?"}, "details.seal: expected bytes as base64"),
        ({"total": "much"}, "details.total: expected a decimal number"),
        ({"colour": "red"}, "details.colour: there is no such field"),
    ],
)
def test_a_command_with_a_wrong_text_is_refused_with_its_field(change: dict[str, Any], reason: str):
    line = command_line({**as_json(WRITTEN)["details"], **change})
    (row,) = read_commands(io.BytesIO(line), CATALOG, ImportOptions())
    assert isinstance(row, RefusedRow)
    assert row.reason.startswith(reason)
