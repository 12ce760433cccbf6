"""The command bus over the real log: one command in, one receipt or one typed error out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain import meters
from domain.agents.commands import ChangeAgentState, RegisterAgent, RetireAgent
from domain.agents.events import AgentState
from domain.dispatch.bus import Handler
from domain.kernel import (
    AlreadyExists,
    Catalog,
    Command,
    Envelope,
    InvariantViolated,
    NotFound,
    Receipt,
    RecordedEvent,
    Scope,
)
from domain.kernel.errors import CommandIdReused, ConcurrencyConflict, ValidationFailed
from domain.meters.commands import ReportReading
from domain.tasks.commands import AssignTask, CompleteTask, CreateTask, StartTask
from domain.workflows.commands import CompleteStep, StartWorkflow
from tests.helpers.wired_bus import Wired, wired

WRITER, TASK, CASE = "agent-writer", "task-1", "workflow-7"
REGISTER = RegisterAgent(id=WRITER, name="Writer")
CREATE = CreateTask(id=TASK, title="Sum", agent_id=WRITER)


@pytest.fixture
async def nerve(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    async with wired(mongo_url, database) as parts:
        yield parts


@pytest.fixture
async def neighbour(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    """Another process on the same log."""
    async with wired(mongo_url, database) as parts:
        yield parts


async def test_a_receipt_tells_where_the_events_are(nerve: Wired) -> None:
    await nerve.send(REGISTER)
    receipt = await nerve.send(CREATE, command_id="c-1", correlation="story")
    assert receipt == Receipt("c-1", TASK, version=2, position=2, correlation="story")
    created, assigned = [event for event in await nerve.events() if event.stream == TASK]
    assert (created.type, created.version, created.position) == ("task.created", 1, 2)
    assert (assigned.type, assigned.version, assigned.position) == ("task.assigned", 2, 2)
    assert created.commit == assigned.commit


async def test_what_the_envelope_says_is_kept_with_the_events(nerve: Wired) -> None:
    then = datetime(2011, 10, 11, 11, 45, 40, 276000, tzinfo=UTC)
    await nerve.send(
        REGISTER,
        then,
        scope=Scope("acme", "owner"),
        command_id="c-1",
        correlation="story",
        causation="evt-0",
        source="file",
    )
    (event,) = await nerve.events()
    kept = event.commit
    assert (kept.tenant, kept.actor, kept.command_id, kept.command) == (
        "acme",
        "owner",
        "c-1",
        "RegisterAgent",
    )
    assert (kept.correlation, kept.causation, kept.source) == ("story", "evt-0", "file")
    assert event.time == kept.occurred == then
    assert kept.at > then


async def test_without_an_id_the_server_makes_one_and_the_command_correlates_with_itself(
    nerve: Wired,
) -> None:
    first = await nerve.send(CreateTask(title="Sum"))
    second = await nerve.send(CreateTask(title="Sum"))
    assert first.stream < second.stream
    assert first.stream.startswith("task-")
    assert first.correlation == first.command_id != second.command_id


async def test_I3_a_command_id_has_effect_once_also_when_the_state_has_moved_on(nerve: Wired) -> None:
    await nerve.send(REGISTER)
    await nerve.send(CREATE, command_id="create")
    first = await nerve.send(CompleteTask(id=TASK), command_id="done")
    again = await nerve.send(CompleteTask(id=TASK), command_id="done")
    assert again.replayed
    assert (again.version, again.position) == (first.version, first.position)
    assert (await nerve.send(CREATE, command_id="create")).replayed
    assert await nerve.log.head() == 3


async def test_I3_a_create_that_is_sent_again_names_the_stream_of_its_first_run(nerve: Wired) -> None:
    first = await nerve.send(CreateTask(title="Sum"), command_id="once")
    again = await nerve.send(CreateTask(title="Sum"), command_id="once")
    assert (again.stream, again.replayed) == (first.stream, True)
    assert len(await nerve.events()) == 1


async def test_I3_a_command_id_sent_many_times_at_once_has_effect_once(
    nerve: Wired, neighbour: Wired
) -> None:
    await nerve.send(StartWorkflow(id=CASE, name="permit"))
    sent = [
        side.send(CompleteStep(id=CASE, name="draft"), command_id="once")
        for side in (nerve, neighbour)
        for _ in range(10)
    ]
    receipts = await asyncio.gather(*sent)
    assert {(receipt.version, receipt.position) for receipt in receipts} == {(2, receipts[0].position)}
    assert [receipt.replayed for receipt in receipts].count(False) == 1
    assert len(await nerve.events()) == 2


@pytest.mark.parametrize("other", [RetireAgent(id=WRITER), ChangeAgentState(id="agent-editor", state="BUSY")])
async def test_a_command_id_is_not_used_for_two_commands(nerve: Wired, other: Command) -> None:
    await nerve.send(REGISTER)
    await nerve.send(RegisterAgent(id="agent-editor", name="Editor"))
    await nerve.send(ChangeAgentState(id=WRITER, state=AgentState.BUSY), command_id="c-1")
    with pytest.raises(CommandIdReused) as refusal:
        await nerve.send(other, command_id="c-1")
    assert refusal.value.position == 3
    assert len(await nerve.events()) == 3


@pytest.mark.parametrize("expected", [0, 2, 9])
async def test_I2_a_wrong_expected_version_is_a_conflict_that_tells_both(nerve: Wired, expected: int) -> None:
    await nerve.send(REGISTER)
    with pytest.raises(ConcurrencyConflict) as conflict:
        await nerve.send(RetireAgent(id=WRITER), expected_version=expected)
    assert conflict.value.details() == {"stream": WRITER, "expectedVersion": expected, "version": 1}
    assert len(await nerve.events()) == 1
    assert (await nerve.send(RetireAgent(id=WRITER), expected_version=1)).version == 2


@pytest.mark.parametrize(
    ("command", "error", "path"),
    [
        (REGISTER, AlreadyExists, None),
        (RetireAgent(id="agent-editor"), NotFound, None),
        (CreateTask(title="Sum", agent_id="agent-editor"), NotFound, None),
        (CreateTask(title="Sum", workflow_id=CASE), NotFound, None),
        (RetireAgent(id="task-1"), ValidationFailed, ("id",)),
        (RegisterAgent(id="task-1", name="Writer"), ValidationFailed, ("id",)),
        (CreateTask(title="Sum", agent_id="task-1"), ValidationFailed, ("agent_id",)),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Command) else None,
)
async def test_what_cannot_be_is_refused_and_nothing_stored(
    nerve: Wired, command: Command, error: type[Exception], path: tuple[str, ...] | None
) -> None:
    await nerve.send(REGISTER)
    with pytest.raises(error) as refusal:
        await nerve.send(command)
    assert getattr(refusal.value, "path", None) == path
    assert len(await nerve.events()) == 1


async def test_a_command_that_changes_nothing_has_a_receipt_at_the_version_that_is(nerve: Wired) -> None:
    await nerve.send(REGISTER)
    await nerve.send(CREATE)
    receipt = await nerve.send(ChangeAgentState(id=WRITER, state=AgentState.IDLE))
    assert (receipt.stream, receipt.version, receipt.position, receipt.changed) == (WRITER, 1, 1, False)
    assert await nerve.log.head() == 2


async def test_I2_commands_on_one_stream_take_turns_and_none_is_lost(nerve: Wired, neighbour: Wired) -> None:
    await nerve.send(StartWorkflow(id=CASE, name="permit"))
    steps = [CompleteStep(id=CASE, name=f"step {n}") for n in range(24)]
    sides = [nerve if n % 4 else neighbour for n in range(24)]
    receipts = await asyncio.gather(*(side.send(step) for side, step in zip(sides, steps, strict=True)))
    assert sorted(receipt.version for receipt in receipts) == list(range(2, 26))
    assert [event.version for event in await nerve.events()] == list(range(1, 26))


async def test_a_refusal_from_a_state_that_another_process_has_changed_is_decided_anew(
    nerve: Wired, neighbour: Wired
) -> None:
    await nerve.send(REGISTER)
    await nerve.send(CreateTask(id=TASK, title="Sum"))
    await neighbour.send(AssignTask(id=TASK, agent_id=WRITER))
    assert (await nerve.send(StartTask(id=TASK))).version == 3
    with pytest.raises(InvariantViolated):
        await neighbour.send(StartTask(id=TASK))


async def test_another_stream_is_seen_as_it_is_now_not_as_it_was_remembered(
    nerve: Wired, neighbour: Wired
) -> None:
    await nerve.send(REGISTER)
    await nerve.send(CREATE)
    await neighbour.send(RetireAgent(id=WRITER))
    with pytest.raises(InvariantViolated):
        await nerve.send(CreateTask(title="Sum", agent_id=WRITER))


async def test_streams_of_two_tenants_do_not_meet(nerve: Wired) -> None:
    await nerve.send(REGISTER, scope=Scope("one"))
    assert (await nerve.send(REGISTER, scope=Scope("two"))).version == 1
    with pytest.raises(NotFound):
        await nerve.send(RetireAgent(id=WRITER))


async def test_an_event_and_its_data_tell_one_time(nerve: Wired) -> None:
    await nerve.send(REGISTER)
    await nerve.send(CREATE)
    await nerve.send(StartTask(id=TASK))
    started = (await nerve.events())[-1]
    assert started.data["started_at"] == started.time == started.commit.at


async def test_a_duration_counts_from_event_times(nerve: Wired) -> None:
    start = datetime(2011, 10, 11, tzinfo=UTC)
    await nerve.send(REGISTER)
    await nerve.send(CREATE)
    await nerve.send(StartTask(id=TASK), start)
    await nerve.send(CompleteTask(id=TASK), start + timedelta(hours=2))
    assert (await nerve.events())[-1].data["duration_seconds"] == 7200.0


async def test_middleware_wraps_dispatch_in_its_order_and_may_refuse(mongo_url: str, database: str) -> None:
    heard: list[str] = []

    def layer(name: str) -> Any:
        async def call(envelope: Envelope, following: Handler) -> Receipt:
            heard.append(f"{name} {type(envelope.command).__name__}")
            if isinstance(envelope.command, RetireAgent) and name == "inner":
                raise InvariantViolated("nobody retires here")
            receipt = await following(envelope)
            heard.append(f"{name} at {receipt.position}")
            return receipt

        return call

    async with wired(mongo_url, database, [layer("outer"), layer("inner")]) as nerve:
        await nerve.send(REGISTER)
        with pytest.raises(InvariantViolated):
            await nerve.send(RetireAgent(id=WRITER))
        assert len(await nerve.events()) == 1
    assert heard == [
        "outer RegisterAgent",
        "inner RegisterAgent",
        "inner at 1",
        "outer at 1",
        "outer RetireAgent",
        "inner RetireAgent",
    ]


async def test_a_put_command_is_decided_in_the_cached_state_of_its_stream(
    mongo_url: str, database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its stream mostly exists: to take it for a new one would cost a conflict and two reads each time."""
    async with wired(mongo_url, database, catalog=Catalog([meters.context])) as nerve:
        first = await nerve.send(ReportReading(id="reporter-1", name="load", value=1.0))

        async def read(*_: Any, **__: Any) -> list[RecordedEvent]:
            raise AssertionError("the stream was read")

        monkeypatch.setattr(nerve.log, "stream", read)
        second = await nerve.send(ReportReading(id="reporter-1", name="load", value=2.0))
        assert (first.version, second.version) == (1, 2)
