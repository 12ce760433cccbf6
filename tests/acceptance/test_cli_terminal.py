"""What the command line asks a person, and how it treats the settings of a running instance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database

from api.devserver.folder import RunningInstance, SharedSettings, occupy_folder, write_run_file
from api.settings import Settings
from domain.kernel.errors import Unavailable
from eventstore.personal.subject_census import SubjectData
from tests.helpers.command_line import run_nerve

REGISTER = {
    "specversion": "1.0",
    "type": "nerve.command.RegisterPerson",
    "source": "s",
    "id": "c1",
    "data": {"id": "person-a", "city": "Graz", "name": "Ada"},
}


@pytest.fixture
def stored(
    mongo_url: str,
    redis_url: str,
    database: str,
    mongo_client: MongoClient[dict[str, Any]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Database[dict[str, Any]]:
    """A log with one person, and the settings of the command line in the environment."""
    monkeypatch.chdir(tmp_path)
    values = {
        "NERVE_MONGO_URL": mongo_url,
        "NERVE_REDIS_URL": redis_url,
        "NERVE_DATABASE": database,
        "NERVE_MASTER_KEY": "bWFzdGVybWFzdGVybWFzdGVybWFzdGVybWFzdGVyMTI=",
        "NERVE_CONTEXTS": "projections.views.subjects,tests.helpers.people",
    }
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    (tmp_path / "commands.jsonl").write_text(json.dumps(REGISTER))
    assert run_nerve("import", "commands.jsonl").code == 0
    return mongo_client[database]


@pytest.fixture
def running(stored: Database[dict[str, Any]], mongo_url: str, redis_url: str) -> Iterator[None]:
    """A running `nerve dev` on the same servers, with another archive."""
    shared = SharedSettings.model_validate(Settings()).model_copy(update={"archive_url": "s3://other/store"})
    with occupy_folder(Path(".nerve")):
        write_run_file(
            Path(".nerve"),
            RunningInstance(
                pid=1, url="http://127.0.0.1:1", mongo_url=mongo_url, redis_url=redis_url, settings=shared
            ),
        )
        yield


@pytest.mark.parametrize(
    ("command", "sentence"),
    [
        ("erase person-a", "person-a has personal data in 1 event of 1 stream"),
        ("tenants erase default", "default has 1 stream, 1 commit, 1 event, "),
    ],
)
def test_an_erasure_shows_what_there_is_and_needs_a_yes(
    stored: Database[dict[str, Any]], command: str, sentence: str
) -> None:
    refused = run_nerve(*command.split(), answer="n")
    assert (refused.code, refused.stdout) == (1, "")
    assert sentence in refused.stderr
    assert "for ever?" in refused.stderr
    assert refused.stderr.endswith("nerve: not confirmed, so nothing was changed\n")
    assert stored["log"].count_documents({}) == 1
    assert stored["keys"].count_documents({"wrapped": {"$exists": True}}) == 1


def test_an_erasure_of_data_that_takes_too_long_to_count_can_be_confirmed(
    stored: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def time_out(*arguments: Any) -> SubjectData:
        raise Unavailable("MongoDB did not answer in time")

    monkeypatch.setattr("api.cli.subjects.count_subject_data", time_out)
    refused = run_nerve("erase", "person-a", answer="n")
    assert refused.code == 1
    assert "person-a has personal data, which could not be counted in time\n" in refused.stderr
    assert refused.stderr.endswith("nerve: not confirmed, so nothing was changed\n")


def test_a_script_is_not_asked_before_an_erasure(
    stored: Database[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No worker runs, so the rows still have the data, and the exit code says so."""
    monkeypatch.setattr("api.cli.subjects.VIEW_TIMEOUT", 0.01)
    erased = run_nerve("erase", "person-a", "--json")
    assert (erased.code, erased.records) == (1, [{"subject": "person-a", "changed": True}])
    assert stored["keys"].count_documents({"wrapped": {"$exists": True}}) == 0


def test_nothing_is_archived_to_a_store_that_the_running_nerve_does_not_have(
    stored: Database[dict[str, Any]], running: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And every command says that it uses another store."""
    monkeypatch.setenv("NERVE_ARCHIVE_URL", (tmp_path / "archive").as_uri())
    refused = run_nerve("archive", "--before", "5")
    assert (refused.code, refused.stdout) == (2, "")
    used, sentence = refused.stderr.splitlines()
    assert used.startswith(
        "nerve: the settings here are not those of the nerve that is running; this command"
    )
    assert sentence.startswith("nerve: the nerve that is running has another archive_url, ")
    assert stored["segments"].count_documents({}) == 0


def test_nothing_is_archived_that_a_running_worker_could_not_read(
    stored: Database[dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has reported that it has no store."""
    stored["worker_reports"].insert_one(
        {"open_circuits": [], "archive_failure": None, "archive_url": None, "at": datetime.now(UTC)}
    )
    monkeypatch.setenv("NERVE_ARCHIVE_URL", (tmp_path / "archive").as_uri())
    refused = run_nerve("archive", "--before", "5")
    assert (refused.code, refused.stdout) == (2, "")
    assert refused.stderr.startswith("nerve: the nerve that is running has another archive_url, ")
    assert stored["segments"].count_documents({}) == 0
