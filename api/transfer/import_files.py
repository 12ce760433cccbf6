"""Files to import: what they are, and the rows in them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from api.fleet.activity import Activity, parse_activity
from api.fleet.csv_reader import read_csv
from api.fleet.xes_reader import read_xes
from api.transfer.rows import ProcessLogRow, RefusedRow
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.zstd import MAGIC, ZstdError, ZstdFile

LOGS: dict[str, Callable[[BinaryIO], Iterator[ProcessLogRow | RefusedRow]]] = {
    ".csv": read_csv,
    ".xes": read_xes,
}
CLOUDEVENTS = frozenset({".jsonl", ".ndjson"})
PACKED = frozenset({".gz", ".zst"})


def file_suffix(path: Path) -> str:
    """What the file is by its name, ``.gz`` or ``.zst`` aside; raises ValidationFailed for nothing known."""
    name = path.with_suffix("") if path.suffix.lower() in PACKED else path
    kind = name.suffix.lower()
    if kind not in LOGS and kind not in CLOUDEVENTS:
        known = ", ".join(sorted({*LOGS, *CLOUDEVENTS}))
        raise ValidationFailed(
            f"{path.name} is of no known kind: expected one of {known}, or such with .gz or .zst"
        )
    return kind


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """The file as bytes, unpacked; raises ValidationFailed, with its name, where it cannot be read."""
    try:
        with path.open("rb") as packed:
            beginning = packed.peek(4)
            if beginning.startswith(b"\x1f\x8b"):
                with gzip.open(packed) as unpacked:
                    yield cast(BinaryIO, unpacked)
            elif beginning.startswith(MAGIC):
                with ZstdFile(packed) as unpacked:
                    yield cast(BinaryIO, unpacked)
            else:
                yield packed
    except (OSError, EOFError, zlib.error, ZstdError) as error:
        raise ValidationFailed(f"{path.name} cannot be read: {error}") from error
    except ValidationFailed as error:
        raise ValidationFailed(f"{path.name}: {error}") from None


def read_log(path: Path, kind: str) -> tuple[list[Activity], list[RefusedRow]]:
    """All activities of a process log, and the rows that are none."""
    activities: list[Activity] = []
    refused: list[RefusedRow] = []
    with open_file(path) as stream:
        for row in LOGS[kind](stream):
            found = row if isinstance(row, RefusedRow) else _checked(row)
            if isinstance(found, RefusedRow):
                refused.append(found)
            else:
                activities.append(found)
    return activities, refused


def _checked(row: ProcessLogRow) -> Activity | RefusedRow:
    try:
        return parse_activity(row)
    except ValidationFailed as error:
        return RefusedRow(row.line, str(error))
