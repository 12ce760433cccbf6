"""The command line against a nerve whose worker runs beside it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from tests.helpers.command_line import CLI
from tests.helpers.letters.stored import FIRST, document
from tests.helpers.own_contexts import OWN_VIEWS
from tests.helpers.servers import eventually
from tests.helpers.worker_processes import worker_on_new_database

NERVE = str(Path(sys.executable).with_name("nerve"))

LOG = """\
case:concept:name,concept:name,time:timestamp,org:resource,concept:instance
case-1,Receive,2024-03-01T09:00:00Z,Resource01,task-1
case-1,Check,not a date,Resource02,task-2
case-1,Decide,2024-03-01T11:00:00Z,Resource02,task-3
"""


@pytest.fixture(scope="module")
def environment(mongo_url: str, redis_url: str) -> Iterator[dict[str, str]]:
    with worker_on_new_database(mongo_url, redis_url) as settings:
        yield settings


@pytest.fixture
def nerve(environment: dict[str, str]) -> CliRunner:
    return CliRunner(env=environment)


def _lags(nerve: CliRunner) -> dict[str, tuple[int, int]]:
    """(position, lag) of each view."""
    shown = nerve.invoke(CLI, ["views"], catch_exceptions=False)
    assert shown.exit_code == 0
    rows = re.findall(r"(\w+)\s*│\s*(\d+)\s*│\s*(\d+)", shown.output)
    return {name: (int(position), int(lag)) for name, position, lag in rows}


def test_an_import_names_the_refused_row_ends_with_1_and_adds_nothing_when_it_is_run_again(
    nerve: CliRunner, tmp_path: Path
) -> None:
    file = tmp_path / "log.csv"
    file.write_text(LOG)
    first = nerve.invoke(CLI, ["import", str(file)])
    assert first.exit_code == 1
    assert f"{file}:3: time:timestamp is 'not a date'" in first.output
    assert re.search(r"3 rows in .* rows/s\): [1-9]\d* commands stored, .*1 row refused", first.output)

    again = nerve.invoke(CLI, ["import", str(file)])
    assert again.exit_code == 1
    assert " 0 commands stored" in again.output

    shown = nerve.invoke(CLI, ["events", "show", "task-1"])
    assert "task.completed" in shown.output
    assert "2024-03-01 09:00:00.000Z" in shown.output


def test_an_event_that_cannot_be_read_is_shown_as_it_is_stored_with_the_reason(
    environment: dict[str, str], database: str
) -> None:
    with MongoClient[dict[str, object]](environment["NERVE_MONGO_URL"]) as client:
        client[database]["log"].insert_one(document(1, "letter-a", 1, FIRST))
    nerve = CliRunner(env={**environment, "NERVE_DATABASE": database})
    shown = nerve.invoke(CLI, ["events", "show", "letter-a"], catch_exceptions=False).output
    assert '{"recipient":"Ada","text":"Hello","urgent":true}' in shown
    assert "unknown type: no registered context has this type; register it" in shown


def test_the_past_can_be_shown_compared_and_replayed(nerve: CliRunner, tmp_path: Path) -> None:
    file = tmp_path / "log.csv"
    file.write_text(LOG.replace("task-", "old-").replace("case-", "past-"))
    assert nerve.invoke(CLI, ["import", str(file)]).exit_code == 1
    whole = nerve.invoke(CLI, ["events", "replay", "--stream", "task-old-1"])
    assert whole.exit_code == 0
    lines = re.findall(r"^ *(\d+)  [-\d]+ [:.\d]+Z  (task\.\w+)", whole.output, re.MULTILINE)
    assert lines[0][1] == "task.created"
    assert re.search(rf"{len(lines)} events in \d+ commits", whole.output)

    first, last = int(lines[0][0]), int(lines[-1][0])
    shown = nerve.invoke(CLI, ["events", "show", "task-old-1", "--at", str(first)])
    assert "task.completed" not in shown.output
    assert '"status": "ASSIGNED"' in shown.output
    part = nerve.invoke(CLI, ["events", "replay", "--stream", "task-old-1", "--since", str(first + 1)])
    assert [line[0] for line in lines if int(line[0]) > first] == re.findall(r"^ *(\d+)  ", part.output, re.M)
    before = nerve.invoke(CLI, ["events", "replay", "--since", "1", "--until", str(last), "--speed", "1e9"])
    assert before.exit_code == 0

    changed = nerve.invoke(CLI, ["events", "diff", "task-old-1", "2", str(len(lines))])
    assert '~ /status  "ASSIGNED" → "COMPLETED"' in changed.output
    same = nerve.invoke(CLI, ["events", "diff", "task-old-1", "2", "2"])
    assert "have the same state" in same.output


def test_an_interrupted_replay_prints_where_to_continue(
    nerve: CliRunner, environment: dict[str, str]
) -> None:
    assert nerve.invoke(CLI, ["demo", "--duration", "0", "--agents", "2"]).exit_code == 0
    command = [NERVE, "events", "replay", "--speed", "0.001"]
    with subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as replay:
        try:
            assert replay.stdout
            first = int(replay.stdout.readline().split()[0])
            replay.send_signal(signal.SIGINT)
            message = replay.communicate(timeout=60)[1]
            assert replay.returncode == 130
            assert int(re.findall(r"continue with --since (\d+)", message)[0]) > first
        finally:
            replay.kill()


def test_views_show_their_lag_and_are_built_anew_beside_those_that_are_read(nerve: CliRunner) -> None:
    assert nerve.invoke(CLI, ["demo", "--duration", "0.5", "--rate", "20"]).exit_code == 0
    eventually(lambda: {lag for _, lag in _lags(nerve).values()} == {0}, every=0.3)
    before = _lags(nerve)
    assert set(before) == OWN_VIEWS
    built = nerve.invoke(CLI, ["views", "rebuild", "--all", "--wait"])
    assert built.exit_code == 0
    assert built.output.count("generation 2 is active now, ") == len(before)
    assert built.output.count(" equal, 0 different, 0 missing, 0 new") == len(before)
    assert _lags(nerve) == before
    # After a switch the worker takes the leases of the new generation.
    eventually(lambda: _kept_and_led(nerve) == (len(before), len(before)), every=0.3)
    assert "generation 1 is deleted" in nerve.invoke(CLI, ["views", "forget", "tasks"]).output
    begun = nerve.invoke(CLI, ["views", "rebuild", "tasks"])
    assert "tasks: the workers build generation 3" in begun.output


def _kept_and_led(nerve: CliRunner) -> tuple[int, int]:
    """The numbers of kept generations, and of second ones that a worker has the leases of."""
    shown = nerve.invoke(CLI, ["views"]).output
    return shown.count("1 kept"), len(re.findall(r"│ 2 +│ \S+:\d+ +│", shown))


def test_old_commits_are_archived_shown_and_read_as_before(
    environment: dict[str, str], database: str, tmp_path: Path
) -> None:
    own = {"NERVE_DATABASE": database, "NERVE_ARCHIVE_URL": (tmp_path / "archive").as_uri()}
    nerve = CliRunner(env={**environment, **own})
    assert nerve.invoke(CLI, ["archive"]).output == "no commit is archived\n"
    file = tmp_path / "log.csv"
    file.write_text(LOG)
    nerve.invoke(CLI, ["import", str(file)])
    before = nerve.invoke(CLI, ["events", "show", "task-1"]).output
    first = nerve.invoke(CLI, ["archive", "--before", "4"])
    assert re.match(r"archived 3 commits in 1 segment: [\d,]+ bytes became [\d,]+", first.output)
    rest = nerve.invoke(CLI, ["archive", "--before", "2999-01-01"])
    assert re.match(r"archived [1-9]\d* commits? in 1 segment:", rest.output)
    listed = nerve.invoke(CLI, ["archive", "--list"]).output
    assert re.search(r"│ 1 +│ 1 to 3 +│ 3 ", listed)
    assert nerve.invoke(CLI, ["events", "show", "task-1"]).output == before
    assert "task.completed" in before


def test_a_log_is_exported_and_imported_into_another_one(
    environment: dict[str, str], database: str, tmp_path: Path
) -> None:
    source = CliRunner(env=environment)
    file = tmp_path / "log.csv"
    file.write_text(LOG)
    source.invoke(CLI, ["import", str(file)])
    exported = tmp_path / "log.jsonl.zst"
    result = source.invoke(
        CLI, ["export", str(exported), "--stream", "task-1", "--stream", "workflow-case-1"]
    )
    assert re.match(r"[1-9]\d* events of [1-9]\d* commits in .* events/s\)", result.output)
    target = CliRunner(env={**environment, "NERVE_DATABASE": database})
    first = target.invoke(CLI, ["import", str(exported)])
    assert re.search(
        r"rows/s\): [1-9]\d* commits stored, 0 already stored by an earlier run, 0 row", first.output
    )
    assert " 0 commits stored" in target.invoke(CLI, ["import", str(exported)]).output
    shown = [nerve.invoke(CLI, ["events", "show", "task-1"]).output for nerve in (source, target)]
    assert "task.completed" in shown[0]
    assert shown[0] == shown[1]
    empty = source.invoke(CLI, ["export", str(tmp_path / "none.jsonl"), "--before", "2001-01-01"])
    assert empty.output.startswith("0 events of 0 commits")


def test_the_tail_prints_events_as_they_happen_until_ctrl_c(
    nerve: CliRunner, environment: dict[str, str]
) -> None:
    command = [NERVE, "events", "tail", "--after", "0", "--type", "agent.retired"]
    own = {**os.environ, **environment}
    with subprocess.Popen(command, env=own, stdout=subprocess.PIPE, text=True) as tail:
        try:
            assert tail.stdout
            assert nerve.invoke(CLI, ["demo", "--duration", "0", "--agents", "2"]).exit_code == 0
            lines = [tail.stdout.readline(), tail.stdout.readline()]
            assert all("agent.retired" in line for line in lines)
            tail.send_signal(signal.SIGINT)
            assert tail.wait(60) == 0
        finally:
            tail.kill()


def test_the_schema_is_printed_without_any_server() -> None:
    printed = CliRunner().invoke(CLI, ["schema", "print"])
    assert printed.output == (Path(__file__).parents[2] / "api" / "schema.graphql").read_text()


def test_the_schemas_of_the_events_are_checked_without_any_server() -> None:
    checked = CliRunner().invoke(CLI, ["schema", "check"])
    assert (checked.exit_code, checked.stderr) == (0, "")
    missing = CliRunner(env={"NERVE_CONTEXTS": "tests.helpers.notes"}).invoke(CLI, ["schema", "check"])
    assert missing.exit_code == 1
    assert "note.written of revision 1 has no schema yet; run `nerve schema events`\n" in missing.stderr
