"""An import saves standard input to a temporary file, and leaves nothing of it behind."""

from __future__ import annotations

import io
import resource
import signal
import sys
import tempfile
from pathlib import Path
from types import FrameType

import pytest
import typer

from api.cli.import_inputs import input_files
from domain.kernel.errors import Unavailable

STDIN = [Path("-")]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of temporary files; standard input has 10,000 bytes."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"x" * 10_000)))
    return tmp_path


def test_the_saved_input_has_the_name_of_its_format(folder: Path) -> None:
    with input_files(STDIN, None) as [file]:
        assert (file.name, file.stat().st_size) == ("stdin.csv", 10_000)
    assert not list(folder.iterdir())


def test_a_full_disk_is_an_error_that_says_what_to_do(folder: Path) -> None:
    """A limit on the size of files stands for the full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, hard))
    try:
        with pytest.raises(Unavailable, match="File too large; free space"), input_files(STDIN, None):
            pass
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert not list(folder.iterdir())


def test_sigterm_removes_the_saved_input_before_it_ends_the_process(folder: Path) -> None:
    left: list[list[Path]] = []

    def end(number: int, frame: FrameType | None) -> None:
        left.append(list(folder.iterdir()))

    def terminate() -> None:
        with input_files(STDIN, None) as [file]:
            assert file.exists()
            signal.raise_signal(signal.SIGTERM)

    previous = signal.signal(signal.SIGTERM, end)
    try:
        with pytest.raises(KeyboardInterrupt):
            terminate()
    finally:
        signal.signal(signal.SIGTERM, previous)
    assert left == [[]]


def test_a_closed_standard_input_is_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(typer.BadParameter, match="closed"), input_files(STDIN, None):
        pass
