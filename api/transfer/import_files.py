"""Opening files to import: their formats by name, and their compression by content."""

from __future__ import annotations

import gzip
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, TypeVar, cast
from zipfile import BadZipFile, ZipFile

from api.transfer.bounded_input import LONGEST_LINE, bound_input
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.zstd import MAGIC, ZstdError, ZstdFile

JSON_LINES = frozenset({".jsonl", ".ndjson"})
LINE_FORMATS = JSON_LINES | {".csv"}
COMPRESSED = frozenset({".gz", ".zst", ".zip"})


def file_suffix(path: Path) -> str:
    """Return the suffix that names the format, in lower case: ``.csv`` for ``log.CSV.gz``."""
    return Path(uncompressed_name(path)).suffix.lower()


def uncompressed_name(path: Path) -> str:
    """Return the name of the file without the suffix of a compression."""
    return path.stem if path.suffix.lower() in COMPRESSED else path.name


R = TypeVar("R")


def reader_of(path: Path, readers: Mapping[str, R]) -> R:
    """Return the reader for the file's suffix. Raises ValidationFailed if there is none."""
    reader = readers.get(file_suffix(path))
    if reader is None:
        raise ValidationFailed(
            f"{path.name} is of no supported format; the name must end in {', '.join(sorted(readers))},"
            " with .gz, .zst or .zip after it if the file is compressed"
        )
    return reader


@contextmanager
def open_file(path: Path) -> Iterator[BinaryIO]:
    """Open the file and decompress it. Raises ValidationFailed, with its name, where it cannot be read.

    A line or a decompressed size that no log has is refused before it takes memory. XML may be one line.
    """
    longest_line = LONGEST_LINE if file_suffix(path) in LINE_FORMATS else None
    try:
        with path.open("rb") as raw, _decompress(raw) as stream:
            size = None if stream is raw else os.fstat(raw.fileno()).st_size
            yield bound_input(stream, compressed_size=size, longest_line=longest_line)
    except (OSError, EOFError, RuntimeError, zlib.error, ZstdError, BadZipFile) as error:
        reason = getattr(error, "strerror", None) or error
        raise ValidationFailed(f"{path.name} cannot be read: {reason}") from error
    except ValidationFailed as error:
        raise ValidationFailed(f"{path.name}: {error}") from None


@contextmanager
def _decompress(raw: BufferedReader) -> Iterator[BinaryIO]:
    """Yield the stream itself if it is not compressed; the first bytes decide, and not the name."""
    beginning = raw.peek(4)
    if beginning.startswith(b"\x1f\x8b"):
        with gzip.open(raw) as stream:
            yield cast(BinaryIO, stream)
    elif beginning.startswith(MAGIC):
        with ZstdFile(raw) as stream:
            yield cast(BinaryIO, stream)
    elif beginning.startswith(b"PK\x03\x04"):
        with ZipFile(raw) as archive, archive.open(_only_member(archive)) as stream:
            yield cast(BinaryIO, stream)
    else:
        yield raw


def _only_member(archive: ZipFile) -> str:
    members = [member.filename for member in archive.infolist() if not member.is_dir()]
    if len(members) != 1:
        raise ValidationFailed(f"has {len(members)} files; unpack it, and import each of them")
    return members[0]
