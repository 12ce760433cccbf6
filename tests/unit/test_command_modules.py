"""The command line imports the modules of the command in use, and of no other."""

from __future__ import annotations

import subprocess
import sys
from functools import cache
from typing import Any

import pytest
from typer.main import get_command

from api.cli.app import COMMANDS, PANELS, build_app, build_index
from tests.helpers.command_line import CLI


@cache
def loaded_by(command: str) -> set[str]:
    """The modules that a process has loaded for the command, but for Python's own."""
    code = f"import sys; from api.cli.app import build_app; build_app({command!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {*done.stdout.split()} - sys.stdlib_module_names


@pytest.mark.parametrize("command", ["dev", "worker", "views"])
def test_a_command_that_serves_no_graphql_loads_no_graphql(command: str) -> None:
    modules = loaded_by(command)
    assert f"api.cli.{PANELS[COMMANDS[command]][command].place.partition(':')[0]}" in modules
    assert not {"graphql", "strawberry", "uvicorn", "api.graphql"} & modules


def test_a_command_that_runs_no_processes_loads_no_client_of_their_ports() -> None:
    assert "aiohttp" not in loaded_by("serve") | loaded_by("dev")


def test_the_list_of_commands_loads_no_command() -> None:
    code = "import sys; from api.cli.app import build_index; build_index(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    modules = {one.place.partition(":")[0] for commands in PANELS.values() for one in commands.values()}
    assert not {f"api.cli.{module}" for module in modules} & {*done.stdout.split()}


def test_the_list_has_the_first_sentences_of_the_help_of_each_command() -> None:
    listed = {name: one.summary for commands in PANELS.values() for name, one in commands.items()}
    commands: dict[str, Any] = get_command(CLI).commands  # type: ignore[attr-defined]
    shown = {name: command.help.partition("\n\n")[0] for name, command in commands.items()}
    assert {name: " ".join(text.split()) for name, text in shown.items()} == listed


def test_a_chosen_command_is_the_only_one_and_the_list_has_all() -> None:
    assert [one.name for one in build_app("serve").registered_commands] == ["serve"]
    assert [one.name for one in build_index().registered_commands] == list(COMMANDS)
