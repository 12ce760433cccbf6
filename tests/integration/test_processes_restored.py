"""Processes in a log into which the export of another one was imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from api.transfer.export_importer import ExportImporter
from api.transfer.exporter import Exporter, ExportRange
from domain.process.commands import CancelProcess
from domain.process.events import ProcessStatus
from subscriptions.processes.instances import InstanceKey
from tests.helpers.chore_process.chores import CATALOG, StampPage
from tests.helpers.oracles import Oracle
from tests.helpers.process_rig import ProcessRig, open_process_rig, until

PROCESS = "process.chore"


@pytest.fixture
async def export(mongo_url: str, redis_url: str, database: str, tmp_path: Path) -> tuple[Path, InstanceKey]:
    """An export of a chore that has ended, and of one that waits for a stamp and for a port."""
    silent, path = Oracle(), tmp_path / "log.jsonl"
    async with open_process_rig(mongo_url, redis_url, database, adapters={"oracle": silent}) as rig:
        for _ in range(5):
            await rig.until(await rig.begin("ask", "stamp"), ProcessStatus.COMPLETED)
        silent.open.clear()
        running = await rig.begin("stamp", "ask")
        await until(lambda: is_called(silent, running))
        await Exporter(rig.log).run(path, ExportRange(0, await rig.log.high_water_mark()))
    return path, running


async def is_called(oracle: Oracle, instance: InstanceKey) -> bool:
    return any(instance.stream in key for key in oracle.calls)


async def restore(rig: ProcessRig, path: Path) -> None:
    """Import the export, and wait until the process has read it."""
    report = await ExportImporter(CATALOG, rig.log, on_refused=lambda row: pytest.fail(row.reason)).run(path)
    head = await rig.log.head()
    assert 0 < report.stored <= head

    async def has_read() -> bool:
        return await rig.checkpoints.position(PROCESS) >= head

    await until(has_read)
    assert await rig.log.head() == head


async def test_an_import_runs_no_effect_again(
    mongo_url: str, redis_url: str, database: str, export: tuple[Path, InstanceKey]
) -> None:
    """Neither those that are done nor those that are not, at other positions than those of the export."""
    oracle = Oracle()
    async with open_process_rig(mongo_url, redis_url, f"{database}_c", adapters={"oracle": oracle}) as rig:
        for _ in range(3):
            await rig.until(await rig.begin("stamp"), ProcessStatus.COMPLETED)
        await restore(rig, export[0])
        assert not oracle.calls


async def test_a_restored_instance_goes_on_with_new_events(
    mongo_url: str, redis_url: str, database: str, export: tuple[Path, InstanceKey]
) -> None:
    """Also where the log is shorter than the one in which it has reacted to its last event."""
    path, running = export
    lines = path.read_text().splitlines()
    path.write_text("\n".join(line for line in lines if running.stream.partition("-")[2] in line))
    async with open_process_rig(mongo_url, redis_url, f"{database}_c", adapters={"oracle": Oracle()}) as rig:
        await restore(rig, path)
        before = await rig.state(running)
        key = running.stream.partition("-")[2]
        await rig.send(StampPage(id=f"page-{key}.2", chore=key))
        await rig.until(running, ProcessStatus.COMPLETED)
        assert (await rig.state(running)).version > before.version


async def test_a_restored_instance_is_cancelled(
    mongo_url: str, redis_url: str, database: str, export: tuple[Path, InstanceKey]
) -> None:
    """Its stamp is erased, though this log has not asked for it."""
    path, running = export
    async with open_process_rig(mongo_url, redis_url, f"{database}_c", adapters={"oracle": Oracle()}) as rig:
        await restore(rig, path)
        await rig.send(CancelProcess(id=running.stream, reason="moved", compensate=True))
        await rig.until(running, ProcessStatus.COMPENSATED)
