"""Files as rows: CSV, XES and CloudEvents, packed or not, and what is wrong in them by line."""

from __future__ import annotations

import gzip
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.fleet.activity import LoggedActivity, ProcessLogRow, parse_activity
from api.fleet.csv_reader import read_csv
from api.fleet.process_logs import PROCESS_LOG_READERS, read_activities
from api.fleet.xes_reader import CHUNK, read_xes
from api.transfer.command_reader import command_readers, read_commands
from api.transfer.import_files import open_file, reader_of
from api.transfer.import_options import ImportOptions
from api.transfer.rows import PlannedRow, RefusedRow, RowStreams
from domain.kernel import Scope
from domain.kernel.errors import ValidationFailed
from domain.tasks.commands import CreateTask
from tests.helpers.memory_world import CATALOG

HEADER = "case:concept:name,concept:name,org:resource,time:timestamp"
ROW = {
    "case:concept:name": "c1",
    "concept:name": "draft",
    "org:resource": "r1",
    "time:timestamp": "2024-05-17T12:00:00+02:00",
}


def csv_rows(text: str | bytes) -> list[ProcessLogRow | RefusedRow]:
    return list(read_csv(io.BytesIO(text.encode() if isinstance(text, str) else text), ImportOptions()))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "byte order mark"])
def test_csv_rows_have_the_names_of_the_header(delimiter: str, mark: str) -> None:
    text = mark + f"{HEADER}\nc1,draft,r1,now\n".replace(",", delimiter)
    values = {**ROW, "time:timestamp": "now"}
    assert csv_rows(text) == [ProcessLogRow(2, values)]


def test_csv_lines_are_counted_where_a_row_begins() -> None:
    text = f'{HEADER}\nc1,"two\nlines",r1,now\n\nc2,draft,r1,now\n'
    assert [row.line for row in csv_rows(text)] == [2, 5]


def test_a_csv_row_with_too_few_or_too_many_fields_is_refused_alone() -> None:
    rows = csv_rows(f"{HEADER}\nc1,draft\nc1,draft,r1,now\nc1,draft,r1,now,more\n")
    assert [(type(row), row.line) for row in rows] == [(RefusedRow, 2), (ProcessLogRow, 3), (RefusedRow, 4)]


def test_a_csv_field_without_end_is_refused_and_named() -> None:
    rows = csv_rows(f'{HEADER}\nc1,draft,r1,now\nc1,"{"x" * 200_000}",r1,now\nc1,draft,r1,now\n')
    assert [(type(row), row.line) for row in rows] == [
        (ProcessLogRow, 2),
        (RefusedRow, 3),
        (ProcessLogRow, 4),
    ]


@pytest.mark.parametrize("text", ["", "\n", "activity,timestamp\nc1,draft\n", "concept:name,org:resource\n"])
def test_a_csv_file_without_the_columns_is_refused_as_a_whole(text: str) -> None:
    with pytest.raises(ValidationFailed, match="case:concept:name"):
        csv_rows(text)


def test_a_csv_row_that_is_not_utf8_is_refused_alone() -> None:
    rows = csv_rows(
        f"{HEADER}\nc1,caf".encode() + b"\xe9" + ",r1,2024-05-17\nc1,café,r1,2024-05-17\n".encode()
    )
    assert [(type(row), row.line) for row in rows] == [(RefusedRow, 2), (ProcessLogRow, 3)]
    assert "not UTF-8" in str(rows[0])
    assert parse_activity(rows[1]).name == "café"  # type: ignore[arg-type]


XES = """<?xml version="1.0" encoding="UTF-8"?>
<log xes.version="1.0" xmlns="http://www.xes-standard.org/">
  <global scope="event"><string key="concept:name" value="none"/></global>
  <trace>
    <string key="concept:name" value="c1"/>
    <date key="enddate" value="2024-05-18T12:00:00Z"/>
    <event>
      <string key="concept:name" value="draft &amp; send"><string key="nested" value="x"/></string>
      <date key="time:timestamp" value="2024-05-17T12:00:00.000+02:00"/>
    </event>
    <event><string key="concept:name" value="check"/></event>
  </trace>
  <trace><string key="concept:name" value="c2"/><event/></trace>
</log>
"""
C1 = {"case:concept:name": "c1", "case:enddate": "2024-05-18T12:00:00Z"}


