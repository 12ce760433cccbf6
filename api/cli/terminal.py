"""The terminal that the commands print to: the only place that writes to stdout and stderr.

All text is escaped here, because ids, reasons and errors come from clients.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.progress import Progress, ProgressColumn
from rich.segment import Segment
from rich.table import Column, Table
from rich.text import Text

from api.escaping import escape


class EscapingConsole(Console):
    """Escapes all text, and interprets no markup, emoji codes or addresses in it."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr, markup=False, emoji=False, highlight=False)

    def render_str(self, text: str, **options: Any) -> Text:
        # Before rich measures the text, so that the columns of tables are wide enough.
        return super().render_str(escape(text), **options)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=escape(segment.text))


TEXT_WIDTH = 16
"""Characters below which no text is folded; so a table may be wider than a narrow terminal."""

output = EscapingConsole()
errors = EscapingConsole(stderr=True)

_UNLIMITED = output.options.update(max_width=1_000_000_000)
"""Options that measure a table regardless of the width of the terminal."""


def say(text: str | Text) -> None:
    """Print a line of the result to stdout; its length does not depend on the width of the terminal."""
    output.print(text, soft_wrap=True)


def warn(text: str) -> None:
    """Print a line to stderr."""
    errors.print(text, soft_wrap=True)


def ask(question: str) -> str:
    """Print a question to stderr, and return the line that is typed; nothing at the end of the input.

    A closed standard input is at its end.
    """
    errors.print(question, end=" ", soft_wrap=True)
    answer = "" if sys.stdin is None else sys.stdin.readline()
    if not answer.endswith("\n"):
        warn("")
    return answer.strip()


def print_table(table: Table) -> None:
    """Print a table to stdout, and cut nothing off.

    On a terminal texts are folded to its width, and ids and numbers stay whole, so that they can be copied.
    Elsewhere nothing is folded, however wide the table becomes.
    """
    if output.file.isatty():
        for column in table.columns:
            _fit(column)
    else:
        table.width = output.measure(table, options=_UNLIMITED).maximum
    output.print(table, soft_wrap=True)


def _fit(column: Column) -> None:
    cells = [escape(str(cell)) for cell in column.cells]
    width = max(map(cell_len, (str(column.header), *cells)))
    if any(" " in cell for cell in cells):
        column.overflow, column.min_width = "fold", min(width, TEXT_WIDTH)
    else:
        column.no_wrap, column.min_width = True, width


def print_document(text: str) -> None:
    """Print JSON or a schema to stdout for other programs, without styles and line breaks of the terminal.

    It is sent at once, because a program may wait for it.
    """
    sys.stdout.write(f"{escape(text)}\n")
    sys.stdout.flush()


def progress_bars(*columns: ProgressColumn, disable: bool = False) -> Progress:
    """Return progress bars that are shown on stderr if it is a terminal, and removed at the end."""
    return Progress(*columns, console=errors, transient=True, disable=disable or not errors.is_terminal)
