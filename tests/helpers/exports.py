"""Exports and imports for tests, from and to logs of notes and people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.transfer.export_importer import ExportImporter
from api.transfer.exporter import Exporter, ExportRange
from api.transfer.import_report import ImportReport
from api.transfer.rows import RefusedRow
from domain.kernel import Catalog
from eventstore.personal.sealing import MasterKeys
from tests.helpers import notes, people
from tests.helpers.commits import Store, commit, open_store
from tests.helpers.notes import START, Scored, Written

CATALOG = Catalog([notes.context, people.context])
MASTERS = MasterKeys(b"m" * 32)
SECRET = "Zaphod"


def store_of(mongo_url: str, database: str, **options: Any) -> Any:
    return open_store(mongo_url, database, catalog=CATALOG, masters=MASTERS, fence_after=0.02, **options)


async def export(store: Store, path: Path, *, personal: bool = False, **wanted: Any) -> bytes:
    upto = wanted.pop("upto", None) or await store.log.high_water_mark()
    await Exporter(store.log, personal=personal).run(
        path, ExportRange(wanted.pop("after", 0), upto, **wanted)
    )
    return content(path)


def content(path: Path) -> bytes:
    return path.read_bytes()


async def restore(
    store: Store, path: Path, refuse: Callable[[RefusedRow], None] = lambda row: pytest.fail(row.reason)
) -> ImportReport:
    return await ExportImporter(CATALOG, store.log, on_refused=refuse).run(path)


def counts(report: ImportReport) -> tuple[int, int, int]:
    return report.stored, report.already_stored, report.refused + report.conflicting


async def fill(store: Store, count: int = 12) -> None:
    """Commits of one and two events on three streams, hours apart."""
    versions: dict[str, int] = {}
    for number in range(count):
        stream = f"note-{number % 3}"
        new = (Written(text=f"word {number}"), Scored(by=number))[: 1 + number % 2]
        at = START + timedelta(hours=number)
        await store.log.append(commit(stream, versions.get(stream, 0), *new, at=at))
        versions[stream] = versions.get(stream, 0) + len(new)


async def settled(store: Store, position: int) -> None:
    async with asyncio.timeout(60):
        while await store.log.high_water_mark() < position:
            await asyncio.sleep(0)


def without_places(lines: bytes) -> list[dict[str, Any]]:
    """The lines without what depends on the log that they are in: positions and record times."""
    places = ("position", "recordedtime", "firstrecordedtime")
    return [{name: line[name] for name in line if name not in places} for line in without_positions(lines)]


def without_positions(lines: bytes) -> list[dict[str, Any]]:
    return [{**orjson.loads(line), "position": None} for line in lines.splitlines()]
