"""Logs as other systems write them are imported whole: any columns, lifecycles, times and encodings."""

from __future__ import annotations

import zipfile
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pytest

from domain.kernel.errors import ValidationFailed
from domain.tasks.events import TaskStateReported
from tests.helpers import log_files
from tests.helpers.memory_import import MemoryImport


@pytest.fixture
def log(tmp_path: Path) -> MemoryImport:
    return MemoryImport(tmp_path)


def test_a_log_without_resources_gives_tasks_without_agents(log: MemoryImport) -> None:
    assert log.counts(log.run("no-resource.csv", log_files.NO_RESOURCE)) == {"stored": 3}
    assert [row["status"] for row in log.tasks.values()] == ["COMPLETED"] * 3
    assert log.steps("workflow-o-1") == ["Receive order", "Pack"]
    assert len(log.workflows) == 2
    assert not log.agents


def test_columns_with_common_names_are_guessed_and_printed(log: MemoryImport) -> None:
    assert log.counts(log.run("foreign-columns.csv", log_files.FOREIGN_COLUMNS)) == {"stored": 2}
    assert {(row["title"], row["agent_id"]) for row in log.tasks.values()} == {
        ("register", "agent-Ana"),
        ("check", None),
    }
    assert {row["title"]: row["result"] for row in log.tasks.values()} == {
        "register": {"costs": "50"},
        "check": {"costs": "20"},
    }
    assert log.notes == [
        "is read as utf-8, separated by semicolons; case is 'case_id', activity is 'activity',"
        " time is 'timestamp', resource is 'worker'"
    ]


def test_columns_can_be_named(log: MemoryImport) -> None:
    columns = {"case:concept:name": "Vorgang", "concept:name": "Schritt", "time:timestamp": "Zeit"}
    content = "Vorgang,Zeit,Schritt,activity\n7,2024-03-01 08:00,Prüfen,x\n"
    with pytest.raises(ValidationFailed, match="it has 'Vorgang', 'Zeit', 'Schritt', 'activity'"):
        log.run("log.csv", content)
    log.run("log.csv", content, columns=columns)
    assert log.steps("workflow-7") == ["Prüfen"]
    with pytest.raises(ValidationFailed, match="has no column 'Fall'"):
        log.run("log.csv", content, columns={**columns, "case:concept:name": "Fall"})


def test_an_interval_log_gives_started_and_completed_tasks(log: MemoryImport) -> None:
    assert log.counts(log.run("interval.csv", log_files.INTERVAL)) == {"stored": 2}
    assert {row["title"]: row["duration_seconds"] for row in log.tasks.values()} == {
        "Grind": 1200.0,
        "Polish": 2400.0,
    }
    started = {row["title"]: row["started_at"] for row in log.tasks.values()}
    assert (
        started["Grind"] == datetime(2024, 3, 1, 8, tzinfo=UTC) == log.workflows["workflow-i-1"]["started_at"]
    )


def test_the_whole_lifecycle_is_kept_and_other_states_too(log: MemoryImport) -> None:
    assert log.counts(log.run("lifecycle.csv", log_files.LIFECYCLE)) == {"stored": 7}
    assert len(log.workflows) == 3
    rows = {row["title"]: row for row in log.tasks.values()}
    assert (rows["Repair"]["status"], rows["Repair"]["duration_seconds"]) == ("COMPLETED", 7200.0)
    assert (rows["Inspect"]["status"], rows["Inspect"]["cancel_reason"]) == ("CANCELLED", "autoskip")
    assert (rows["Ticket"]["status"], rows["Ticket"]["reported_state"]) == ("ASSIGNED", "Closed")
    states = [
        (event.stream, event.payload.state)
        for event in log.bus.history.events
        if isinstance(event.payload, TaskStateReported)
    ]
    assert [state for stream, state in states if stream == rows["Repair"]["id"]] == ["suspend", "resume"]
    assert [state for stream, state in states if stream == rows["Ticket"]["id"]] == ["In Progress", "Closed"]


def test_a_lifecycle_value_can_stand_for_a_transition(log: MemoryImport) -> None:
    log.run("lifecycle.csv", log_files.LIFECYCLE, transitions={"in progress": "start", "closed": "complete"})
    ticket = next(row for row in log.tasks.values() if row["title"] == "Ticket")
    assert (ticket["status"], ticket["duration_seconds"]) == ("COMPLETED", 10_800.0)


def test_namespaces_and_times_as_texts_are_read_in_xes(log: MemoryImport) -> None:
    assert log.counts(log.run("string-times.xes", log_files.STRING_TIMES)) == {"stored": 2}
    assert log.steps("workflow-s-1") == ["Ask", "Answer"]


