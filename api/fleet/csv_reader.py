"""Reads process logs as CSV with the column names of the XES standard."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import BinaryIO

from api.fleet.activity import REQUIRED, ProcessLogRow
from api.transfer.rows import RefusedRow
from domain.kernel.errors import ValidationFailed

DELIMITERS = ",;\t"


def read_csv(stream: BinaryIO) -> Iterator[ProcessLogRow | RefusedRow]:
    """Yield the rows of a CSV file; its first line has the column names, separated by comma, ``;`` or tab.

    Raises ValidationFailed where the header lacks a required column.
    """
    # Bytes that are not UTF-8 become lone surrogates, so that only their row is refused and not the file.
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
        raise ValidationFailed(f"line 1 must name the columns, and lacks {', '.join(missing)}")
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
            yield RefusedRow(line, f"has {len(values)} fields, but the header has {len(header)}")
