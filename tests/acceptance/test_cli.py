"""The command line against a nerve whose worker runs beside it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from api.cli import main
from api.devserver.address import listen
from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK
from api.devserver.folder import occupy_folder
from api.settings import Settings
from tests.helpers.command_line import CLI
from tests.helpers.letters.stored import FIRST, document
from tests.helpers.servers import eventually

NERVE = str(Path(sys.executable).with_name("nerve"))

LOG = """\
case:concept:name,concept:name,time:timestamp,org:resource,concept:instance
case-1,Receive,2024-03-01T09:00:00Z,Resource01,task-1
case-1,Check,not a date,Resource02,task-2
case-1,Decide,2024-03-01T11:00:00Z,Resource02,task-3
"""


@pytest.fixture(scope="module")
def environment(mongo_url: str, redis_url: str) -> Iterator[dict[str, str]]:
    """Settings for a database of the module's own, kept by a worker."""
    database = f"test_{uuid4().hex}"
    settings = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    worker = ChildProcess("worker", [NERVE, "worker"], environment=settings)
    with MongoClient[dict[str, object]](mongo_url) as client:
        consumers = client[database].consumers
        eventually(lambda: consumers.count_documents({}) == len(Settings().contexts))
        yield settings
        assert worker.stop(grace=20)
        assert worker.exit_code == 0
        client.drop_database(database)


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
    assert re.search(r"3 rows in .* rows/s\): [1-9]\d* commands stored, .*1 rows refused", first.output)

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
            message = replay.communicate(timeout=20)[1]
            assert replay.returncode == 130
            assert int(re.findall(r"continue with --since (\d+)", message)[0]) > first
        finally:
            replay.kill()


def test_views_show_their_lag_and_are_built_anew_beside_those_that_are_read(nerve: CliRunner) -> None:
    assert nerve.invoke(CLI, ["demo", "--duration", "0.5", "--rate", "20"]).exit_code == 0
    eventually(lambda: {lag for _, lag in _lags(nerve).values()} == {0})
    before = _lags(nerve)
    assert set(before) == {name.rpartition(".")[2] for name in Settings().contexts}
    built = nerve.invoke(CLI, ["views", "rebuild", "--all", "--wait"])
    assert built.exit_code == 0
    assert built.output.count("generation 2 is active now, ") == len(before)
    assert built.output.count(" 0 differ, 0 are missing, 0 are new") == len(before)
    assert _lags(nerve) == before
    shown = nerve.invoke(CLI, ["views"]).output
    assert shown.count("1 kept") == len(re.findall(r"│ 2 +│ \S+:\d+ +│", shown)) == len(before)
    assert "generation 1 is deleted" in nerve.invoke(CLI, ["views", "forget", "tasks"]).output
    begun = nerve.invoke(CLI, ["views", "rebuild", "tasks"])
    assert "tasks: the workers build generation 3" in begun.output


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
    assert re.match(r"archived 3 commits in 1 segments: \d+ bytes became \d+", first.output)
    rest = nerve.invoke(CLI, ["archive", "--before", "2999-01-01"])
    assert re.match(r"archived [1-9]\d* commits in 1 segments", rest.output)
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
            assert tail.wait(20) == 0
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


TAKEN = "in place of this, a port that is taken"

