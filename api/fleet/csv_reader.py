"""Reads process logs as CSV. A row with malformed quotes is refused alone, where it begins."""

from __future__ import annotations

import csv
import io
import re
from collections import deque
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from api.fleet.activity import ProcessLogRow
from api.fleet.columns import attribute_names, describe_columns
from api.transfer.import_options import ImportOptions
from api.transfer.rows import RefusedRow
from api.transfer.text_encodings import UTF_8
from domain.kernel.errors import ValidationFailed

DELIMITERS = ",;\t|"
_DELIMITER_NAMES = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}


class _Header(NamedTuple):
    delimiter: str
    columns: list[str]
    names: list[str]


def read_csv(stream: BinaryIO, options: ImportOptions) -> Iterator[ProcessLogRow | RefusedRow]:
    """Yield the rows of a CSV file; its first line has the names of the columns.

    Raises ValidationFailed where the header lacks a required column.
    """
    encoding = options.encoding or UTF_8
    # Bytes of another encoding are marked, so that only their row is refused and not the file.
    errors = "surrogateescape" if encoding == UTF_8 else "replace"
    text = io.TextIOWrapper(stream, encoding, errors=errors, newline="")
    try:
        header = _read_header(text.readline().lstrip("\ufeff"), options)
        options.on_note(f"is read as {_describe(header, encoding)}")
        yield from _rows(text, header, encoding)
    finally:
        text.detach()


def _read_header(line: str, options: ImportOptions) -> _Header:
    """Return the header, with the first delimiter by which it has all required columns."""
    delimiters = options.delimiter or sorted(DELIMITERS, key=line.count, reverse=True)
    refusals = []
    for delimiter in delimiters:
        try:
            columns = next(csv.reader([line], delimiter=delimiter, strict=True), [])
            return _Header(delimiter, columns, attribute_names(columns, options.columns))
        except csv.Error as error:
            refusals.append(ValidationFailed(f"line 1 is not CSV: {error}"))
        except ValidationFailed as error:
            refusals.append(error)
    raise refusals[0]


def _describe(header: _Header, encoding: str) -> str:
    """Return how the file is read, for the user to check."""
    separated = _DELIMITER_NAMES.get(header.delimiter, repr(header.delimiter))
    columns = describe_columns(header.columns, header.names)
    return f"{encoding.removesuffix('-sig')}, separated by {separated}" + (columns and f"; {columns}")


class _Lines:
    """The lines of a text with their numbers. Those that a record took too many can be put back."""

    def __init__(self, text: Iterator[str], number: int) -> None:
        self.number = number
        self.taken: list[str] = []
        self._text = text
        self._returned: deque[str] = deque()

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._returned.popleft() if self._returned else next(self._text)
        self.number += 1
        self.taken.append(line)
        return line

    def put_back(self) -> None:
        """Put back all lines but the first that were taken since `taken` was cleared."""
        rest = self.taken[1:]
        self._returned.extendleft(reversed(rest))
        self.number -= len(rest)


def _rows(text: io.TextIOWrapper, header: _Header, encoding: str) -> Iterator[ProcessLogRow | RefusedRow]:
    lines = _Lines(text, 1)
    reader = csv.reader(lines, delimiter=header.delimiter, strict=True)
    invalid = re.compile("[\ud800-\udfff]" if encoding == UTF_8 else "[\ud800-\udfff\ufffd]")
    while True:
        lines.taken.clear()
        line = lines.number + 1
        try:
            values = next(reader)
            reason = _refusal(values, lines.taken, header, invalid, encoding)
        except StopIteration:
            return
        except csv.Error as error:
            reason = f"is not CSV, and was left out alone: {error}"
            lines.put_back()
            reader = csv.reader(lines, delimiter=header.delimiter, strict=True)
        else:
            if reason is not None and len(lines.taken) > 1:
                lines.put_back()
        if reason is not None:
            yield RefusedRow(line, reason)
        elif values:
            yield ProcessLogRow(line, dict(zip(header.names, values, strict=True)))


def _refusal(
    values: list[str], taken: list[str], header: _Header, invalid: re.Pattern[str], encoding: str
) -> str | None:
    """Return what is wrong with a record of these lines; None if nothing is."""
    if not values:
        return None
    if any(_is_record(line, header) for line in taken[1:]):
        return "has a quote that does not end in its row, and was left out alone"
    if len(values) != len(header.names):
        return f"has {len(values)} fields, but the header has {len(header.names)}"
    text = "".join(values)
    if not text.isascii() and invalid.search(text):
        return f"is not {encoding.removesuffix('-sig').upper()} text; name the encoding with --encoding"
    return None


def _is_record(line: str, header: _Header) -> bool:
    """Return whether a line would be a row by itself, so that an earlier quote has swallowed it."""
    try:
        values = next(csv.reader([line], delimiter=header.delimiter), [])
    except csv.Error:
        return False
    return len(values) == len(header.names)