def test_a_declared_multi_byte_encoding_is_read(log: MemoryImport) -> None:
    assert log.counts(log.run("chinese.xes", log_files.CHINESE.encode("gbk"))) == {"stored": 1}
    assert [row["name"] for row in log.workflows.values()] == ["案件-1"]
    assert [row["title"] for row in log.tasks.values()] == ["登记"]


@pytest.mark.parametrize(
    ("encoding", "case", "activity"),
    [
        ("utf-8", "订单1", "登记"),
        ("utf-8-sig", "订单1", "登记"),
        ("utf-16", "订单1", "登记"),
        ("utf-16-le", "订单1", "登记"),
        ("gbk", "订单1", "登记"),
        ("shift_jis", "注文1", "うけつける"),
    ],
)
def test_the_encoding_of_a_csv_file_is_guessed(
    log: MemoryImport, encoding: str, case: str, activity: str
) -> None:
    content = f"case,activity,timestamp\n{case},{activity},2024-03-01T08:00:00Z\n"
    assert log.counts(log.run("log.csv", content.encode(encoding))) == {"stored": 1}
    assert [row["name"] for row in log.workflows.values()] == [case]
    assert [row["title"] for row in log.tasks.values()] == [activity]


def test_an_encoding_that_cannot_be_guessed_can_be_named(log: MemoryImport) -> None:
    content = "case,activity,timestamp\nMüller,Prüfen,2024-03-01T08:00:00Z\n".encode("cp1252")
    assert log.counts(log.run("log.csv", content)) == {"refused": 1}
    assert "--encoding" in log.refused[0].reason
    assert log.counts(log.run("log.csv", content, encoding="cp1252")) == {"stored": 1}
    assert log.workflows["workflow-M:C3:BCller"]["name"] == "Müller"


XES = """\
<log>
  <global scope="trace"><string key="region" value="north"/></global>
  <global scope="event">
    <string key="org:resource" value="Ana"/><string key="note" value="__INVALID__"/>
  </global>
  <trace>
    <string key="concept:name" value="7"/><int key="amount" value="5"><string key="unit" value="EUR"/></int>
    <event>
      <string key="concept:name" value="Open"/>
      <date key="time:timestamp" value="2024-03-01T08:00:00.123456Z"/>
      <list key="tags"><values><string key="tag" value="a"/><string key="tag" value="b"/></values></list>
      <boolean key="urgent" value="true"/><float key="score" value="0.5"/>
    </event>
  </trace>
  <event>
    <string key="concept:name" value="Alone"/><date key="time:timestamp" value="2024-03-01T08:00:00Z"/>
  </event>
</log>
"""


def test_attributes_of_xes_are_kept_with_types_defaults_and_nesting(log: MemoryImport) -> None:
    """An event outside of a trace belongs to no case, and is refused."""
    assert log.counts(log.run("log.xes", XES)) == {"stored": 1, "refused": 1}
    assert log.refused[0] == (15, "case:concept:name is missing")
    [task] = log.tasks.values()
    assert task["agent_id"] == "agent-Ana"
    assert task["result"] == {
        "tags/tag": ["a", "b"],
        "urgent": True,
        "score": 0.5,
        "time:timestamp": "2024-03-01T08:00:00.123456Z",
    }
    assert log.workflows["workflow-7"]["attributes"] == {"region": "north", "amount": 5, "amount/unit": "EUR"}


def test_attributes_of_an_xes_log_itself_are_named_as_not_stored(log: MemoryImport) -> None:
    content = log_files.CHINESE.replace(
        "<log>", '<log><string key="origin" value="x"/><int key="n" value="1"/>'
    )
    assert log.counts(log.run("log.xes", content.encode("gbk"))) == {"stored": 1}
    assert log.notes == ["has 2 attributes of the log itself, such as origin, n: not stored"]


def test_what_an_event_has_no_other_place_for_is_kept_as_data(log: MemoryImport) -> None:
    """A row's id, finer times, a start without a completion, and a resource that is not the agent."""
    header = "case,activity,time:timestamp,start_timestamp,org:resource,lifecycle:transition,identity:id"
    rows = (
        "c,Draft,2024-03-01T08:00:00Z,2024-03-01T07:00:00Z,Ana,start,r1",
        "c,Draft,2024-03-01T09:00:00Z,,Ben,complete,r2",
        "c,Check,2024-03-01T10:00:00Z,2024-03-01T09:30:00.000001Z,Ana,complete,r3",
        "c,Plan,2024-03-01T11:00:00Z,,Ana,schedule,r4",
    )
    assert log.counts(log.run("log.csv", "\n".join((header, *rows)))) == {"stored": 4}
    draft, check, plan = (
        next(row for row in log.tasks.values() if row["title"] == name) for name in ("Draft", "Check", "Plan")
    )
    assert draft["agent_id"] == "agent-Ana"
    assert draft["reported_attributes"] == {"identity:id": "r1", "start_timestamp": "2024-03-01T07:00:00Z"}
    assert draft["result"] == {"identity:id": "r2", "org:resource": "Ben"}
    assert check["result"] == {"identity:id": "r3", "start_timestamp": "2024-03-01T09:30:00.000001Z"}
    assert plan["reported_attributes"] == {"identity:id": "r4", "org:resource": "Ana"}


