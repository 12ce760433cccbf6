"""Opening files to import, and the readers that turn a file into rows."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from api.transfer.bounded_input import LONGEST_LINE, bound_input
from api.transfer.rows import PlannedRow, RefusedRow
from domain.kernel import Scope
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.zstd import MAGIC, ZstdError, ZstdFile

JSON_LINES = frozenset({".jsonl", ".ndjson"})
LINE_FORMATS = JSON_LINES | {".csv"}
COMPRESSED = frozenset({".gz", ".zst"})


class FileRows(NamedTuple):
    """The rows of a file, and how many there are if the reader has counted them."""

    rows: Iterator[PlannedRow | RefusedRow]
    total: int | None = None


FileReader = Callable[[Path, Scope], FileRows]
"""Reads a file for a scope. Raises ValidationFailed where the file as a whole cannot be read."""


def file_suffix(path: Path) -> str:
    """Return the suffix that names the format, in lower case: ``.csv`` for ``log.CSV.gz``."""
    name = path.with_suffix("") if path.suffix.lower() in COMPRESSED else path
    return name.suffix.lower()


def reader_of(path: Path, readers: Mapping[str, FileReader]) -> FileReader:
    """Return the reader for the file's suffix. Raises ValidationFailed if there is none."""
    reader = readers.get(file_suffix(path))
    if reader is None:
        raise ValidationFailed(
            f"{path.name} is of no supported format; the name must end in {', '.join(sorted(readers))},"
            " with .gz or .zst after it if the file is compressed"
        )
    return reader


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open the file and decompress it. Raises ValidationFailed, with its name, where it cannot be read.

    A line or a decompressed size that no log has is refused before it takes memory. XML may be one line.
    """
    longest_line = LONGEST_LINE if file_suffix(path) in LINE_FORMATS else None
    try:
        with path.open("rb") as raw:
            beginning = raw.peek(4)
            if beginning.startswith(b"\x1f\x8b"):
                with gzip.open(raw) as decompressed:
                    yield _bounded(cast(BinaryIO, decompressed), raw, longest_line)
            elif beginning.startswith(MAGIC):
                with ZstdFile(raw) as decompressed:
                    yield _bounded(cast(BinaryIO, decompressed), raw, longest_line)
            else:
                yield bound_input(raw, compressed_size=None, longest_line=longest_line)
    except (OSError, EOFError, zlib.error, ZstdError) as error:
        raise ValidationFailed(f"{path.name} cannot be read: {error}") from error
    except ValidationFailed as error:
        raise ValidationFailed(f"{path.name}: {error}") from None


def _bounded(decompressed: BinaryIO, raw: BinaryIO, longest_line: int | None) -> BinaryIO:
    size = os.fstat(raw.fileno()).st_size
    return bound_input(decompressed, compressed_size=size, longest_line=longest_line)
