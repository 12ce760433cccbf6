"""Readers that import process logs as commands of the example contexts, by file suffix."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from api.fleet.activity import LoggedActivity, ProcessLogRow, parse_activity
from api.fleet.activity_store import ActivityStore
from api.fleet.csv_reader import read_csv
from api.fleet.known_cases import find_known_cases, import_source
from api.fleet.plan import ProcessPlan
from api.fleet.xes_reader import read_xes
from api.transfer.import_files import open_file, reader_of, uncompressed_name
from api.transfer.import_options import (
    PAUSE_EVERY,
    FileReader,
    FileRows,
    ImportOptions,
    StoredCommands,
    check_has_rows,
)
from api.transfer.rows import PlannedRow, RefusedRow
from api.transfer.text_encodings import SAMPLE_BYTES, guess_encoding
from domain.kernel.errors import ValidationFailed

RowReader = Callable[[BinaryIO, ImportOptions], Iterator[ProcessLogRow | RefusedRow]]

ROW_READERS: Mapping[str, RowReader] = {".csv": read_csv, ".xes": read_xes}


def read_activities(
    path: Path, options: ImportOptions | None = None
) -> Iterator[LoggedActivity | RefusedRow]:
    """Yield the activities of a process log, and the rows that are not valid activities."""
    options = options or ImportOptions()
    read_rows = reader_of(path, ROW_READERS)
    if read_rows is read_csv and options.encoding is None:
        with open_file(path) as stream:
            options = replace(options, encoding=guess_encoding(stream.read(SAMPLE_BYTES)))
    with open_file(path) as stream:
        for row in read_rows(stream, options):
            yield row if isinstance(row, RefusedRow) else _parse(row, options.transitions)


def _parse(row: ProcessLogRow, transitions: Mapping[str, str]) -> LoggedActivity | RefusedRow:
    try:
        return parse_activity(row, transitions)
    except ValidationFailed as error:
        return RefusedRow(row.line, str(error))


async def _read_process_log(path: Path, options: ImportOptions, stored: StoredCommands) -> FileRows:
    activities = await _store_activities(path, options)
    # The name of a file may have bytes that are no text.
    source = (options.source or uncompressed_name(path)).encode(errors="backslashreplace").decode()
    known = await find_known_cases(activities, source, options.source is not None, stored)
    plan = ProcessPlan(activities, options.scope, import_source(source), known.ids, known.stored_tasks)
    return FileRows(_planned_rows(activities, plan), activities.count)


async def _store_activities(path: Path, options: ImportOptions) -> ActivityStore:
    activities = ActivityStore()
    for row in read_activities(path, options):
        activities.add(row)
        if activities.count % PAUSE_EVERY == 0:
            await asyncio.sleep(0)
    check_has_rows(path, activities.count)
    activities.sort()
    return activities


def _planned_rows(activities: ActivityStore, plan: ProcessPlan) -> Iterator[PlannedRow | RefusedRow]:
    yield from activities.refused()
    yield from plan.rows()
    activities.database.close()


PROCESS_LOG_READERS: Mapping[str, FileReader] = dict.fromkeys(ROW_READERS, _read_process_log)
