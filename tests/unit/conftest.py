"""Fixtures for tests without servers."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.helpers.memory_row import Row, open_row
from tests.helpers.user_package import Package


@pytest.fixture
async def row() -> AsyncIterator[Row]:
    """A bus over a log in memory, which holds a tally."""
    async with open_row() as row:
        yield row


@pytest.fixture
def package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Package]:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    package = Package(tmp_path, f"own_{abs(hash(request.node.name))}")
    yield package
    for name in [name for name in sys.modules if name.partition(".")[0] == package.name]:
        del sys.modules[name]
