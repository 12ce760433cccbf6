"""Process logs as files: rows of XES attributes, written as CSV and as XES in any encoding."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from xml.sax.saxutils import quoteattr

CASE = "case:concept:name"
TRACE = "case:"
"""Begins the names of attributes of a case, which are those of a trace in XES."""

Attributes = Mapping[str, str]
"""The attributes of an event and of its case by their names in CSV; an empty one is left out in XES."""


def write_csv(rows: Sequence[Attributes], encoding: str) -> bytes:
    """Return the rows as CSV, separated by semicolons."""
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, rows[0], delimiter=";")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode(encoding)


def write_xes(rows: Sequence[Attributes], encoding: str) -> bytes:
    """Return the rows as XES, with a trace for each case, whose events are in the order of the rows."""
    cases: dict[str, list[Attributes]] = defaultdict(list)
    for row in rows:
        cases[row[CASE]].append(row)
    traces = "".join(map(_trace, cases.values()))
    declared = encoding.removesuffix("-sig")
    return f'<?xml version="1.0" encoding="{declared}"?>\n<log>{traces}</log>'.encode(encoding)


def _trace(rows: Sequence[Attributes]) -> str:
    of_case = {name.removeprefix(TRACE): value for name, value in rows[0].items() if name.startswith(TRACE)}
    events = [
        _attributes({name: value for name, value in row.items() if not name.startswith(TRACE)})
        for row in rows
    ]
    return f"<trace>{_attributes(of_case)}{''.join(f'<event>{event}</event>' for event in events)}</trace>"


def _attributes(values: Attributes) -> str:
    return "".join(
        f"<{_tag(name)} key={quoteattr(name)} value={quoteattr(value)}/>"
        for name, value in values.items()
        if value
    )


def _tag(name: str) -> str:
    return "date" if name.endswith(("timestamp", "date")) else "string"
