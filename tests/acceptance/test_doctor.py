"""`nerve doctor` against servers that run, that do not, and that refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from typer.testing import CliRunner

from tests.helpers.command_line import CLI
from tests.helpers.worker_processes import worker_on_new_database

NO_API = {"NERVE_PORT": "1"}
"""A port on which nothing listens, whatever else runs on this machine."""

NOWHERE = {
    "NERVE_MONGO_URL": "mongodb://u:marked@127.0.0.1:1/",
    "NERVE_REDIS_URL": "redis://:marked@127.0.0.1:1",
}


@pytest.fixture(scope="module")
def environment(mongo_url: str, redis_url: str) -> Iterator[dict[str, str]]:
    with worker_on_new_database(mongo_url, redis_url) as settings:
        yield settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _signs(environment: dict[str, str], *arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    settings = {**NO_API, **environment}
    outcome = CliRunner(env=settings).invoke(CLI, ["doctor", "--json", *arguments], catch_exceptions=False)
    findings = [json.loads(line) for line in outcome.stdout.splitlines()]
    assert all(each["remedy"] for each in findings if each["sign"] != "ok")
    found = {each["check"]: (each["sign"], each["text"]) for each in findings}
    assert len(found) == len(findings)
    for name in ("NERVE_MONGO_URL", "NERVE_REDIS_URL"):
        assert (urlsplit(environment.get(name, "")).password or "none of it") not in outcome.output
    return outcome.exit_code, found


def test_a_deployment_is_checked_as_a_whole(environment: dict[str, str]) -> None:
    key = {"NERVE_MASTER_KEY": "A" * 43 + "="}
    code, found = _signs({**environment, **key})
    assert code == 0, found
    weak = {"authentication", "replica set", "API"}
    assert {check for check, (sign, _) in found.items() if sign != "ok"} == weak
    assert found["user of MongoDB"] == ("ok", "embedded")
    assert found["Redis"][1].endswith(", with a password")
    assert found["environment"][1].startswith("NERVE_DATABASE, NERVE_MASTER_KEY, NERVE_MONGO_URL, NERVE_")
    assert found["workers"][1].startswith("running, with ")
    assert found["API"] == ("warn", "nothing answers at http://127.0.0.1:1 (ClientConnectorError)")
    parts = ("versions", "clock", "view tasks", "dead letters", "archive", "seal of the log", "webhooks")
    assert found.keys() > set(parts)


def test_a_missing_master_key_is_a_failure_with_the_exit_code(environment: dict[str, str]) -> None:
    outcome = CliRunner(env={**NO_API, **environment}).invoke(CLI, ["doctor"], catch_exceptions=False)
    assert outcome.exit_code == 1
    assert "fail  master key: not set, so events with personal data are refused; set NERVE_" in outcome.output
    assert "ok    master" not in outcome.output
    lines = outcome.output.splitlines()
    headings = [line for line in lines if line.isupper()]
    assert headings == ["SETTINGS", "MACHINE", "SERVERS", "LOG", "CONSUMERS", "FAILURES"]
    assert lines[-1].startswith("1 to correct, 3 to improve, ")


def test_servers_that_do_not_answer_are_findings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eventstore.mongo.driver.TIMEOUTS", {"serverSelectionTimeoutMS": 200})
    code, found = _signs(NOWHERE)
    assert code == 1
    assert found["MongoDB"] == ("fail", "does not answer")
    assert found["Redis"][1].startswith("does not answer (ConnectionError)")
    assert found["versions"][0] == "ok"


def test_servers_that_refuse_the_password_are_findings(environment: dict[str, str]) -> None:
    wrong = {
        name: url.replace(urlsplit(url).password or "", "marked")
        for name, url in environment.items()
        if name.endswith("_URL")
    }
    code, found = _signs({**environment, **wrong})
    assert code == 1
    assert found["MongoDB"] == ("fail", "MongoDB refuses the user and password of mongo_url")
    assert found["Redis"] == (
        "fail",
        "refuses the password in redis_url, or that is not a Redis URL",
    )


def test_without_servers_the_rest_is_checked() -> None:
    code, found = _signs({})
    assert code == 1
    assert found["MongoDB"] == ("fail", "mongo_url is not set, and no `nerve dev` is running")


@pytest.mark.parametrize("settings", [{"NERVE_LOG_LEVEL": "loud"}, {"NERVE_CONTEXTS": "nowhere"}])
def test_wrong_settings_and_contexts_are_findings(settings: dict[str, str]) -> None:
    code, found = _signs(settings)
    assert code == 1
    check, name = (
        ("settings", "NERVE_LOG_LEVEL") if "NERVE_LOG_LEVEL" in settings else ("contexts", "nowhere")
    )
    assert found[check][0] == "fail"
    assert name in found[check][1]
    assert ("Redis" in found) == (check == "contexts")