def test_xes_events_have_the_attributes_of_their_trace() -> None:
    assert list(read_xes(io.BytesIO(XES.encode()), ImportOptions())) == [
        ProcessLogRow(
            7,
            {
                **C1,
                "concept:name": "draft & send",
                "concept:name/nested": "x",
                "time:timestamp": "2024-05-17T12:00:00.000+02:00",
            },
        ),
        ProcessLogRow(11, {**C1, "concept:name": "check"}),
        ProcessLogRow(13, {"case:concept:name": "c2", "concept:name": "none"}),
    ]


def test_a_large_xes_file_is_read_trace_by_trace() -> None:
    trace = '<trace><string key="concept:name" value="c1"/><event/></trace>\n'
    count = 3 * CHUNK // len(trace)

    class Counted(io.BytesIO):
        chunks = 0

        def read(self, size: int | None = -1) -> bytes:
            self.chunks += 1
            return super().read(size)

    stream = Counted(f"<log>{trace * count}</log>".encode())
    rows = read_xes(stream, ImportOptions())
    next(rows)
    assert stream.chunks == 1
    assert len(list(rows)) == count - 1


def test_what_came_before_broken_xml_counts_and_the_break_is_named() -> None:
    rows = list(read_xes(io.BytesIO(XES.replace("</log>", "</trace>").encode()), ImportOptions()))
    assert [type(row) for row in rows] == [ProcessLogRow, ProcessLogRow, ProcessLogRow, RefusedRow]
    assert rows[-1].line == 14


@pytest.mark.parametrize(
    ("values", "why"),
    [
        *(({**ROW, name: "  "}, f"{name} is missing") for name in ROW if name != "org:resource"),
        ({**ROW, "time:timestamp": "17.05.2024"}, "not a date and time"),
        ({**ROW, "time:timestamp": "2024-02-30T12:00:00Z"}, "not a date and time"),
        ({**ROW, "time:timestamp": "0001-01-01T00:00:00+02:00"}, "not a date and time"),
        ({**ROW, "case:enddate": "soon"}, "case:enddate is 'soon'"),
        ({**ROW, "start_timestamp": "2024-05-17T12:00:01+02:00"}, "after time:timestamp"),
        ({**ROW, "concept:name": "x" * 201}, "longer than 200"),
        ({**ROW, "concept:instance": "x" * 201}, "longer than 200"),
    ],
)
def test_a_row_says_what_is_wrong_with_it(values: dict[str, str], why: str) -> None:
    with pytest.raises(ValidationFailed, match=why):
        parse_activity(ProcessLogRow(2, values))


def test_a_plain_row_is_a_completed_activity_and_its_time_is_utc() -> None:
    activity = parse_activity(ProcessLogRow(2, ROW))
    assert (activity.transition, activity.instance, activity.case_end) == ("complete", None, None)
    assert activity.time == datetime(2024, 5, 17, 10, tzinfo=UTC)
    assert parse_activity(
        ProcessLogRow(2, {**ROW, "time:timestamp": "2024-05-17 12:00:00.1239"})
    ).time == datetime(2024, 5, 17, 12, 0, 0, 123900, tzinfo=UTC)
    assert parse_activity(ProcessLogRow(2, {**ROW, "lifecycle:transition": "START"})).transition == "start"


EVENT: dict[str, Any] = {
    "specversion": "1.0",
    "type": "nerve.command.CreateTask",
    "source": "/ci",
    "id": "4711",
    "subject": "task-17",
    "time": "2024-05-17T12:00:00+02:00",
    "data": {"title": "Sum", "workflowId": "workflow-7"},
}


