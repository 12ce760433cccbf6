"""The terminal that the commands print to."""

from __future__ import annotations

from rich.console import Console
from rich.progress import Progress, ProgressColumn

output = Console()
errors = Console(stderr=True)


def say(text: str) -> None:
    """Print a line of the result to stdout, as it is."""
    output.print(text, highlight=False, markup=False, soft_wrap=True)


def warn(text: str) -> None:
    """Print a line to stderr, as it is."""
    errors.print(text, highlight=False, markup=False, soft_wrap=True)


def progress_bars(*columns: ProgressColumn, disable: bool = False) -> Progress:
    """Return progress bars that are shown on stderr if it is a terminal, and removed at the end."""
    return Progress(*columns, console=errors, transient=True, disable=disable or not errors.is_terminal)
