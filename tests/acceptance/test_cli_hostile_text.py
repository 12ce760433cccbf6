"""What clients sent is escaped when the command line shows it, on every path to the terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient
from typer.testing import CliRunner

from tests.helpers.command_line import CLI
from tests.helpers.hostile_text import HOSTILE, is_harmless
from tests.helpers.letters.stored import document

TASK = "task-1"


def _line(number: int, command: str, **data: Any) -> str:
    kind = f"nerve.command.{command}"
    line = {"specversion": "1.0", "type": kind, "source": HOSTILE, "id": f"c{number}", "data": data}
    return json.dumps(line)


COMMANDS = (
    _line(1, "CreateTask", id=TASK, title=HOSTILE),
    _line(2, "CancelTask", id=TASK, reason=HOSTILE),
    _line(3, "RegisterAgent", id="agent-1", name=HOSTILE),
    _line(4, HOSTILE),
    _line(5, "CancelTask", id=HOSTILE),
    _line(6, "CreateTask", title="t").replace("c6", "\\u001b[2J"),
)
"""Three that are stored and three that are refused."""


def _old_commit(position: int) -> dict[str, Any]:
    """A commit as it was stored before command ids had to be printable."""
    commit = document(position, "letter-a", 1, (HOSTILE, 1, {"text": HOSTILE}))
    hostile = {"id": HOSTILE, "name": HOSTILE}
    return {**commit, "command": hostile, "actor": HOSTILE, "correlation": HOSTILE, "source": HOSTILE}


@pytest.fixture(scope="module")
def nerve(mongo_url: str, redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CliRunner]:
    """A command line on a log that holds hostile text wherever a client can put it."""
    database = f"test_{uuid4().hex}"
    settings = {"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    runner = CliRunner(env=settings)
    file: Path = tmp_path_factory.mktemp("import") / "commands\x1b[2J.jsonl"
    file.write_text("\n".join(COMMANDS))
    with MongoClient[dict[str, Any]](mongo_url) as client:
        imported = runner.invoke(CLI, ["import", str(file)])
        assert "3 commands stored" in imported.output
        assert is_harmless(imported.output)
        log = client[database]["log"]
        log.insert_one(_old_commit(log.estimated_document_count() + 1))
        yield runner
        client.drop_database(database)


SHOWN = (
    f"events show {TASK}",
    f"events show {TASK} --at 2",
    f"events diff {TASK} 0 2",
    "events show letter-a",
    "events replay",
    f"why {TASK} title",
    f"why {TASK} status",
    "views",
    "verify",
    "processes list",
    "events replay --json",
    "audit --json",
)


@pytest.mark.parametrize("command", SHOWN)
def test_no_command_prints_what_a_terminal_would_obey(nerve: CliRunner, command: str) -> None:
    shown = nerve.invoke(CLI, command.split(), catch_exceptions=False)
    assert is_harmless(shown.output), repr(shown.output)
    assert shown.output


def test_a_trace_of_a_hostile_correlation_id_is_escaped(nerve: CliRunner) -> None:
    shown = nerve.invoke(CLI, ["trace", HOSTILE])
    assert is_harmless(shown.output)
    assert "correlation \\u001b" in shown.output
