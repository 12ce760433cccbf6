"""``nerve verify`` as a user runs it, on a log that a worker seals."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymongo import MongoClient
from pymongo.database import Database
from typer.testing import CliRunner

from api.cli.verify import DefectPrinter, ProgressLines
from api.lifecycle import open_runtime
from api.settings import Settings
from domain.agents.commands import RegisterAgent
from domain.kernel import Envelope
from eventstore.integrity import blocks
from eventstore.integrity.report import Check, Defect
from tests.helpers.command_line import CLI
from tests.helpers.drivers import chosen_driver

BLOCK = 10


@pytest.fixture(autouse=True)
def _small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no patience with a hole near the head, which is no writer's here."""
    monkeypatch.setattr(blocks, "BLOCK_SIZE", BLOCK)


@pytest.fixture
def stored(mongo_url: str, redis_url: str, database: str) -> Iterator[Database[dict[str, Any]]]:
    """A log of 25 commits; a worker has sealed what can be."""
    settings = Settings(
        mongo_url=mongo_url,
        redis_url=redis_url,
        database=database,
        poll_interval=0.05,
        mongo_driver=chosen_driver(),
    )
    with MongoClient[dict[str, Any]](mongo_url) as client:
        asyncio.run(_register(settings, 25, client[database]))
        yield client[database]


async def _register(settings: Settings, count: int, stored: Database[dict[str, Any]]) -> None:
    async with open_runtime(settings, worker=True) as nerve, asyncio.timeout(120):
        for _ in range(count):
            receipt = await nerve.bus.dispatch(Envelope(RegisterAgent(name="a")))
        for reader in nerve.readers.values():
            await reader.wait_for(receipt.position, 60)
        while stored.blocks.count_documents({}) < count // BLOCK:
            await asyncio.sleep(0.02)


@pytest.fixture
def nerve(mongo_url: str, redis_url: str, database: str) -> CliRunner:
    return CliRunner(
        env={"NERVE_MONGO_URL": mongo_url, "NERVE_REDIS_URL": redis_url, "NERVE_DATABASE": database}
    )


def _checked(output: str) -> dict[str, tuple[int, int]]:
    rows = re.findall(r"│ ([a-z ]+?) *│ *(\d+) │ *(\d+) │", output)
    return {name: (int(checked), int(wrong)) for name, checked, wrong in rows}


def test_a_sound_log_ends_with_0_and_a_seal_that_a_later_run_can_be_held_to(
    nerve: CliRunner, stored: Database[dict[str, Any]]
) -> None:
    result = nerve.invoke(CLI, ["verify"], catch_exceptions=False)
    assert result.exit_code == 0
    assert "positions 1 to 25: sound" in result.output
    checked = _checked(result.output)
    assert checked["positions"] == (25, 0)
    assert checked["sealed blocks"] == (2, 0)
    assert checked["consumers"][0] >= 3
    seal = re.search(r"nerve verify --expect (2:[0-9a-f]{64})", result.output)
    assert seal is not None

    assert nerve.invoke(CLI, ["verify", "--expect", seal[1]]).exit_code == 0
    other = nerve.invoke(CLI, ["verify", "--expect", f"1{seal[1][1:]}"])
    assert other.exit_code == 1
    assert "block 1: its digest is not the expected one" in other.output
    assert nerve.invoke(CLI, ["verify", "--expect", "12"]).exit_code == 2


def test_faults_are_printed_and_the_exit_code_is_1(
    nerve: CliRunner, stored: Database[dict[str, Any]]
) -> None:
    """A line each; a walk that begins behind a fault does not meet it."""
    stored.log.delete_one({"_id": 5})
    stored.log.update_many({"_id": {"$gte": 11}}, {"$set": {"events.0.data.name": 5}})
    result = nerve.invoke(CLI, ["verify"])
    assert result.exit_code == 1
    lines = result.output.splitlines()
    assert "position 5: there is no document: neither a commit nor a tombstone" in lines
    assert sum("agent.registered" in line for line in lines) == 15
    assert "positions 1 to 25: 18 wrong" in lines
    assert _checked(result.output)["events"] == (24, 15)

    later = nerve.invoke(CLI, ["verify", "--from", "15"])
    assert "positions 11 to 25: 16 wrong" in later.output
    assert _checked(later.output)["positions"] == (15, 0)


