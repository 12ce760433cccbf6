"""Rows of a process log as commands: which stream, which id, in which order."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.fleet.activity import LoggedActivity
from api.fleet.log_ids import MAX_LENGTH, derive_command_id, stream_id
from api.fleet.plan import ProcessPlan
from api.transfer.rows import PlannedRow
from domain.kernel import Command, Scope
from domain.kernel.fields import ID_PATTERN
from domain.tasks.commands import CompleteTask, CreateTask, StartTask
from domain.workflows.commands import FinishWorkflow, StartWorkflow
from tests.helpers.process_log import stored_activities

NOON = datetime(2024, 5, 17, 12, tzinfo=UTC)


def activity(minute: float, name: str = "draft", **fields: Any) -> LoggedActivity:
    """An activity so many minutes after noon, on a line of the same number."""
    plain: dict[str, Any] = {
        "line": int(minute),
        "case": "c1",
        "instance": None,
        "resource": "r1",
        "transition": "complete",
        "case_start": None,
        "case_end": None,
    }
    return LoggedActivity(name=name, time=NOON + timedelta(minutes=minute), **{**plain, **fields})


def plan(
    activities: Sequence[LoggedActivity], scope: Scope | None = None, **options: Any
) -> list[PlannedRow]:
    """The rows of a plan, none of which is refused."""
    rows = list(
        ProcessPlan(stored_activities(activities), scope or Scope(), "import:log.csv", **options).rows()
    )
    assert all(isinstance(row, PlannedRow) for row in rows)
    return cast(list[PlannedRow], rows)


def planned(*activities: LoggedActivity) -> list[tuple[int, str, str]]:
    """(line, command, stream) of all that the activities come to."""
    return [
        (row.line, type(step.envelope.command).__name__, str(step.envelope.command.target))
        for row in plan(activities)
        for step in row.steps
    ]


def commands(*activities: LoggedActivity) -> list[Command]:
    return [step.envelope.command for row in plan(activities) for step in row.steps]


def test_a_case_is_a_workflow_an_instance_a_task_a_resource_an_agent() -> None:
    assert planned(activity(1, instance="task-9"), activity(2, instance="10", case_end=NOON)) == [
        (1, "StartWorkflow", "workflow-c1"),
        (1, "RegisterAgent", "agent-r1"),
        (1, "CreateTask", "task-9"),
        (1, "CompleteTask", "task-9"),
        (1, "CompleteStep", "workflow-c1"),
        (2, "CreateTask", "task-10"),
        (2, "CompleteTask", "task-10"),
        (2, "CompleteStep", "workflow-c1"),
        (2, "FinishWorkflow", "workflow-c1"),
    ]


def test_rows_go_by_their_times_and_not_by_their_lines() -> None:
    log = [activity(5, line=2), activity(3, line=3), activity(4, line=4)]
    assert [line for line, name, _ in planned(*log) if name == "CompleteTask"] == [3, 4, 2]


def test_event_times_come_from_the_row_and_those_of_the_case_from_the_case() -> None:
    begin, end = NOON - timedelta(days=1), NOON + timedelta(days=1)
    rows = plan([activity(1, case_start=begin, case_end=end)], Scope("acme"))
    envelopes = [step.envelope for row in rows for step in row.steps]
    times = {type(envelope.command): envelope.occurred for envelope in envelopes}
    assert times[StartWorkflow] == begin
    assert times[CompleteTask] == NOON + timedelta(minutes=1)
    assert times[FinishWorkflow] == end
    assert {(e.scope.tenant, e.correlation, e.source) for e in envelopes} == {
        ("acme", "workflow-c1", "import:log.csv")
    }


def test_start_and_complete_of_one_instance_are_one_task() -> None:
    pair = commands(
        activity(1, instance="9", transition="start"), activity(2, instance="9", transition="complete")
    )
    assert [type(command).__name__ for command in pair[2:]] == [
        "CreateTask",
        "StartTask",
        "CompleteTask",
        "CompleteStep",
    ]
    assert {command.target for command in pair[2:5]} == {"task-9"}


def test_the_whole_lifecycle_of_a_task() -> None:
    names = [
        name
        for _, name, stream in planned(
            activity(1, instance="9", transition="schedule"),
            activity(2, instance="9", transition="assign", resource="r2"),
            activity(3, instance="9", transition="start", resource="r3"),
            activity(4, instance="9", transition="complete", resource="r4"),
            activity(5, instance="10", transition="ate_abort"),
            activity(6, instance="11", transition="withdraw"),
        )
        if stream.startswith("task-")
    ]
    assert names == [
        "CreateTask",
        # The resource of a scheduled task is not its agent, and is kept as data.
        "ReportTaskState",
        "AssignTask",
        "AssignTask",
        "StartTask",
        "CompleteTask",
        "CreateTask",
        "FailTask",
        "CreateTask",
        "CancelTask",
    ]


def test_rows_without_an_instance_are_paired_within_their_case_and_name() -> None:
    started = [activity(n, transition="start") for n in (1, 2)]
    ended = [activity(n) for n in (3, 4, 5)]
    found = commands(*started, activity(2, case="c2", transition="start"), *ended)
    first, second, other = [c.id for c in found if isinstance(c, StartTask)]
    assert first.startswith("task-c1.")
    assert other.startswith("task-c2.")
    completed = [c.id for c in found if isinstance(c, CompleteTask)]
    assert completed[:2] == [first, second]
    assert len({*completed, other}) == 4


def test_an_instance_of_several_activities_is_qualified_by_its_case() -> None:
    log = [
        activity(1, instance="1", transition="start"),
        activity(2, instance="1"),
        activity(3, "send", instance="1"),
        activity(4, case="c2", instance="1"),
        activity(5, case="c2", instance="2"),
    ]
    created = [str(command.id) for command in commands(*log) if isinstance(command, CreateTask)]
    assert [task.partition(".")[0] for task in created] == ["task-c1", "task-c1", "task-c2", "task-2"]
    assert len(set(created)) == 4


def test_command_ids_are_the_same_each_time_and_differ_within_a_file() -> None:
    log = [activity(n, name, transition=how) for n, name, how in [(1, "a", "start"), (2, "a", "complete")]]
    log += [activity(3, "a"), activity(4, "b", case_end=NOON)]

    def ids() -> list[str | None]:
        return [step.envelope.command_id for row in plan(log) for step in row.steps]

    assert ids() == ids()
    assert len(set(ids())) == len(ids())
    assert all(len(str(each)) <= 128 for each in ids())


def test_a_file_that_has_grown_keeps_the_commands_that_it_had() -> None:
    first = [activity(1), activity(2, "send")]
    before = [step for row in plan(first) for step in row.steps]
    for added in (0, 1.5, 3):
        steps = [step for row in plan([*first, activity(added)]) for step in row.steps]
        ids = {step.envelope.command_id for step in steps}
        assert {step.envelope.command_id for step in before} < ids


@pytest.mark.parametrize(
    ("category", "name", "id"),
    [
        ("task", "task-42933", "task-42933"),
        ("agent", "Resource01", "agent-Resource01"),
        ("workflow", "case-9289", "workflow-case-9289"),
        ("agent", "Team A", "agent-Team:20A"),
        ("agent", "a:b", "agent-a:3Ab"),
        ("agent", "é", "agent-:C3:A9"),
        ("task", "task-", "task-task-"),
    ],
)
def test_names_become_ids(category: str, name: str, id: str) -> None:
    assert stream_id(category, name) == id


names = st.text(min_size=1, max_size=200).filter(str.strip)


@given(names, names)
def test_every_name_has_an_id_of_its_own(one: str, other: str) -> None:
    ids = [stream_id("agent", name) for name in (one, other)]
    assert all(re.fullmatch(ID_PATTERN, each) for each in ids)
    bare = [name.removeprefix("agent-") or name for name in (one, other)]
    assert (ids[0] == ids[1]) == (bare[0] == bare[1])


def test_long_names_keep_their_difference() -> None:
    one, other = (stream_id("agent", "x" * 150 + end) for end in "ab")
    assert one != other
    assert len(one) == len("agent-") + MAX_LENGTH


def test_a_command_id_is_unique_for_its_parts() -> None:
    assert derive_command_id("a", "bc") != derive_command_id("ab", "c")
