"""Asks before a command does what cannot be undone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from api.cli.terminal import ask, errors
from domain.kernel.errors import ConfigurationError

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def is_interactive() -> bool:
    """Return whether a person can answer, and not a script; standard input may be closed."""
    return sys.stdin is not None and sys.stdin.isatty()


def confirm(question: str) -> None:
    """Ask, and end the command unless the answer is yes; no input stands for no.

    Raises ConfigurationError where a person would have to answer a question that is not shown.
    """
    if is_interactive() and not errors.file.isatty():
        raise ConfigurationError(
            "a question must be answered, but standard error is not the terminal that shows it; use --yes"
        )
    if ask(f"{question} [y/N]").lower() not in ("y", "yes"):
        raise typer.Abort
