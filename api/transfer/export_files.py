"""Files to export to: compressed according to their names, and visible only when complete."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from api.transfer.import_files import JSON_LINES, file_suffix
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.zstd import CompressionParameter, ZstdFile


def check_file_name(path: Path) -> None:
    """Raise ValidationFailed where the suffix does not name the format."""
    if file_suffix(path) not in JSON_LINES:
        raise ValidationFailed(
            f"{path.name} must end in .jsonl or .ndjson, with .gz or .zst after it to compress the file"
        )


@contextmanager
def create_file(path: Path) -> Iterator[BinaryIO]:
    """Open the file for writing. An existing file is replaced at the end, if no error occurred.

    Raises ValidationFailed, with its name, where it cannot be written.
    """
    partial = path.with_name(f"{path.name}.part")
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(partial.open("wb"))
            with _compress(raw, path.suffix.lower()) as stream:
                yield stream
            raw.flush()
            os.fsync(raw.fileno())
        partial.replace(path)
    except OSError as error:
        raise ValidationFailed(f"{path.name} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _compress(raw: IO[bytes], suffix: str) -> Iterator[BinaryIO]:
    if suffix == ".gz":
        # Without a name and a time in its header, the same log always gives the same file.
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            yield cast(BinaryIO, stream)
    elif suffix == ".zst":
        with ZstdFile(raw, "wb", options={CompressionParameter.checksum_flag: 1}) as stream:
            yield cast(BinaryIO, stream)
    else:
        yield cast(BinaryIO, raw)
