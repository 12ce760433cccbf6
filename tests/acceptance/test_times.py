"""Moments as clients and the command line give them: record time, event time, and both ends of all times."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import orjson
import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from domain.kernel.rfc3339 import write_moment
from tests.helpers.command_line import CLI
from tests.helpers.served_api import Served, serve

FIRST, LAST = "0001-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"
BEFORE_ALL, AFTER_ALL = "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"

LINE = {
    "specversion": "1.0",
    "id": "evt-ahead",
    "source": "/nerve/default",
    "type": "task.created",
    "subject": "task-ahead",
    "time": "2031-01-01T00:00:00.000Z",
    "tenant": "default",
    "category": "task",
    "position": "1",
    "eventindex": 0,
    "eventcount": 1,
    "streamversion": 1,
    "revision": 1,
    "command": "CreateTask",
    "commandid": "cmd-ahead",
    "correlationid": "cmd-ahead",
    "data": {"title": "ahead", "description": "", "priority": "NORMAL", "tags": []},
}

EVENTS = """query ($filter: EventFilter) {
  events(filter: $filter, first: 200) { nodes { stream time recordedAt firstRecordedAt } } }"""


def now() -> str:
    return write_moment(datetime.now(UTC))


def streams(served: Served, **filter: str) -> list[str]:
    return [event["stream"] for event in served.ask(EVENTS, filter=filter)["events"]["nodes"]]


@pytest.fixture(scope="module")
def database(mongo_url: str) -> Iterator[str]:
    name = f"test_{uuid4().hex}"
    yield name
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(name)


@pytest.fixture(scope="module")
def nerve(mongo_url: str, redis_url: str, database: str) -> CliRunner:
    return CliRunner(
        env={"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    )


@pytest.fixture(scope="module")
def ahead(
    nerve: CliRunner, mongo_url: str, redis_url: str, database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A log with one imported event whose record time is in 2031, and a task that was created after it."""
    file = tmp_path_factory.mktemp("import") / "log.jsonl"
    file.write_bytes(orjson.dumps(LINE))
    assert nerve.invoke(CLI, ["import", str(file)], catch_exceptions=False).exit_code == 0
    with serve(mongo_url=mongo_url, redis_url=redis_url, database=database) as served:
        served.do("createTask", id="task-now", title="now")
        yield served


def test_c18_a_task_created_after_an_import_from_the_future_is_there_now(ahead: Served) -> None:
    query = 'query ($time: DateTime!) { task(id: "task-now", asOf: { time: $time }) { title } }'
    assert ahead.ask(query, time=now())["task"] == {"title": "now"}


def test_c18_what_was_recorded_until_now_is_all_of_it_in_order(ahead: Served) -> None:
    assert streams(ahead, until=now()) == ["task-ahead", "task-now"]
    imported, created = ahead.ask(EVENTS)["events"]["nodes"]
    assert imported["recordedAt"] <= created["recordedAt"] < now()
    assert imported["time"] == imported["firstRecordedAt"] == LINE["time"]
    assert created["firstRecordedAt"] is None


def test_c18_an_export_before_now_has_the_new_commit_and_a_log_imported_from_it_too(
    ahead: Served, nerve: CliRunner, tmp_path: Path
) -> None:
    file = tmp_path / "log.jsonl"
    result = nerve.invoke(CLI, ["export", str(file), "--before", now()], catch_exceptions=False)
    assert "2 events of 2 commits" in result.output
    imported, _ = map(orjson.loads, file.read_bytes().splitlines())
    assert (imported["time"], imported["firstrecordedtime"]) == (LINE["time"], LINE["time"])
    again = nerve.invoke(CLI, ["import", str(file)], catch_exceptions=False)
    assert " 0 commits stored" in again.output or "0 stored" in again.output, again.output
    assert "sound" in nerve.invoke(CLI, ["verify"], catch_exceptions=False).output


