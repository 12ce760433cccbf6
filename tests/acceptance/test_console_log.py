"""What the console shows equals the log: random visits in a browser, compared with an export of the log."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from random import Random
from secrets import token_hex
from typing import Any

import pytest
from typer.testing import CliRunner

from api.access.callers import Caller
from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR
from tests.acceptance.clients.programs import build_pages, run_in_browser
from tests.helpers.command_line import CLI
from tests.helpers.exported_log import ABSENT, ExportedCommit, ExportedLog, data_of, differences
from tests.helpers.random_history import RandomHistory
from tests.helpers.served_api import serve
from tests.helpers.token_access import EDITOR, Tokens

ACTORS = ("ada", "bob", "<b>eve</b>")
COMMANDS = 60
VERSIONS = 12
WITHOUT_NODE = {"process.started", "process.reacted"}
"""Types of events for which the node of their commit stands in a trace."""


@pytest.mark.browser
def test_what_is_on_the_screen_equals_the_log(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path
) -> None:
    """Random entities at random versions, and random traces: values, reasons and events, one by one."""
    build_pages()
    seed = token_hex(4)
    print(f"seed {seed}")
    random, tokens = Random(seed), Tokens()
    headers = [{"authorization": _grant(tokens, actor, *EDITOR)} for actor in ACTORS]
    administrator = {"authorization": _grant(tokens, "reader", ADMINISTRATOR)}
    with serve(tokens, mongo_url=mongo_url, redis_url=redis_url, database=database) as served:
        traces = [f"{random.getrandbits(128):032x}" for _ in range(3)]
        history = RandomHistory(served, headers, random, traces)
        history.fill(COMMANDS)
        traces.append(history.form_team(administrator))
        log = _export(mongo_url, redis_url, database, tmp_path / "log.jsonl")
        visits = [*_versions(log, random), *({"page": "trace", "id": trace} for trace in traces)]
        plan = {"base": f"http://127.0.0.1:{served.port}", "token": "reader", "visits": visits}
        seen = run_in_browser("log-walk", plan)
    assert seen["problems"] == []
    for visit, shown in zip(visits, seen["shown"], strict=True):
        check = _check_entity if visit["page"] == "entity" else _check_trace
        check(log, visit, shown)


def _grant(tokens: Tokens, name: str, *roles: str) -> str:
    """Let a caller in; return the header with its token."""
    return tokens.grant(name, Caller(Scope("default", name), name, frozenset(roles)))


def _export(mongo_url: str, redis_url: str, database: str, path: Path) -> ExportedLog:
    environment = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    result = CliRunner(env=environment).invoke(CLI, ["export", str(path)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return ExportedLog(path.read_bytes())


def _versions(log: ExportedLog, random: Random) -> Iterator[dict[str, Any]]:
    """Yield visits to random versions of random tasks and documents."""
    streams = [stream for stream in log.streams if stream.startswith(("task-", "document-"))]
    for _ in range(VERSIONS):
        commits = log.history(random.choice(streams))
        version = random.randint(1, commits[-1].version)
        # A number inside a commit shows the version after it.
        shows = next(commit.version for commit in commits if commit.version >= version)
        yield {"page": "entity", "id": commits[0].stream, "version": version, "shows": shows}


def _check_entity(log: ExportedLog, visit: dict[str, Any], shown: dict[str, Any]) -> None:
    commits = [commit for commit in log.history(visit["id"]) if commit.version <= visit["shows"]]
    commit, previous = commits[-1], commits[-2].version if len(commits) > 1 else 0
    row = log.row(commit.stream, commit.version) or {}
    before = log.row(commit.stream, previous) or {}
    # Before the first version there is nothing to compare it with.
    changes = sorted(differences(before, row), key=lambda change: change[0]) if previous else []
    line = commit.first
    assert shown["facts"] == {
        "command": line["command"],
        "actor": line.get("actor", "nobody signed in"),
        "happened": line["time"],
        "recorded": commit.recorded,
        "command id": line["commandid"],
        "correlation": line["correlationid"],
    }
    events = [(kind, _text(_without_nulls(json.loads(data)))) for kind, data in shown["events"]]
    assert events == [(line["type"], _text(data_of(line))) for line in commit.lines]
    assert {name: _canonical(value) for name, value in shown["row"]} == {
        name: _text(value) for name, value in row.items()
    }
    assert sorted((path, *map(_canonical, values)) for path, *values in shown["changes"]) == [
        (path, *map(_text, values)) for path, *values in changes
    ]
    assert shown["versions"] == [_version(commit) for commit in reversed(log.history(commit.stream))]
    if commit.stream.startswith("task-"):
        names = ("status", "agentId", "workflowId", "startedAt")
        assert _canonical(shown["state"]) == _text({name: row[name] for name in names})


def _check_trace(log: ExportedLog, visit: dict[str, Any], shown: list[dict[str, Any]]) -> None:
    commits = log.trace(visit["id"])
    events = [
        (line["subject"], f"v{line['streamversion']}", line.get("actor", ""), commit.recorded)
        for commit in commits
        for line in commit.lines
        if line["type"] not in WITHOUT_NODE
    ]
    with_event = [row for row in shown if row["version"]]
    assert sorted(_place(row) for row in with_event) == sorted(events)
    names = {line["type"] for commit in commits for line in commit.lines}
    assert {row["name"] for row in with_event if row["kind"] == "event"} <= names
    if all(line.get("causationid") is None for commit in commits for line in commit.lines):
        rows = [row for commit in commits for row in _command_and_events(commit)]
        assert [(row["depth"], row["kind"], row["name"], *_place(row)) for row in shown] == rows


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["stream"], row["version"], row["actor"], row["time"]


def _command_and_events(commit: ExportedCommit) -> Iterator[tuple[Any, ...]]:
    """Yield the rows of a commit that a client asked for, as a trace shows them."""
    line = commit.first
    yield 0, "command", line["command"], commit.stream, None, line.get("actor", ""), commit.recorded
    for line in commit.lines:
        version = f"v{line['streamversion']}"
        yield 1, "event", line["type"], commit.stream, version, line.get("actor", ""), commit.recorded


def _version(commit: ExportedCommit) -> dict[str, str]:
    return {
        "version": str(commit.version),
        "types": ", ".join(line["type"] for line in commit.lines),
        "time": commit.first["time"],
        "actor": commit.first.get("actor", ""),
    }


def _without_nulls(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if value is not None}


def _canonical(text: str) -> str:
    """Return JSON from the page as `_text` writes it."""
    return _text(json.loads(text))


def _text(value: Any) -> str:
    """Return a value as JSON. Numbers with the same value have the same text, as in a browser."""
    return json.dumps(_plain(value), sort_keys=True)


def _plain(value: Any) -> Any:
    if value is ABSENT:
        return {"absent": True}
    if isinstance(value, dict):
        return {name: _plain(member) for name, member in value.items()}
    if isinstance(value, list):
        return [_plain(member) for member in value]
    is_whole = isinstance(value, float) and value.is_integer() and abs(value) < 2**53
    return int(value) if is_whole else value