def test_defects_are_printed_up_to_a_limit(capsys: pytest.CaptureFixture[str]) -> None:
    show = DefectPrinter(limit=2)
    for position in range(4):
        show(Defect(Check.SCHEMAS, f"position {position}", "it is wrong"))
    lines = capsys.readouterr().out.splitlines()
    assert lines[2:] == ["more defects are counted in the table below"]
    assert lines[0] == "position 0: it is wrong"


def test_progress_is_printed_as_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    ProgressLines(interval=0)(25, 50)
    assert capsys.readouterr().err.startswith("verified 25 of 50 positions, ")


def test_an_empty_log_is_sound(nerve: CliRunner) -> None:
    result = nerve.invoke(CLI, ["verify"])
    assert result.exit_code == 0
    assert "the log is empty: sound" in result.output


SHOP = '''
from __future__ import annotations
from dataclasses import dataclass
from typing import TypedDict
from domain.kernel import Aggregate, Context, CreateCommand, Event, Facts, RecordedEvent, Text, upcaster
from projections.kernel import View, by_stream

class WriteSlip(CreateCommand):
    """Write."""
    text: Text

class SlipWritten(Event, type="slip.written", revision={revision}):
    {field}: str

@dataclass(frozen=True, slots=True)
class Slip(Aggregate[WriteSlip, SlipWritten]):
    category = "slip"

    def decide(self, command: WriteSlip, facts: Facts) -> list[SlipWritten]:
        return [SlipWritten({field}=command.text)]

    def evolve(self, event: SlipWritten) -> Slip:
        return self

@upcaster("slip.written", 1)
def renamed(data):
    return {{"body": data["text"]}}

context = Context("slips", Slip, {upcasters})

class SlipRow(TypedDict):
    id: str

def apply(key: str, row: SlipRow | None, event: RecordedEvent) -> SlipRow | None:
    return SlipRow(id=key)

view = View(name="slips", singular="slip", context=context, row=SlipRow, key=by_stream, apply=apply)
'''


def test_a_log_with_an_earlier_revision_of_a_context_without_schema_files_is_sound(
    nerve: CliRunner,
    mongo_url: str,
    redis_url: str,
    database: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    versions = {"slips_first": (1, "text", "()"), "slips_second": (2, "body", "(renamed,)")}
    for module, (revision, field, upcasters) in versions.items():
        text = SHOP.format(revision=revision, field=field, upcasters=upcasters)
        (tmp_path / f"{module}.py").write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))

    async def written_by(module: str) -> None:
        settings = Settings(
            mongo_url=mongo_url,
            redis_url=redis_url,
            database=database,
            contexts=[module],
            mongo_driver=chosen_driver(),
        )
        async with open_runtime(settings, worker=False) as opened:
            command = importlib.import_module(module).WriteSlip(text="a")
            await opened.bus.dispatch(Envelope(command))

    for module in versions:
        asyncio.run(written_by(module))
    second = {"NERVE_CONTEXTS": "slips_second"}
    assert nerve.invoke(CLI, ["verify"], env=second, catch_exceptions=False).exit_code == 0

    with MongoClient[dict[str, Any]](mongo_url) as client:
        client[database].log.update_one({"events.schema": 1}, {"$set": {"events.0.data.text": 7}})
    found = nerve.invoke(CLI, ["verify"], env=second, catch_exceptions=False)
    assert found.exit_code == 1
    assert 'slip.written: text: it is not of type "string"' in found.output