def test_an_attribute_of_a_case_that_a_later_row_has_is_kept_with_the_row(log: MemoryImport) -> None:
    header = "case,activity,timestamp,case:region,case:rank"
    rows = ("c,Draft,2024-03-01,north,", "c,Check,2024-03-02,north,1", "c,Send,2024-03-03,south,1")
    assert log.counts(log.run("log.csv", "\n".join((header, *rows)))) == {"stored": 3}
    assert log.workflows["workflow-c"]["attributes"] == {"region": "north"}
    assert {row["title"]: row["result"] for row in log.tasks.values()} == {
        "Draft": None,
        "Check": {"case:rank": "1"},
        "Send": {"case:region": "south", "case:rank": "1"},
    }


def test_attributes_of_xes_can_be_named(log: MemoryImport) -> None:
    content = log_files.STRING_TIMES.replace('x:string key="time:timestamp"', 'x:string key="When"')
    assert log.counts(log.run("log.xes", content)) == {"refused": 2}
    assert log.counts(log.run("log.xes", content, columns={"time:timestamp": "When"})) == {"stored": 2}


def test_the_order_within_a_millisecond_is_kept(log: MemoryImport) -> None:
    rows = [f"c,{name},2024-03-01T08:00:00.0000{place}Z" for place, name in ((30, "c"), (10, "a"), (20, "b"))]
    log.run("log.csv", "\n".join(["case,activity,timestamp", *rows]))
    assert [step["name"] for step in log.workflows["workflow-c"]["steps"]] == ["a", "b", "c"]


def test_a_zip_file_with_one_log_is_read(log: MemoryImport) -> None:
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("folder/log.csv", log_files.DAY_1)
    assert log.counts(log.run("log.csv.zip", packed.getvalue())) == {"stored": 2}
    with zipfile.ZipFile(packed, "a") as archive:
        archive.writestr("other.csv", log_files.DAY_2)
    with pytest.raises(ValidationFailed, match="has 2 files"):
        log.run("log.csv.zip", packed.getvalue())


def test_cloudevents_with_encoded_data_are_read_and_an_impossible_time_is_refused(log: MemoryImport) -> None:
    assert log.counts(log.run("events.jsonl", log_files.COMMANDS)) == {"stored": 2, "refused": 1}
    assert (log.refused[0].line, log.refused[0].reason[:5]) == (2, "time:")
    assert {task: row["title"] for task, row in log.tasks.items()} == {"task-x1": "Pack", "task-x2": "Ship"}


def test_extension_attributes_of_cloudevents_are_kept(log: MemoryImport) -> None:
    event = log_files.BATCH[1:-1].replace('"id": "4"', '"id": "4", "correlationid": "case-7"')
    other = event.replace('"4"', '"5"').replace("x3", "x4")[:-1] + ', "partitionkey": "p", "urgent": true}'
    wrong = event.replace('"4"', '"6"').replace("x3", "x5")[:-1] + ', "urgent": 0.5}'
    assert log.counts(log.run("events.jsonl", "\n".join((event, other, wrong)))) == {
        "stored": 2,
        "refused": 1,
    }
    assert log.refused[0].reason.startswith("urgent: must be a text, an integer")
    kept = [event.commit.extensions for event in log.bus.history.events]
    assert kept == [None, {"partitionkey": "p", "urgent": True}]


def test_a_batch_of_cloudevents_is_read(log: MemoryImport) -> None:
    assert log.counts(log.run("batch.json", log_files.BATCH)) == {"stored": 1}
    assert log.tasks["task-x3"]["title"] == "Bill"
    assert log.counts(log.run("batch.jsonl", f"\ufeff{log_files.BATCH}\n")) == {"known": 1}
    event = log_files.BATCH[1:-1].replace("Bill", "").replace('"4"', '"5"')
    assert log.counts(log.run("batch.json", f"[{log_files.BATCH[1:-1]},\n\n {event}]")) == {
        "known": 1,
        "refused": 1,
    }
    assert log.refused[0].line == 3
