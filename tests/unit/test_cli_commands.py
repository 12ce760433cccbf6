"""What all commands of the command line have in common."""

from __future__ import annotations

import os
from importlib.metadata import version

import pytest

from api.cli.points import MAX_INTEGER
from tests.helpers.command_line import Outcome, all_commands, run_nerve

EXPLAIN = ("access", "explain", "{ tasks { nodes { id } } }")

WITHOUT_DATA = {"new", "dev", "serve", "worker", "demo", "simulate-ports", "schema print"}
"""Commands that start something, write code, or print a document of another language."""


def test_every_command_that_prints_data_has_the_option_json() -> None:
    commands = list(all_commands())
    assert {command.path for command in commands if not command.has_json} == WITHOUT_DATA


def test_no_command_takes_an_integer_that_cannot_be_stored() -> None:
    """MongoDB has 64 bits, and JSON parsers have 53."""
    limits = {
        f"{command.path} {parameter.name}": parameter.max
        for command in all_commands()
        for parameter in command.parameters
        if parameter.type_descriptor.annotation is int
    }
    del limits["demo seed"]
    assert len(limits) > 5
    assert [name for name, limit in limits.items() if limit is None or limit > MAX_INTEGER] == []


def test_the_version_is_printed() -> None:
    assert run_nerve("--version") == (0, f"nerve {version('nerve')}\n", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["serv"], "No such command 'serv'. Did you mean 'serve', 'secure'? (see `nerve --help`)"),
        (["events", "show"], "Missing argument 'stream' (see `nerve events show --help`)"),
        (["views", "--nope"], "No such option: --nope (see `nerve views --help`)"),
        (["events", "tail", "--after", str(2**63)], "Invalid value for '--after': "),
        (["events", "show", os.fsdecode(b"task-\xff")], r"the argument 'task-\udcff' is not text in utf-8; "),
        (["import", os.fsdecode(b"\xff.csv")], r"the argument '\udcff.csv' is not text in utf-8; "),
    ],
    ids=["command", "missing", "option", "integer", "undecodable", "file"],
)
@pytest.mark.parametrize("columns", ["40", "200"])
def test_a_wrong_argument_is_one_sentence(
    arguments: list[str], sentence: str, columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However narrow the terminal; the exit code is 2."""
    monkeypatch.setenv("COLUMNS", columns)
    code, stdout, stderr = run_nerve(*arguments)
    assert (code, stdout, stderr.count("\n")) == (2, "", 1)
    assert stderr.startswith(f"nerve: {sentence}")


@pytest.fixture(scope="module")
def explained() -> Outcome:
    """The JSON of a command whose texts have a dash."""
    outcome = run_nerve(*EXPLAIN, "--json")
    assert "—" in outcome.stdout
    return outcome


@pytest.mark.parametrize("encoding", ["ascii", "shift-jis"])
def test_an_encoding_without_a_character_prints_its_number(encoding: str, explained: Outcome) -> None:
    """The help has frames, and JSON stays the same value."""
    shown = run_nerve("access", "keys", "--help", encoding=encoding)
    assert (shown.code, shown.stderr) == (0, "")
    assert "Issue an API key" in shown.stdout
    assert run_nerve(*EXPLAIN, "--json", encoding=encoding).records == explained.records
