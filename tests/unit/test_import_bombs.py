"""A compressed file that is made to fill the memory is refused before it does (E10)."""

from __future__ import annotations

import gzip
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from api.transfer import bounded_input
from api.transfer.import_files import open_file
from domain.kernel.errors import ValidationFailed
from eventstore.archiving.zstd import compress

SIZE = 150_000_000
BOUND = 120_000_000
"""Bytes of memory that reading one may take: some copies of the longest line, in the buffers of readers."""

LINE = b"a,b," + b"c" * 1_000 + b"\n"
"""An ordinary line, and long enough that the test does not spend its time on the number of lines."""


@pytest.fixture(autouse=True)
def short_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_input, "ALWAYS_ALLOWED", 20_000_000)
    monkeypatch.setattr("api.transfer.import_files.LONGEST_LINE", 10_000_000)


def _gzip(content: bytes) -> bytes:
    return gzip.compress(content, 9)


def _zip(content: bytes) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("log", content)
    return packed.getvalue()


@pytest.mark.parametrize("pack", [_gzip, compress, _zip], ids=["gzip", "zstd", "zip"])
@pytest.mark.parametrize(
    ("name", "unit", "reason"),
    [
        ("log.jsonl", b"0", "has a line of more than 10,000,000 bytes"),
        ("log.csv", b"0", "has a line of more than 10,000,000 bytes"),
        ("log.csv", LINE, "decompresses to more than 200 times its size"),
        ("log.xes", b" ", "decompresses to more than 200 times its size"),
    ],
)
def test_a_bomb_is_refused_within_a_bound_of_memory(
    tmp_path: Path, pack: Callable[[bytes], bytes], name: str, unit: bytes, reason: str
) -> None:
    path = tmp_path / name
    path.write_bytes(pack(unit * (SIZE // len(unit))))
    tracemalloc.start()
    try:
        with pytest.raises(ValidationFailed, match=f"^{name}: {reason}"), open_file(path) as stream:
            for _ in stream:
                pass
        assert tracemalloc.get_traced_memory()[1] < BOUND
    finally:
        tracemalloc.stop()


def test_a_file_with_ordinary_lines_is_read_whole(tmp_path: Path) -> None:
    content = b"".join(b'{"number": %d}\n' % number for number in range(10_000))
    for name, packed in (("a.jsonl", content), ("b.jsonl", _gzip(content)), ("c.jsonl", compress(content))):
        (tmp_path / name).write_bytes(packed)
        with open_file(tmp_path / name) as stream:
            assert b"".join(stream) == content
