"""What the command line refuses: one sentence and an exit code."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from api.cli import main
from api.devserver.address import listen
from api.devserver.embedded import LOOPBACK
from api.devserver.folder import occupy_folder
from tests.helpers.worker_processes import worker_on_new_database


@pytest.fixture(scope="module")
def environment(mongo_url: str, redis_url: str) -> Iterator[dict[str, str]]:
    with worker_on_new_database(mongo_url, redis_url) as settings:
        yield settings


TAKEN = "in place of this, a port that is taken"


REFUSED: list[tuple[dict[str, str], str, int, str]] = [
    ({"NERVE_PORT": TAKEN}, "dev", 2, "on 127.0.0.1 is taken; "),
    ({"NERVE_PORT": TAKEN}, "serve", 2, "on 127.0.0.1 is taken; "),
    ({"NERVE_DATA_DIR": "used", "NERVE_PORT": "0"}, "dev", 2, "the data folder used is in use by the nerve"),
    ({"NERVE_PORT": "high"}, "dev", 2, "NERVE_PORT must be an integer"),
    ({"NERVE_CONTEXTS": "projections.nothing"}, "dev", 2, "there is no module 'projections.nothing'"),
    ({"NERVE_HOST": "0.0.0.0"}, "dev", 2, "is not a loopback address"),
    ({"NERVE_HOST": "0.0.0.0"}, "serve", 2, "is not a loopback address"),
    ({"NERVE_HOST": "0.0.0.0", "NERVE_METRICS_PORT": "9"}, "worker", 2, "set NERVE_METRICS_TOKEN to 32"),
    ({"NERVE_DATA_DIR": "none"}, "access token ada", 2, "no nerve is running with the data folder none"),
    ({"NERVE_MONGO_URL": "mongodb://127.0.0.1:none/"}, "worker", 2, "the MongoDB URL is invalid: "),
    ({"NERVE_REDIS_URL": "http://127.0.0.1"}, "views", 2, "the Redis URL is not one: "),
    ({}, "views rebuild nothing", 1, "there is no view 'nothing'; there are agents, "),
    ({}, "archive --before soon", 1, "'soon' is neither a position nor a moment such as 2026-01-31"),
    ({}, "archive --before 5", 2, "archive_url is not set; it names the store of archived"),
    ({}, "archive --before 5 --list", 1, "--before and --list exclude each other"),
    ({"NERVE_ARCHIVE_URL": "ftp://host/"}, "archive", 2, "archive_url is not supported"),
    ({"NERVE_ARCHIVE_AFTER": "P1D"}, "worker", 2, "archive_after needs archive_url, the store"),
    ({"NERVE_ARCHIVE_AFTER": "never"}, "worker", 2, "NERVE_ARCHIVE_AFTER must be a duration, such as P90D"),
    ({"NERVE_DATABASE": "a.b"}, "views", 2, "NERVE_DATABASE: a MongoDB database has a name of 1 to 63 bytes"),
    ({"NERVE_DATABASE": "n" * 64}, "verify", 2, "NERVE_DATABASE: a MongoDB database has a name of 1 to 63"),
    ({"NERVE_DATABASE": "admin"}, "views", 2, "NERVE_DATABASE: admin is a database of MongoDB itself; "),
    ({}, "cdc --database a.b --collection c --name s", 2, "--database: a MongoDB database has a name of"),
    ({}, "export log.jsonl --stream task-none", 1, "there is no stream 'task-none'"),
    ({}, "export log.jsonl --stream task-none --tenant red", 1, "there is no stream 'task-none'"),
    ({}, "events replay --since 99999999999999999999", 1, "is beyond 9007199254740991, the last possible"),
    ({}, "webhooks replay webhook-1 --after 99999999999999999999", 1, "is beyond 9007199254740991, the last"),
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
    ({}, "import log.csv", 1, "log.csv cannot be read: No such file or directory"),
    (
        {"NERVE_CONTEXTS": "projections.views.documents"},
        "demo",
        2,
        "nerve: the demo simulates the example contexts: add projections.views.agents, ",
    ),
    ({}, "erase Ada", 1, "there is no personal data of 'Ada', so nothing was erased"),
    ({}, "erase person-1", 1, "there is no personal data of 'person-1', so nothing was erased"),
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