def test_record_time_and_event_time_are_filters_of_their_own(
    ahead: Served, nerve: CliRunner, tmp_path: Path
) -> None:
    new_year = "2030-01-01T00:00:00Z"
    assert streams(ahead, occurredSince=new_year) == ["task-ahead"]
    assert streams(ahead, occurredUntil=new_year) == ["task-now"]
    assert streams(ahead, since=new_year) == []
    file = tmp_path / "log.jsonl"
    for option, stream in (("--occurred-since", "task-ahead"), ("--occurred-until", "task-now")):
        nerve.invoke(CLI, ["export", str(file), option, new_year], catch_exceptions=False)
        assert [orjson.loads(line)["subject"] for line in file.read_bytes().splitlines()] == [stream]
        shown = nerve.invoke(CLI, ["events", "replay", option, new_year], catch_exceptions=False).output
        assert stream in shown
        assert "1 event in 1 commit" in shown
    refused = nerve.invoke(CLI, ["export", str(file), "--occurred-since", "7"])
    assert "'7' is a position, but this option needs a moment" in str(refused.exception)


@pytest.mark.parametrize("filter", ["since", "occurredSince"])
def test_c17_all_of_it_is_since_the_first_moment_and_until_the_last(ahead: Served, filter: str) -> None:
    until = filter.replace("Since", "Until").replace("since", "until")
    everything = ["task-ahead", "task-now"]
    assert streams(ahead, **{filter: FIRST}) == streams(ahead, **{until: LAST}) == everything
    assert streams(ahead, **{filter: LAST}) == streams(ahead, **{until: FIRST}) == []


def moments(time: str) -> list[tuple[str, dict[str, Any]]]:
    """Every place of the API that takes a moment."""
    as_of = {"asOf": {"time": time}}
    return [
        *(
            (EVENTS, {"filter": {name: time}})
            for name in ("since", "until", "occurredSince", "occurredUntil")
        ),
        ('query ($asOf: AsOf) { task(id: "task-now", asOf: $asOf) { id } }', as_of),
        ("query ($asOf: AsOf) { tasks(asOf: $asOf) { nodes { id } } }", as_of),
        ('query ($asOf: AsOf) { taskHistory(id: "task-now", asOf: $asOf) { nodes { time } } }', as_of),
        ('query ($asOf: AsOf) { taskWhy(id: "task-now", field: STATUS, asOf: $asOf) { value } }', as_of),
        ('query ($asOf: AsOf) { stateAt(id: "task-now", asOf: $asOf) { version } }', as_of),
        (
            "query ($t: DateTime) { tasks(filter: { createdAt: { gte: $t } }) { nodes { id } } }",
            {"t": time},
        ),
        ("query ($t: DateTime) { tasks(filter: { createdAt: { lt: $t } }) { nodes { id } } }", {"t": time}),
    ]


@pytest.mark.parametrize("time", [FIRST, LAST, BEFORE_ALL, AFTER_ALL])
def test_c17_no_moment_is_an_error_of_the_server(ahead: Served, time: str) -> None:
    for query, variables in moments(time):
        answer = ahead.run(query, **variables)
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        outside = time in (BEFORE_ALL, AFTER_ALL)
        allowed = {"VALIDATION_FAILED"} if outside else {"NOT_FOUND", "NOT_INDEXED"}
        assert codes <= allowed, (query, answer)
        assert bool(codes) or not outside


@pytest.mark.parametrize("time", [FIRST, LAST, BEFORE_ALL, AFTER_ALL])
@pytest.mark.parametrize(
    "command",
    [
        ["export", "FILE", "--since"],
        ["export", "FILE", "--before"],
        ["export", "FILE", "--occurred-since"],
        ["events", "replay", "--since"],
        ["events", "replay", "--until"],
        ["events", "replay", "--occurred-until"],
        ["events", "show", "task-now", "--at"],
        ["why", "task-now", "status", "--at"],
    ],
    ids=" ".join,
)
def test_c17_no_moment_breaks_the_command_line(
    ahead: Served, nerve: CliRunner, tmp_path: Path, command: list[str], time: str
) -> None:
    words = [str(tmp_path / "log.jsonl") if word == "FILE" else word for word in command]
    result = nerve.invoke(CLI, [*words, time])
    assert result.exception is None or type(result.exception).__module__ == "domain.kernel.errors"
