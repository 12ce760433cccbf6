"""Files to import: what they are, and the rows in them."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

from api.fleet.activity import Activity, to_activity
from api.fleet.csv import read_csv
from api.fleet.xes import read_xes
from api.transfer.rows import Fields, Refused
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.zstd import MAGIC, ZstdError, ZstdFile

LOGS: dict[str, Callable[[BinaryIO], Iterator[Fields | Refused]]] = {".csv": read_csv, ".xes": read_xes}
CLOUDEVENTS = frozenset({".jsonl", ".ndjson"})
PACKED = frozenset({".gz", ".zst"})


def kind_of(path: Path) -> str:
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
def opened(path: Path) -> Iterator[BinaryIO]:
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


def read_log(path: Path, kind: str) -> tuple[list[Activity], list[Refused]]:
    """All activities of a process log, and the rows that are none."""
    activities: list[Activity] = []
    refused: list[Refused] = []
    with opened(path) as stream:
        for row in LOGS[kind](stream):
            found = row if isinstance(row, Refused) else _checked(row)
            if isinstance(found, Refused):
                refused.append(found)
            else:
                activities.append(found)
    return activities, refused


def _checked(row: Fields) -> Activity | Refused:
    try:
        return to_activity(row)
    except ValidationFailed as error:
        return Refused(row.line, str(error))