REFUSED: list[tuple[dict[str, str], str, int, str]] = [
    ({"NERVE_PORT": TAKEN}, "dev", 2, "on 127.0.0.1 is taken; "),
    ({"NERVE_PORT": TAKEN}, "serve", 2, "on 127.0.0.1 is taken; "),
    ({"NERVE_DATA_DIR": "used", "NERVE_PORT": "0"}, "dev", 2, "the data folder used is in use by the nerve"),
    ({"NERVE_PORT": "high"}, "dev", 2, "NERVE_PORT must be an integer"),
    ({"NERVE_CONTEXTS": "projections.nothing"}, "dev", 2, "there is no module 'projections.nothing'"),
    ({"NERVE_HOST": "0.0.0.0"}, "dev", 2, "is not a loopback address"),
    ({"NERVE_HOST": "0.0.0.0"}, "serve", 2, "is not a loopback address"),
    ({"NERVE_MONGO_URL": "mongodb://127.0.0.1:none/"}, "worker", 2, "the MongoDB URL is invalid: "),
    ({"NERVE_REDIS_URL": "http://127.0.0.1"}, "views", 2, "the Redis URL is not one: "),
    ({}, "views rebuild nothing", 1, "there is no view 'nothing'; there are agents, "),
    ({}, "archive --before soon", 1, "'soon' is neither a position nor a moment such as 2026-01-31"),
    ({}, "archive --before 5", 2, "archive_url is not set; it names the store of archived"),
    ({}, "archive --before 5 --list", 1, "--before and --list exclude each other"),
    ({"NERVE_ARCHIVE_URL": "ftp://host/"}, "archive", 2, "archive_url is not supported"),
    ({"NERVE_ARCHIVE_AFTER": "P1D"}, "worker", 2, "archive_after needs archive_url, the store"),
    ({"NERVE_ARCHIVE_AFTER": "never"}, "worker", 2, "NERVE_ARCHIVE_AFTER must be a duration, such as P90D"),
    ({}, "export log.xml", 1, "log.xml must end in .jsonl or .ndjson"),
    ({}, "export log.jsonl --since soon", 1, "'soon' is neither a position nor a moment"),
    ({}, "export none/log.jsonl", 1, "log.jsonl cannot be written: No such file or directory"),
    ({}, "views rebuild", 1, "name the views to rebuild, or use --all"),
    ({}, "views cancel agents", 1, "the view 'agents' has no rebuild that is building"),
    ({}, "views switch agents", 1, "the view 'agents' has no rebuild that is held"),
    ({}, "views resume agents", 1, "the view 'agents' has no rebuild that is cancelled"),
    ({}, "events show task-none", 1, "there is no stream 'task-none'"),
    ({}, "events show task-none --at 2026-01-31T12:00:00", 1, "has no time zone; write it as"),
    ({}, "events show task-none --at yesterday", 1, "'yesterday' is neither a position nor a moment"),
    ({}, "events show task-none --at 99999999", 1, "the log has not come to the position asked for"),
    ({}, "events show task-none --at 1999-01-01T00:00:00Z", 1, "is before the log begins"),
    ({}, "events diff task-none 1 2", 1, "there is no stream 'task-none'"),
    ({}, "events replay --since 2026-01-31T12:00:00", 1, "has no time zone; write it as"),
    ({}, "events replay --since 9 --until 3", 1, "since is after until"),
    ({}, "events replay --stream task-none", 1, "there is no stream 'task-none'"),
    ({}, "events tail --after 99999999", 1, "the log ends at "),
    ({}, "import log.txt", 1, "log.txt is of no supported format; "),
    ({}, "import log.csv", 1, "log.csv cannot be read: "),
]


@pytest.mark.parametrize(("settings", "command", "code", "sentence"), REFUSED)
def test_what_nerve_refuses_is_one_sentence_and_an_exit_code(
    settings: dict[str, str],
    command: str,
    code: int,
    sentence: str,
    environment: dict[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["nerve", *command.split()])
    with occupy_folder(Path("used")), listen(LOOPBACK, 0) as taken:
        for name, value in {**environment, **settings}.items():
            monkeypatch.setenv(name, value.replace(TAKEN, str(taken.getsockname()[1])))
        with pytest.raises(SystemExit) as end:
            main()
    message = capsys.readouterr().err
    assert (end.value.code, message.count("\n")) == (code, 1), message
    assert message.startswith("nerve: ")
    assert sentence in message


def test_without_a_running_nerve_the_error_says_how_to_start_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["nerve", "views"])
    with pytest.raises(SystemExit, match="2"):
        main()
    assert capsys.readouterr().err.startswith("nerve: no nerve is running with the data folder .nerve; ")
