"""Asks before a command does what cannot be undone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from api.cli.terminal import ask

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def is_interactive() -> bool:
    """Return whether a person can answer, and not a script."""
    return sys.stdin.isatty()


def confirm(question: str) -> None:
    """Ask, and end the command unless the answer is yes; no input stands for no."""
    if ask(f"{question} [y/N]").lower() not in ("y", "yes"):
        raise typer.Abort
