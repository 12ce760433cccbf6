"""An import recognizes stored rows by their content and their source, never by their place."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest

from api.fleet.log_ids import derive_command_id
from domain.agents.commands import RegisterAgent
from domain.kernel import Command, Envelope
from domain.kernel.errors import Unavailable
from domain.tasks.commands import CompleteTask, CreateTask
from domain.tasks.events import TaskStateReported
from domain.workflows.commands import CompleteStep, StartWorkflow
from tests.helpers import log_files
from tests.helpers.memory_import import MemoryImport

HEADER = "case:concept:name,concept:name,time:timestamp"


@pytest.fixture
def log(tmp_path: Path) -> MemoryImport:
    return MemoryImport(tmp_path)


def test_a_longer_export_of_a_case_adds_the_rows_that_are_new(log: MemoryImport) -> None:
    assert log.counts(log.run("day1.csv", log_files.DAY_1)) == {"stored": 2}
    assert log.counts(log.run("day2.csv", log_files.DAY_2)) == {"stored": 1, "known": 2}
    assert log.steps("workflow-e1") == ["Open", "Check", "Close"]
    assert len(log.tasks) == 3


@pytest.mark.parametrize("name", sorted(log_files.FILES.keys() - {"sign-in-page.xes"}))
def test_the_same_file_twice_adds_nothing(log: MemoryImport, name: str) -> None:
    log.run(name, log_files.FILES[name])
    count, refused = len(log.bus.history.commits), list(log.refused)
    report = log.run(name, log_files.FILES[name])
    assert (report.stored, len(log.bus.history.commits), log.refused) == (0, count, refused)
    assert log.counts(report) == {
        key: value
        for key, value in {"known": report.rows - len(refused), "refused": len(refused)}.items()
        if value
    }


def test_one_case_number_at_two_sites_is_two_cases(log: MemoryImport) -> None:
    """They have no row in common; with a row in common, one file would be a longer export of the other."""
    log.run("north.csv", f"{HEADER}\n77,Open,2024-03-01T08:00:00Z\n")
    south = f"{HEADER}\n77,Open,2024-03-02T09:00:00Z\n"
    for expected in ({"stored": 1}, {"known": 1}):
        assert log.counts(log.run("south.csv", south)) == expected
    assert set(log.workflows) == {"workflow-77", "workflow-south.csv::77"}
    log.run("north.csv", f"{HEADER}\n77,Close,2024-03-03T08:00:00Z\n")
    assert log.steps("workflow-77") == ["Open", "Close"]


def test_two_cases_that_have_ended_have_no_row_in_common(log: MemoryImport) -> None:
    for name, step in (("north.csv", "Open"), ("south.csv", "Close")):
        content = f"{HEADER},case:enddate\n77,{step},2024-03-01,2024-03-02\n"
        assert log.counts(log.run(name, content)) == {"stored": 1}
    assert [row["status"] for row in log.workflows.values()] == ["FINISHED"] * 2


def test_a_named_source_keeps_equal_rows_apart(log: MemoryImport) -> None:
    for source in ("north", "south"):
        assert log.counts(log.run("log.csv", log_files.DAY_1, source=source)) == {"stored": 2}
        assert log.counts(log.run("other.csv", log_files.DAY_1, source=source)) == {"known": 2}
    assert set(log.workflows) == {"workflow-north::e1", "workflow-south::e1"}
    assert log.agents["agent-Ana"]["completed_tasks"] == 4


@pytest.mark.parametrize("options", [{}, {"source": "b\udcff"}], ids=["file", "option"])
def test_a_source_may_have_bytes_that_are_no_text(log: MemoryImport, options: dict[str, str]) -> None:
    for number, name in enumerate(("a\udcfe.csv", "a\udcff.csv")):
        content = f"{HEADER}\n77,Open,2024-03-0{number + 1}\n"
        assert log.counts(log.run(name, content, **options)) == {"stored": 1}
    assert len(log.workflows) == (1 if options else 2)


CUT = f"""{HEADER},org:resource,lifecycle:transition,case:enddate
c,Draft,2024-03-01T08:00:00Z,Ana,start,2024-03-02
c,Draft,2024-03-01T09:00:00Z,Ben,complete,2024-03-02
c,Check,2024-03-01T10:00:00Z,,suspend,2024-03-02
d,Draft,2024-03-01T08:30:00Z,Ana,complete,
d,Draft,2024-03-01T08:30:00Z,Ana,complete,
"""


@pytest.mark.parametrize("commands", range(22))
def test_an_import_that_is_cut_off_after_any_command_is_completed_by_the_next(
    tmp_path: Path, commands: int
) -> None:
    whole, cut = (MemoryImport(tmp_path) for _ in range(2))
    whole.run("log.csv", CUT)
    cut.bus.fail_after(commands)
    with suppress(Unavailable):
        cut.run("log.csv", CUT)
    cut.bus.fail_after(None)
    report = cut.run("log.csv", CUT)
    assert (report.already_stored, report.refused) == (min(commands, len(whole.bus.history.commits)), 0)
    assert (cut.tasks, cut.workflows, cut.agents) == (whole.tasks, whole.workflows, whole.agents)


def test_cases_with_and_without_the_prefix_are_two(log: MemoryImport) -> None:
    log.run("log.csv", f"{HEADER}\n77,Open,2024-03-01\nworkflow-77,Open,2024-03-01\n")
    assert set(log.workflows) == {"workflow-77", "workflow-workflow-77"}
    assert len(log.tasks) == 2


def test_equal_rows_are_counted_and_not_merged(log: MemoryImport) -> None:
    row = "c,Ring,2024-03-01\n"
    assert log.counts(log.run("log.csv", f"{HEADER}\n{row * 2}")) == {"stored": 2}
    assert log.counts(log.run("log.csv", f"{HEADER}\n{row * 3}")) == {"stored": 1, "known": 2}
    assert log.steps("workflow-c") == ["Ring"] * 3


def test_equal_reports_of_a_state_are_counted_and_keep_their_attributes(log: MemoryImport) -> None:
    header, row = f"{HEADER},lifecycle:transition,note", "c,Ring,2024-03-01,suspend"
    content = f"{header}\n{row},a\n{row},b\n{row},b\n"
    for expected in ({"stored": 3}, {"known": 3}):
        assert log.counts(log.run("log.csv", content)) == expected
    reports = [event.payload for event in log.bus.history.events if event.type == "task.state_reported"]
    assert [report.attributes for report in reports if isinstance(report, TaskStateReported)] == [
        {"note": "a"},
        {"note": "b"},
        {"note": "b"},
    ]


WITH_ID = f"{HEADER},concept:instance"


def test_other_content_under_a_known_id_is_a_conflict(log: MemoryImport) -> None:
    """Neither that row nor later ones of its task change what is stored."""
    log.run("log.csv", f"{WITH_ID},lifecycle:transition\nc,Open,2024-03-01,1,start\n")
    other = f"{WITH_ID},lifecycle:transition\nd,Ship,2024-03-02,1,start\nd,Ship,2024-03-03,1,complete\n"
    for _ in range(2):
        assert log.counts(log.run("log.csv", other)) == {"conflicting": 2}
        assert log.tasks["task-1"]["status"] == "STARTED"
    assert log.counts(log.run("log.csv", other, source="south")) == {"stored": 2}


def test_the_case_and_the_agent_of_a_conflicting_row_are_stored_for_later_rows(log: MemoryImport) -> None:
    header = f"{WITH_ID},org:resource"
    log.run("log.csv", f"{header}\nc,Open,2024-03-01,1,Ana\n")
    other = f"{header}\nd,Ship,2024-03-02,1,Ben\nd,Pack,2024-03-03,2,\ne,Pack,2024-03-03,3,Ben\n"
    for outcome in ("stored", "known"):
        assert log.counts(log.run("log.csv", other)) == {"conflicting": 1, outcome: 2}
    assert log.steps("workflow-d") == log.steps("workflow-e") == ["Pack"]
    assert log.tasks["task-3"]["agent_id"] == "agent-Ben"


def test_another_time_under_a_known_id_is_a_conflict(log: MemoryImport) -> None:
    log.run("log.csv", f"{WITH_ID}\nc,Open,2024-03-01,1\n")
    assert log.counts(log.run("log.csv", f"{WITH_ID}\nc,Open,2024-03-02,1\n")) == {"conflicting": 1}
    assert log.counts(log.run("log.csv", f"{WITH_ID}\nc,Open,2024-03-01,1\n")) == {"known": 1}


def test_the_id_of_a_row_is_its_identity(log: MemoryImport) -> None:
    header = f"{HEADER},identity:id"
    log.run("log.csv", f"{header}\nc,Open,2024-03-01,r1\nc,Open,2024-03-01,r2\n")
    again = f"{header}\nc,Open,2024-03-01,r1\nc,Shut,2024-03-01,r2\nc,Open,2024-03-01,r3\n"
    assert log.counts(log.run("log.csv", again)) == {"known": 1, "conflicting": 1, "stored": 1}


def test_an_instance_that_becomes_ambiguous_keeps_its_task(log: MemoryImport) -> None:
    """The first file has one case; in the second one, each case numbers its activities from 1."""
    first = f"{WITH_ID}\nc,Open,2024-03-01,1\nc,Close,2024-03-02,2\n"
    assert log.counts(log.run("log.csv", first)) == {"stored": 2}
    both = f"{first}d,Open,2024-03-01,1\nd,Close,2024-03-04,2\n"
    assert log.counts(log.run("log.csv", both)) == {"known": 2, "stored": 2}
    assert log.counts(log.run("log.csv", both)) == {"known": 4}
    assert log.steps("workflow-c") == log.steps("workflow-d") == ["Open", "Close"]
    assert len(log.tasks) == 4


async def _send(log: MemoryImport, command: Command, *parts: str) -> None:
    command_id = derive_command_id(type(command).__name__, str(command.target), *parts)
    await log.bus.dispatch(
        Envelope(command, command_id=command_id, correlation="workflow-e1", source="import:day1.csv")
    )


async def _import_as_before(log: MemoryImport) -> None:
    """Store the first day as earlier versions of nerve did, which numbered the tasks of a case."""
    await _send(log, StartWorkflow(id="workflow-e1", name="e1"))
    await _send(log, RegisterAgent(id="agent-Ana", name="Ana"))
    for number, (name, hour) in enumerate((("Open", "08"), ("Close", "10")), 1):
        task, time = f"task-e1.{number}", f"2024-03-01T{hour}:00:00+00:00"
        await _send(log, CreateTask(id=task, title=name, workflow_id="workflow-e1", agent_id="agent-Ana"))
        await _send(log, CompleteTask(id=task), task, time)
        await _send(log, CompleteStep(id="workflow-e1", name=name, task_id=task), task, time)


async def test_rows_that_earlier_versions_imported_are_known(log: MemoryImport) -> None:
    await _import_as_before(log)
    for name, content, counts in (
        ("day1.csv", log_files.DAY_1, {"known": 2}),
        ("day2.csv", log_files.DAY_2, {"known": 2, "stored": 1}),
    ):
        path = log.folder / name
        path.write_text(content)
        log.refused.clear()
        assert log.counts(await log.importer().run(path)) == counts
    assert sorted(log.steps("workflow-e1")) == ["Check", "Close", "Open"]
