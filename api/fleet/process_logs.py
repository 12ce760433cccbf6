"""Readers that import process logs as commands of the example contexts, by file suffix."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from api.fleet.activity import Activity, ProcessLogRow, parse_activity
from api.fleet.csv_reader import read_csv
from api.fleet.plan import ProcessPlan
from api.fleet.xes_reader import read_xes
from api.transfer.import_files import FileReader, FileRows, file_suffix, open_file
from api.transfer.rows import RefusedRow
from domain.kernel import Scope
from domain.kernel.errors import ValidationFailed

ROW_READERS: Mapping[str, Callable[[BinaryIO], Iterator[ProcessLogRow | RefusedRow]]] = {
    ".csv": read_csv,
    ".xes": read_xes,
}


def read_activities(path: Path) -> tuple[list[Activity], list[RefusedRow]]:
    """Return all activities of a process log, and the rows that are not valid activities."""
    activities: list[Activity] = []
    refused: list[RefusedRow] = []
    read_rows = ROW_READERS[file_suffix(path)]
    with open_file(path) as stream:
        for row in read_rows(stream):
            parsed = row if isinstance(row, RefusedRow) else _parse(row)
            if isinstance(parsed, RefusedRow):
                refused.append(parsed)
            else:
                activities.append(parsed)
    return activities, refused


def _parse(row: ProcessLogRow) -> Activity | RefusedRow:
    try:
        return parse_activity(row)
    except ValidationFailed as error:
        return RefusedRow(row.line, str(error))


def _read_process_log(path: Path, scope: Scope) -> FileRows:
    activities, refused = read_activities(path)
    plan = ProcessPlan(activities, scope, f"import:{path.name}")
    return FileRows(chain(refused, plan.rows()), len(activities) + len(refused))


PROCESS_LOG_READERS: Mapping[str, FileReader] = dict.fromkeys(ROW_READERS, _read_process_log)
