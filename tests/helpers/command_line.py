"""The command line of nerve, to be invoked in the process of a test."""

from __future__ import annotations

import io
import json
import signal
import sys
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest
import typer

from api.cli import main
from api.cli.app import build_app

CLI = build_app()
"""The application with all commands."""

JSON = "--json"


class Outcome(NamedTuple):
    """What a command has printed, and its exit code."""

    code: int
    stdout: str
    stderr: str

    @property
    def records(self) -> list[Any]:
        """The lines of JSON on stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]


class InterruptingOutput(io.BytesIO):
    """An output that interrupts this process when something is printed to it, as Ctrl-C does."""

    def write(self, content: Any, /) -> int:
        signal.raise_signal(signal.SIGINT)
        return super().write(content)


class TerminalInput(io.StringIO):
    """What a person types."""

    def isatty(self) -> bool:
        return True


class TerminalOutput(io.TextIOWrapper):
    """What a person reads."""

    def isatty(self) -> bool:
        return True


def run_nerve(
    *arguments: str, encoding: str = "utf-8", output: io.BytesIO | None = None, answer: str | None = None
) -> Outcome:
    """Run `main` with these arguments; a program reads its output, in this encoding.

    With `answer` a person reads stderr and types this line; without it there is no person.
    """
    contents = output or io.BytesIO(), io.BytesIO()
    writers = io.TextIOWrapper, io.TextIOWrapper if answer is None else TerminalOutput
    stdout, stderr = (
        writer(each, encoding=encoding, write_through=True)
        for writer, each in zip(writers, contents, strict=True)
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (("argv", ["nerve", *arguments]), ("stdout", stdout), ("stderr", stderr)):
            patch.setattr(sys, name, value)
        patch.setattr(sys, "stdin", io.StringIO() if answer is None else TerminalInput(f"{answer}\n"))
        with pytest.raises(SystemExit) as end:
            main()
    return Outcome(int(end.value.code or 0), *(each.getvalue().decode(encoding) for each in contents))


class CommandInfo(NamedTuple):
    """A command by its path, such as ``views rebuild``, with its parameters."""

    path: str
    parameters: list[Any]

    @property
    def has_json(self) -> bool:
        return any(JSON in parameter.opts for parameter in self.parameters)


def all_commands() -> Iterator[CommandInfo]:
    """Yield every command, also of groups, and each group that does something by itself."""
    yield from _commands("", typer.main.get_command(CLI))


def _commands(path: str, command: Any) -> Iterator[CommandInfo]:
    below = getattr(command, "commands", {})
    if path and (not below or command.invoke_without_command):
        yield CommandInfo(path, command.params)
    for name, each in below.items():
        yield from _commands(f"{path} {name}".strip(), each)
