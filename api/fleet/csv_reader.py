"""Process logs as CSV with the XES standard column names."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from api.fleet.activity import REQUIRED
from api.transfer.rows import ProcessLogRow, RefusedRow
from domain.kernel.errors import ValidationFailed

DELIMITERS = ",;\t"


def read_csv(stream: BinaryIO) -> Iterator[ProcessLogRow | RefusedRow]:
    """The rows of a CSV file; its first line tells the names, and which of ``, ;`` and tab divides them.

    Raises ValidationFailed where the header has not the columns that every row needs.
    """
    # What is not UTF-8 becomes a lone surrogate, which refuses the row and not the file.
    text = io.TextIOWrapper(stream, "utf-8-sig", errors="surrogateescape", newline="")
    try:
        yield from _rows(text)
    finally:
        text.detach()


def _rows(text: io.TextIOWrapper) -> Iterator[ProcessLogRow | RefusedRow]:
    first = text.readline()
    delimiter = max(DELIMITERS, key=first.count)
    header = next(csv.reader([first], delimiter=delimiter), [])
    missing = [name for name in REQUIRED if name not in header]
    if missing:
        raise ValidationFailed(f"line 1 must name the columns; there is no {', '.join(missing)}")
    reader = csv.reader(text, delimiter=delimiter)
    while True:
        line = reader.line_num + 2
        try:
            values = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield RefusedRow(line, f"is not CSV: {error}")
            continue
        if len(values) == len(header):
            yield ProcessLogRow(line, dict(zip(header, values, strict=True)))
        elif values:
            yield RefusedRow(line, f"has {len(values)} fields where the header has {len(header)}")
