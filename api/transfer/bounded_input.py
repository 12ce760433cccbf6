"""Bounds the memory that a file to import may need: its decompressed size, and the length of its lines."""

from __future__ import annotations

import io
from typing import Any, BinaryIO

from domain.kernel.errors import ValidationFailed

MAX_RATIO = 200
"""Decompressed bytes for each byte of a compressed file. Zeros reach 1,000 with gzip, and more with zstd."""

ALWAYS_ALLOWED = 64_000_000
"""Bytes that any file may decompress to."""

LONGEST_LINE = 64_000_000
"""Maximum bytes of a line. MongoDB stores at most 16 MB, in which JSON may escape characters."""

BUFFER = 1 << 16


def bound_input(stream: BinaryIO, *, compressed_size: int | None, longest_line: int | None) -> BinaryIO:
    """Return the stream; ValidationFailed is raised where a bound is exceeded while it is read.

    `compressed_size` is the size of the file if it is compressed. None: no bound.
    """
    largest = None if compressed_size is None else max(ALWAYS_ALLOWED, compressed_size * MAX_RATIO)
    return io.BufferedReader(_BoundedInput(stream, largest, longest_line), BUFFER)


class _BoundedInput(io.RawIOBase):
    def __init__(self, stream: BinaryIO, largest: int | None, longest_line: int | None) -> None:
        self._stream = stream
        self._largest = largest
        self._longest_line = longest_line
        self._size = self._line_start = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self._stream.read(len(buffer))
        self._check(data)
        buffer[: len(data)] = data
        return len(data)

    def _check(self, data: bytes) -> None:
        newline = data.rfind(b"\n")
        if newline >= 0:
            self._line_start = self._size + newline + 1
        self._size += len(data)
        if self._largest is not None and self._size > self._largest:
            raise ValidationFailed(
                f"decompresses to more than {MAX_RATIO} times its size; if you trust it, decompress it first"
            )
        if self._longest_line is not None and self._size - self._line_start > self._longest_line:
            raise ValidationFailed(f"has a line of more than {self._longest_line:,} bytes")
