"""How a row came to be what it is: its changes, and why a field has its value."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from pydantic import SecretStr

from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.agents.commands import RegisterAgent
from domain.kernel import Command, Envelope, Scope
from domain.tasks.commands import AssignTask, CreateTask, StartTask
from eventstore.reading.event_query import EventQuery
from projections.past.changes import PastChange
from projections.past.reader import PastReader
from tests.helpers.note_rig import Rig, open_rig
from tests.helpers.notes import Erased, Linked, Scored, Written
from tests.helpers.row_scopes import ALL_ROWS

TENANT = "default"
DEADLINE = 120


@pytest.fixture
async def nerve(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Runtime]:
    own = Settings(
        mongo_url=SecretStr(mongo_url),
        redis_url=SecretStr(redis_url),
        database=database,
    )
    async with open_runtime(
        own,
    ) as running:
        yield running


@pytest.fixture
async def rig(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Rig]:
    async with open_rig(mongo_url, redis_url, database) as rig:
        yield rig


async def test_pages_of_a_history_join_in_both_directions(rig: Rig) -> None:
    for score in range(5):
        await rig.append("note-a", *([Written(text="a")] if not score else []), Scored(by=1), Scored(by=1))
        await rig.append("note-b", Linked(to="note-a"))
    await rig.append("note-a", Scored(by=1), Scored(by=-1))
    await rig.append("note-a", Erased())
    for _ in range(2):
        await rig.append("note-c", Written(text="a"), Erased())
    now = PastReader(rig.reader, rig.log, 100_000, DEADLINE).at(await rig.log.high_water_mark())
    whole = (await now.history(ALL_ROWS, "note-a", first=100)).changes
    assert [(one.commit.position, one.after and one.after["score"]) for one in whole][-3:] == [
        (10, 10),
        (11, 10),
        (12, None),
    ]
    assert [event.type for event in whole[0].events] == ["note.written", "note.scored", "note.scored"]
    assert whole[0].before is None
    assert set(whole[1].fields) == {"links", "folded"}
    forth: list[PastChange] = []
    back: list[PastChange] = []
    page = await now.history(ALL_ROWS, "note-a", first=3)
    while page.changes:
        forth += page.changes
        assert page.has_next is (len(forth) < len(whole))
        page = await now.history(ALL_ROWS, "note-a", first=3, after=forth[-1].commit.position)
        assert page.has_previous
    page = await now.history(ALL_ROWS, "note-a", last=3)
    while page.changes:
        back = [*page.changes, *back]
        assert page.has_previous is (len(back) < len(whole))
        page = await now.history(ALL_ROWS, "note-a", last=3, before=back[0].commit.position)
        assert page.has_next
    assert forth == back == whole
    for nothing in ("note-x", "note-c"):
        assert (await now.history(ALL_ROWS, nothing, first=1)).changes == []
    assert await now.why(ALL_ROWS, "note-a", "score") is None
    between = await now.history(ALL_ROWS, "note-a", first=9, after=1, before=4)
    assert ([one.commit.position for one in between.changes], between.has_next) == ([2, 3], True)


async def test_why_tells_the_event_that_set_a_value_and_the_chain_that_led_to_it(nerve: Runtime) -> None:
    async def send(command: Command, **cause: Any) -> tuple[str, Any]:
        receipt = await nerve.bus.dispatch(
            Envelope(command, Scope(TENANT, "ann"), correlation="corr", **cause)
        )
        found = await nerve.log.search(TENANT, EventQuery(), receipt.position - 1, 1)
        return receipt.command_id, found[0]

    _, registered = await send(RegisterAgent(id="agent-1", name="Writer"))
    asked, created = await send(CreateTask(id="task-1", title="Sum"), causation=registered.id)
    _, assigned = await send(AssignTask(id="task-1", agent_id="agent-1"), causation=asked)
    _, started = await send(StartTask(id="task-1"), causation=assigned.id)
    past = nerve.view_parts["tasks"].past
    now = past.at(started.position)

    reason = await now.why(ALL_ROWS, "task-1", "status")
    assert reason is not None
    assert (reason.before, reason.value, reason.event) == ("ASSIGNED", "STARTED", started)
    assert list(reason.causes) == [assigned, created, registered]
    reason = await now.why(ALL_ROWS, "task-1", "agent_id")
    assert reason is not None
    assert (reason.before, reason.value, reason.event) == (None, "agent-1", assigned)
    reason = await now.why(ALL_ROWS, "task-1", "error")
    assert reason is not None
    assert (reason.before, reason.value, reason.event) == (None, None, created)
    earlier = await past.at(assigned.position).why(ALL_ROWS, "task-1", "status")
    assert earlier is not None
    assert (earlier.before, earlier.value, earlier.event) == ("CREATED", "ASSIGNED", assigned)
    assert await past.at(registered.position).why(ALL_ROWS, "task-1", "status") is None


async def test_a_chain_that_leads_back_to_itself_or_out_of_the_log_ends(nerve: Runtime) -> None:
    scope = Scope(TENANT)
    for number, cause in enumerate(("cmd-1", "cmd-0", "cmd-1", "evt-unknown")):
        command = RegisterAgent(id=f"agent-{number}", name="Writer")
        await nerve.bus.dispatch(
            Envelope(command, scope, f"cmd-{number}", correlation="corr", causation=cause)
        )
    now = nerve.view_parts["agents"].past.at(4)
    for number, causes in enumerate(([], ["agent-0"], ["agent-1", "agent-0"], [])):
        reason = await now.why(ALL_ROWS, f"agent-{number}", "name")
        assert reason is not None
        assert [event.stream for event in reason.causes] == causes
