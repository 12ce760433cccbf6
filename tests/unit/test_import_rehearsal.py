"""A rehearsed import counts the rows as the import that follows it does, and stores nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import orjson
import pytest

from api.ids import new_id
from api.transfer.rehearsal import Rehearsal
from domain.dispatch.ports import LoadedState
from domain.kernel import Aggregate
from domain.testing import NOON
from tests.helpers.memory_import import MemoryBus, MemoryImport
from tests.helpers.memory_world import CATALOG

A = TypeVar("A", bound=Aggregate[Any, Any])

HEADER = "case:concept:name,concept:name,time:timestamp,concept:instance"


class SuspendingBus(MemoryBus):
    """Lets other rows run while a state is loaded, as a database does."""

    async def load(
        self, tenant: str, stream: str, kind: type[A], *, fresh: bool = False, is_probably_new: bool = False
    ) -> LoadedState[A]:
        await asyncio.sleep(0)
        return await super().load(tenant, stream, kind)


@pytest.fixture
def log(tmp_path: Path) -> MemoryImport:
    return MemoryImport(tmp_path, SuspendingBus())


def rehearse(log: MemoryImport, *files: tuple[str, str]) -> list[dict[str, int]]:
    """Rehearse the imports of files with these names and contents; return the counts of their rows."""
    rehearsal = Rehearsal(CATALOG, log.bus, log.bus, lambda: NOON, new_id, b"")
    importer = replace(log.importer(), bus=rehearsal, log=rehearsal)
    counts = []
    for name, content in files:
        log.refused.clear()
        (log.folder / name).write_text(content)
        counts.append(log.counts(asyncio.run(importer.run(log.folder / name))))
    assert not log.bus.history.commits
    return counts


def test_of_two_rows_with_one_command_id_the_second_conflicts(log: MemoryImport) -> None:
    """Neither of them names its stream."""
    event = {"specversion": "1.0", "type": "nerve.command.CreateTask", "source": "/ci", "id": "x"}
    lines = [orjson.dumps({**event, "data": {"title": title}}).decode() for title in ("Sum", "Sort")]
    assert rehearse(log, ("commands.jsonl", "\n".join(lines))) == [{"stored": 1, "conflicting": 1}]
    assert [refused.line for refused in log.refused] == [2]


def test_a_file_is_rehearsed_with_what_the_files_before_it_would_store(log: MemoryImport) -> None:
    """The same case and instance of another file is something else; a row that it has too is the same."""
    files = (
        ("a.csv", f"{HEADER}\nc,Open,2024-03-01,1\n"),
        ("b.csv", f"{HEADER}\nc,Ship,2024-03-02,1\n"),
        ("d.csv", f"{HEADER}\nc,Open,2024-03-01,1\nc,Close,2024-03-04,2\n"),
    )
    rehearsed = rehearse(log, *files)
    assert rehearsed == [log.counts(log.run(*file)) for file in files]
    assert rehearsed == [{"stored": 1}, {"stored": 1}, {"known": 1, "stored": 1}]
