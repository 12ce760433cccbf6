"""Importing files through the bus into the real log."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from api.fleet.process_logs import PROCESS_LOG_READERS
from api.transfer.command_importer import CommandImporter
from api.transfer.command_reader import command_readers
from api.transfer.import_report import ImportReport, RowOutcome
from api.transfer.rows import RefusedRow
from domain.agents.commands import RegisterAgent, RetireAgent
from domain.dispatch.bus import Handler
from domain.kernel import Envelope, Receipt
from domain.kernel.errors import Unavailable, ValidationFailed
from projections.views import agents, tasks, workflows
from tests.helpers.memory_world import CATALOG, fold
from tests.helpers.wired_bus import Wired, wired

COLUMNS = (
    "case:concept:name",
    "case:enddate",
    "concept:instance",
    "concept:name",
    "lifecycle:transition",
    "org:resource",
    "time:timestamp",
)

READERS = {**PROCESS_LOG_READERS, **command_readers(CATALOG)}


@pytest.fixture
async def nerve(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    async with wired(mongo_url, database) as parts:
        yield parts


def write(path: Path, *rows: str) -> Path:
    """A CSV file; a row is ``case enddate instance name transition resource minute``, ``-`` for nothing."""
    lines = [",".join(COLUMNS)]
    for row in rows:
        *fields, minute = row.split()
        fields[1] = "2024-05-18T00:00:00Z" if fields[1] == "end" else fields[1]
        lines.append(",".join([*(field.strip("-") for field in fields), f"2024-05-17T12:{minute}:00Z"]))
    path.write_text("\n".join(lines) + "\n")
    return path


def many(cases: int, each: int) -> list[str]:
    """A log whose cases share agents and overlap in time."""
    return [
        f"c{case} end t{case}.{n} step{n} complete r{(case + n) % 5} {10 + n}"
        for n in range(each)
        for case in range(cases)
    ]


async def run(nerve: Wired, path: Path) -> tuple[ImportReport, list[RefusedRow]]:
    refused: list[RefusedRow] = []
    report = await CommandImporter(nerve.bus, nerve.log, READERS, on_refused=refused.append).run(path)
    return report, refused


async def views(nerve: Wired) -> list[dict[str, Any]]:
    events = await nerve.events()
    return [fold(view, events) for view in (agents.view, tasks.view, workflows.view)]


async def test_a_process_log_becomes_agents_tasks_and_workflows(nerve: Wired, tmp_path: Path) -> None:
    report, refused = await run(nerve, write(tmp_path / "log.csv", *many(20, 6)))
    assert (report.rows, report.total, report.refused, refused) == (120, 120, 0, [])
    assert report.stored == 20 + 5 + 3 * 120 + 20 == await nerve.log.head()
    assert report.rate > 0
    fleet, work, cases = await views(nerve)
    assert [fleet[f"agent-r{n}"]["completed_tasks"] for n in range(5)] == [24] * 5
    assert {row["status"] for row in work.values()} == {"COMPLETED"}
    assert len(work) == 120
    assert {(row["status"], row["steps_completed"]) for row in cases.values()} == {("FINISHED", 6)}
    assert [step["name"] for step in cases["workflow-c3"]["steps"]] == [f"step{n}" for n in range(6)]


async def test_a_second_run_adds_nothing_and_knows_every_command(nerve: Wired, tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", *many(6, 4))
    first, _ = await run(nerve, path)
    head = await nerve.log.head()
    again, refused = await run(nerve, path)
    assert (again.stored, again.already_stored, refused) == (0, first.stored, [])
    packed = tmp_path / "log.csv.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    third, _ = await run(nerve, packed)
    assert (third.stored, third.already_stored) == (0, first.stored)
    assert await nerve.log.head() == head


async def test_a_run_that_was_cut_off_is_gone_on_with(
    nerve: Wired, mongo_url: str, database: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "log.csv", *many(6, 4))
    sent = 0

    async def cut(envelope: Envelope, following: Handler) -> Receipt:
        nonlocal sent
        sent += 1
        if sent > 30:
            raise Unavailable("the plug was pulled")
        return await following(envelope)

    async with wired(mongo_url, database, [cut]) as unlucky:
        with pytest.raises(Unavailable):
            await run(unlucky, path)
    stored = await nerve.log.head()
    assert 0 < stored <= 30
    report, refused = await run(nerve, path)
    assert (report.already_stored, refused) == (stored, [])
    assert report.already_stored + report.stored == 6 + 5 + 3 * 24 + 6
    assert {row["steps_completed"] for row in (await views(nerve))[2].values()} == {4}


async def test_bad_rows_are_named_by_line_and_the_rest_goes_on(nerve: Wired, tmp_path: Path) -> None:
    await nerve.send(RegisterAgent(id="agent-gone", name="gone"))
    await nerve.send(RetireAgent(id="agent-gone"))
    path = write(
        tmp_path / "log.csv",
        "c1 - t1 draft complete r1 10",
        "c1 - t2 draft complete - 11",
        "c1 - t3 draft complete r1 99",
        "c1 - t4 draft vanish r1 12",
        "c1 - t5 draft complete gone 13",
        "c1 - t1 draft complete r1 14",
        "c1 - t6 draft complete r1 15",
    )
    with path.open("a") as file:
        file.write("c1,too,few\n")
    report, refused = await run(nerve, path)
    assert report.outcomes == {
        RowOutcome.STORED: 4,
        RowOutcome.CONFLICTING: 1,
        RowOutcome.REFUSED: 3,
    }
    assert sorted(row.line for row in refused) == [4, 6, 7, 9]
    _, work, cases = await views(nerve)
    assert set(work) == {"task-t1", "task-t2", "task-t4", "task-t6"}
    assert cases["workflow-c1"]["steps_completed"] == 3
    again, named = await run(nerve, path)
    assert (again.stored, sorted(named)) == (0, sorted(refused))


async def test_start_and_complete_give_a_task_its_duration(nerve: Wired, tmp_path: Path) -> None:
    path = write(
        tmp_path / "log.csv",
        "c1 - - draft start r1 10",
        "c1 - - draft start r2 11",
        "c1 - - draft complete r1 15",
        "c1 - - draft complete r2 31",
        "c1 - t9 send complete r1 40",
    )
    _, refused = await run(nerve, path)
    _, work, cases = await views(nerve)
    assert refused == []
    shown = {(row["title"], row["agent_id"]): row["duration_seconds"] for row in work.values()}
    assert shown == {
        ("draft", "agent-r1"): 300.0,
        ("draft", "agent-r2"): 1200.0,
        ("send", "agent-r1"): None,
    }
    assert "task-t9" in work
    assert cases["workflow-c1"]["status"] == "RUNNING"


async def test_what_exists_already_is_taken_as_it_is(nerve: Wired, tmp_path: Path) -> None:
    await nerve.send(RegisterAgent(id="agent-r1", name="known by another name"))
    _, refused = await run(nerve, write(tmp_path / "log.csv", "c1 - t1 draft complete r1 10"))
    fleet, work, _ = await views(nerve)
    assert refused == []
    assert fleet["agent-r1"]["name"] == "known by another name"
    assert work["task-t1"]["status"] == "COMPLETED"


def event(id: str, command: str, subject: str, **data: Any) -> dict[str, Any]:
    kind = f"nerve.command.{command}"
    return {
        "specversion": "1.0",
        "id": id,
        "source": "/ci",
        "type": kind,
        "subject": subject,
        "data": data,
    }


async def test_cloudevents_run_in_the_order_of_the_file_where_they_meet(nerve: Wired, tmp_path: Path) -> None:
    lines = [event("register", "RegisterAgent", "agent-r1", name="r1")]
    for n in range(30):
        lines += [
            event(f"create-{n}", "CreateTask", f"task-{n}", title="Sum", agentId="agent-r1"),
            event(f"start-{n}", "StartTask", f"task-{n}"),
            event(f"done-{n}", "CompleteTask", f"task-{n}", result={"n": n}),
        ]
    lines += [
        event("retire", "RetireAgent", "agent-r1"),
        event("late", "CreateTask", "task-late", title="Sum", agentId="agent-r1"),
    ]
    path = tmp_path / "commands.jsonl"
    path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
    report, refused = await run(nerve, path)
    assert [row.line for row in refused] == [93]
    assert (report.stored, report.total) == (92, 93)
    fleet, work, _ = await views(nerve)
    assert (fleet["agent-r1"]["state"], fleet["agent-r1"]["completed_tasks"]) == ("RETIRED", 30)
    assert work["task-7"]["result"] == {"n": 7}
    again, refused = await run(nerve, path)
    assert (again.stored, again.already_stored, [row.line for row in refused]) == (0, 92, [93])


async def test_c3_a_line_with_a_used_id_and_other_content_is_left_out(nerve: Wired, tmp_path: Path) -> None:
    """Whether the id was used by an earlier run or by another line of the file."""
    path = tmp_path / "commands.jsonl"

    async def run_with(*titles: str) -> tuple[int, int, list[int]]:
        lines = [
            event(f"create-{number}", "CreateTask", f"task-{number}", title=title)
            for number, title in enumerate(titles)
        ]
        lines.append(event("create-0", "CreateTask", "task-0", title=titles[0] + "!"))
        path.write_bytes(b"\n".join(map(orjson.dumps, lines)))
        report, refused = await run(nerve, path)
        return report.stored, report.already_stored, [row.line for row in refused]

    assert await run_with("A", "B") == (2, 0, [3])
    assert await run_with("A", "C", "D") == (1, 1, [2, 4])


async def test_another_file_may_name_otherwise_what_was_imported(nerve: Wired, tmp_path: Path) -> None:
    """An id that follows from a row names what the command is about, not all that is known of it."""
    path = tmp_path / "log.csv"
    await run(nerve, write(path, "c1 - t1 draft complete r1 10"))
    report, refused = await run(nerve, write(path, "c1 - t2 draft complete agent-r1 11"))
    assert refused == []
    assert (report.stored, report.already_stored) == (3, 2)


async def test_two_imports_of_one_file_at_once_add_what_one_adds(
    nerve: Wired, mongo_url: str, database: str, tmp_path: Path
) -> None:
    path = write(tmp_path / "log.csv", *many(6, 4))
    async with wired(mongo_url, database) as other:
        (one, refused), (two, refused_too) = await asyncio.gather(run(nerve, path), run(other, path))
    assert refused == refused_too == []
    events = await nerve.events()
    assert one.stored + two.stored == len({event.position for event in events}) == 6 + 5 + 3 * 24 + 6
    _, work, cases = await views(nerve)
    assert len(work) == 24
    assert {row["steps_completed"] for row in cases.values()} == {4}


async def test_progress_is_reported_from_time_to_time_and_at_the_end(nerve: Wired, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    importer = CommandImporter(
        nerve.bus, nerve.log, READERS, on_progress=lambda report: seen.append((report.rows, report.total))
    )
    rows = [f"c1 - t{n} draft complete r1 99" for n in range(250)]
    await importer.run(write(tmp_path / "log.csv", *rows))
    assert seen == [(100, 250), (200, 250), (250, 250)]


async def test_a_file_without_the_columns_is_refused_by_name(nerve: Wired, tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text("case,activity\n1,draft\n")
    with pytest.raises(ValidationFailed, match=r"log\.csv: line 1"):
        await run(nerve, path)
    assert await nerve.log.head() == 0
