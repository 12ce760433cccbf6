"""Prints the data of commands: for people as tables and sentences, for programs as JSON.

Each command that prints data has the option ``--json``. Its data are records: mappings with names of the API.
Every record is one line of JSON.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any

import typer
from rich.table import Table

from api.cli.terminal import print_document, print_table, say, warn
from api.encoding import encode
from domain.kernel.names import client_name

Record = Mapping[str, Any]
"""Values by names of the API: those of JSON, and datetimes, which `encode` writes as the API does."""

Cell = str | Callable[[Record], str]
"""A column of a table: the name of a field, or a function from the record to the text."""

AsJson = Annotated[
    bool,
    typer.Option("--json", help="Print JSON: one object a line, with the names of the API."),
]


def to_record(fields: Mapping[str, Any], names: Iterable[str] | None = None) -> dict[str, Any]:
    """Return the record of these fields, or of those with these names, renamed as the API names them."""
    return {client_name(name): fields[name] for name in (fields if names is None else names)}


def print_record(record: Record) -> None:
    """Print a record as JSON on one line."""
    print_document(encode(record).decode())


def print_records(
    records: Iterable[Record], columns: Mapping[str, Cell], *, as_json: bool, empty: str
) -> None:
    """Print records as lines of JSON, or as a table with these columns; without any, print `empty`."""
    if as_json:
        for record in records:
            print_record(record)
        return
    table = Table(*columns)
    for record in records:
        table.add_row(*(_text(record, cell) for cell in columns.values()))
    if table.row_count:
        print_table(table)
    else:
        say(empty)


def print_result(record: Record, text: str, *, as_json: bool) -> None:
    """Print the result of a command: the record as JSON, or the text for people."""
    if as_json:
        print_record(record)
    else:
        say(text)


def sentence_printer(*, as_json: bool) -> Callable[[str], None]:
    """Return the function that prints sentences for people: to stderr, if stdout has JSON."""
    return warn if as_json else say


def format_value(value: object) -> str:
    """Return a value as the text of a cell; ``-`` stands for none."""
    match value:
        case None | "" | []:
            return "-"
        case datetime():
            return f"{value:%Y-%m-%d %H:%M:%S}"
        case Sequence() if not isinstance(value, str):
            return ", ".join(map(format_value, value))
    return str(value)


def _text(record: Record, cell: Cell) -> str:
    return format_value(record[cell]) if isinstance(cell, str) else cell(record)