def cloudevents(*lines: Any) -> list[PlannedRow | RefusedRow]:
    encoded = b"\n".join(line if isinstance(line, bytes) else orjson.dumps(line) for line in lines)
    return list(read_commands(io.BytesIO(encoded), CATALOG, ImportOptions(Scope("acme"))))


def test_a_cloudevent_is_a_command_with_its_id_time_and_source() -> None:
    (row,) = cloudevents({**EVENT, "datacontenttype": "application/json", "partitionkey": "x"})
    assert isinstance(row, PlannedRow)
    (step,) = row.steps
    envelope = step.envelope
    assert envelope.command == CreateTask(id="task-17", title="Sum", workflow_id="workflow-7")
    assert (envelope.scope.tenant, envelope.command_id, envelope.source) == ("acme", "4711", "/ci")
    assert envelope.occurred == datetime(2024, 5, 17, 10, tzinfo=UTC)
    assert envelope.extensions == {"partitionkey": "x"}
    assert row.streams() == RowStreams(frozenset({"task-17"}), frozenset({"workflow-7"}), frozenset({"4711"}))


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"{not json", "is not JSON"),
        (b"[]", "the line:"),
        ({**EVENT, "specversion": "0.3"}, "specversion"),
        ({key: value for key, value in EVENT.items() if key != "id"}, "id: a value is required"),
        ({**EVENT, "type": "task.completed"}, "'task.completed'"),
        ({**EVENT, "type": "CreateTask"}, "'CreateTask'"),
        ({**EVENT, "type": "nerve.command.Explode"}, "Explode"),
        ({**EVENT, "time": "noon"}, "time"),
        ({**EVENT, "time": "2024-05-17T12:00:00"}, "time"),
        ({**EVENT, "data": {"title": ""}}, "title"),
        ({**EVENT, "data": {"title": "Sum", "colour": "red"}}, "colour"),
        ({**EVENT, "data": {"title": "Sum", "id": "task-18"}}, "subject"),
        ({**EVENT, "data": {"title": "Sum", "agentId": "agent-a", "agent_id": "agent-b"}}, "twice"),
        ({**EVENT, "data": None}, "title"),
        ({**EVENT, "data_base64": "e30="}, "data_base64: must not be there together"),
        ({**EVENT, "data": None, "data_base64": "e30"}, "data_base64: must be JSON in base64"),
        ({**EVENT, "data": None, "data_base64": "W10="}, "data_base64: must hold a JSON object"),
        ({**EVENT, "datacontenttype": "text/plain"}, "datacontenttype"),
        ({**EVENT, "time": "9999-12-31T23:59:59-05:00"}, "time"),
        ({**EVENT, "subject": "../etc"}, "subject"),
    ],
)
def test_a_line_that_is_no_command_is_refused_and_the_next_one_read(line: Any, why: str) -> None:
    refused, blank_skipped = cloudevents(line, b"", EVENT)
    assert isinstance(refused, RefusedRow)
    assert (refused.line, blank_skipped.line) == (1, 3)
    assert why in refused.reason


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "packed"])
@pytest.mark.parametrize("name", ["log.csv", "log.CSV.gz"])
def test_a_file_is_unpacked_by_what_it_holds(tmp_path: Path, pack: Any, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(pack(f"{HEADER}\nc1,draft,r1,2024-05-17\nc1,draft,r1,never\n".encode()))
    activity, refused = read_activities(path)
    assert isinstance(activity, LoggedActivity)
    assert isinstance(refused, RefusedRow)
    assert (activity.line, refused.line) == (2, 3)


@pytest.mark.parametrize("name", ["log", "log.txt", "log.gz", "log.xml"])
def test_a_file_of_no_supported_format_is_refused(name: str) -> None:
    with pytest.raises(ValidationFailed, match=name):
        reader_of(Path(name), {**PROCESS_LOG_READERS, **command_readers(CATALOG)})


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(ValidationFailed, match="cannot be read"), open_file(tmp_path / "none.csv"):
        pass
    cut = tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress(f"{HEADER}\n".encode() * 1000)[:-20])
    with pytest.raises(ValidationFailed, match="cannot be read"):
        list(read_activities(cut))
