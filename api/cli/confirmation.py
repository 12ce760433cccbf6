"""Asks before a command does what cannot be undone."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from api.escaping import escape

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]


def is_interactive() -> bool:
    """Return whether a person can answer, and not a script."""
    return sys.stdin.isatty()


def confirm(question: str) -> None:
    """Ask, and end the command unless the answer is yes; no input stands for no."""
    typer.confirm(escape(question), abort=True, err=True)
