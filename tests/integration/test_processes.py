"""Processes on real servers: they react to events, their effects are run once, and outcomes come back."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from domain.process.advance import advance
from domain.process.events import (
    ChildEnded,
    CommandRequested,
    CommandWasRefused,
    DeadlinePassed,
    DeadlineSet,
    ProcessStarted,
    ProcessStatus,
    ProcessStuck,
)
from subscriptions.processes.instances import CommitCause, InstanceKey
from tests.helpers.chore_process.chores import BeginChore, StepDone, Taken
from tests.helpers.process_rig import ProcessRig, open_process_rig


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[ProcessRig]:
    async with open_process_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def test_a_command_leads_to_a_reaction_and_that_to_the_next_command(rig: ProcessRig) -> None:
    """Two commands, each dispatched after the event of the one before."""
    chore = await rig.begin("stamp", "stamp")
    await rig.until(chore, ProcessStatus.COMPLETED)
    own = [payload for payload in await rig.payloads(chore) if isinstance(payload, Taken | StepDone)]
    assert own == [Taken(steps=("stamp", "stamp")), StepDone(step="stamp"), StepDone(step="stamp")]
    page = await rig.events(f"page-{chore.stream.partition('-')[2]}")
    assert [event.type for event in page] == ["page.stamped", "page.stamped"]


async def test_a_refused_command_is_an_outcome_and_what_was_done_is_undone(rig: ProcessRig) -> None:
    """The stamp of the first step is erased; the refusal of the second is kept with its code."""
    chore = await rig.begin("stamp", "tear")
    await rig.until(chore, ProcessStatus.COMPENSATED)
    page = await rig.events(f"page-{chore.stream.partition('-')[2]}")
    assert [event.type for event in page] == ["page.stamped", "page.erased"]
    refusals = [each for each in await rig.payloads(chore) if isinstance(each, CommandWasRefused)]
    assert [(refusal.code, refusal.message) for refusal in refusals] == [
        ("INVARIANT_VIOLATED", "pages are not torn")
    ]


async def test_a_deadline_comes_by_the_clock_and_once(rig: ProcessRig) -> None:
    """Not before its time, by the times that the log has recorded."""
    chore = await rig.begin("wait")
    await rig.until(chore, ProcessStatus.COMPLETED)
    events = await rig.events(chore.stream)
    (due,) = [event.payload.due for event in events if isinstance(event.payload, DeadlineSet)]
    (passed,) = [event for event in events if isinstance(event.payload, DeadlinePassed)]
    assert passed.commit.at >= due


async def test_the_end_of_a_process_is_an_outcome_of_the_one_that_started_it(rig: ProcessRig) -> None:
    """The child gets its input, and its result comes back."""
    chore = await rig.begin("send")
    await rig.until(chore, ProcessStatus.COMPLETED)
    child = await rig.state(InstanceKey("default", f"{chore.stream}.sent"))
    assert (child.status, child.parent) == (ProcessStatus.COMPLETED, chore.stream)
    ends = [each for each in await rig.payloads(chore) if isinstance(each, ChildEnded)]
    assert [(end.status, end.result) for end in ends] == [("COMPLETED", {"steps": "done"})]


async def test_commits_of_a_reaction_name_their_cause_and_share_its_correlation(rig: ProcessRig) -> None:
    """The reaction is caused by the event, the command by the reaction's request."""
    chore = await rig.begin("stamp")
    await rig.until(chore, ProcessStatus.COMPLETED)
    key = chore.stream.partition("-")[2]
    (begun,) = await rig.events(f"chorelist-{key}")
    own = await rig.events(chore.stream)
    (request,) = [event for event in own if isinstance(event.payload, CommandRequested)]
    (stamped,) = await rig.events(f"page-{key}")
    assert own[0].commit.causation == begun.id
    assert stamped.commit.causation == request.id
    assert stamped.commit.command_id == f"{chore.stream}:{request.version}"
    assert {event.commit.correlation for event in (*own, stamped)} == {begun.commit.correlation}


async def test_instances_of_tenants_are_apart(rig: ProcessRig) -> None:
    """The same key in two tenants is two instances."""
    key = "same"
    for tenant in ("red", "blue"):
        await rig.send(BeginChore(id=f"chorelist-{key}", steps=("stamp",)), tenant)
    for tenant in ("red", "blue"):
        await rig.until(InstanceKey(tenant, f"chore-{key}"), ProcessStatus.COMPLETED)
        assert [event.version for event in await rig.events(f"page-{key}", tenant)] == [1]


async def test_a_reaction_that_cannot_be_stored_makes_the_instance_stuck(rig: ProcessRig) -> None:
    """A commit that is too large for MongoDB must not stop the process for all other instances."""
    chore = InstanceKey("default", "chore-large")
    events = (ProcessStarted(instance=chore.stream), Taken(steps=("x" * 16_000_000,)))
    change = await rig.instances.change(
        chore, lambda state: advance(state, *events), CommitCause("c", "C", "c", None)
    )
    assert change.after.status is ProcessStatus.STUCK
    started, stuck = await rig.payloads(chore)
    assert started == events[0]
    assert isinstance(stuck, ProcessStuck)
    assert "chore-large leads to events that cannot be stored: the events of C take 16000" in stuck.reason
