"""Files to export to: plain or packed by their names, and there only once they are whole."""

from __future__ import annotations

import gzip
import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, BinaryIO, cast

from api.transfer.import_files import CLOUDEVENTS, file_suffix
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.zstd import CompressionParameter, ZstdFile


def check_file_name(path: Path) -> None:
    """Raises ValidationFailed where the name does not say what the file is to be."""
    if file_suffix(path) not in CLOUDEVENTS:
        raise ValidationFailed(
            f"{path.name} must end in .jsonl or .ndjson, and may have .gz or .zst behind it"
        )


@contextmanager
def create_file(path: Path) -> Iterator[BinaryIO]:
    """The file to write to, packed as its name says; what was there is replaced at the end, if all went well.

    Raises ValidationFailed, with its name, where it cannot be written.
    """
    partial = path.with_name(f"{path.name}.part")
    try:
        with ExitStack() as stack:
            raw = stack.enter_context(partial.open("wb"))
            with _packed(raw, path.suffix.lower()) as stream:
                yield stream
            raw.flush()
            os.fsync(raw.fileno())
        partial.replace(path)
    except OSError as error:
        raise ValidationFailed(f"{path.name} cannot be written: {error.strerror or error}") from error
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def _packed(raw: IO[bytes], suffix: str) -> Iterator[BinaryIO]:
    if suffix == ".gz":
        # Neither a name nor a time in its header: the same log makes the same file.
        with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as stream:
            yield cast(BinaryIO, stream)
    elif suffix == ".zst":
        with ZstdFile(raw, "wb", options={CompressionParameter.checksum_flag: 1}) as stream:
            yield cast(BinaryIO, stream)
    else:
        yield cast(BinaryIO, raw)
