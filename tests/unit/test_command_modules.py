"""The command line imports the modules of the command in use, and of no other."""

from __future__ import annotations

import subprocess
import sys
from functools import cache

import pytest

from api.cli.app import COMMANDS, PANELS, build_app


@cache
def loaded_by(command: str) -> set[str]:
    """The modules that a process has loaded for the command, but for Python's own."""
    code = f"import sys; from api.cli.app import build_app; build_app({command!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {*done.stdout.split()} - sys.stdlib_module_names


@pytest.mark.parametrize("command", ["dev", "worker", "views"])
def test_a_command_that_serves_no_graphql_loads_no_graphql(command: str) -> None:
    modules = loaded_by(command)
    assert f"api.cli.{PANELS[COMMANDS[command]][command].partition(':')[0]}" in modules
    assert not {"graphql", "strawberry", "uvicorn", "api.graphql"} & modules


def test_a_command_that_runs_no_processes_loads_no_client_of_their_ports() -> None:
    assert "aiohttp" not in loaded_by("serve") | loaded_by("dev")


def test_every_command_has_its_module() -> None:
    app = build_app()
    names = [one.name for one in app.registered_commands] + [one.name for one in app.registered_groups]
    assert sorted(map(str, names)) == sorted(COMMANDS)


def test_a_chosen_command_is_the_only_one_and_a_mistyped_one_leaves_all() -> None:
    assert [one.name for one in build_app("serve").registered_commands] == ["serve"]
    assert len(build_app("serv").registered_commands) == len(build_app().registered_commands)
