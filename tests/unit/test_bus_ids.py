"""Command ids over the real log: the same content is replayed, other content is refused, by any process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from domain.agents.commands import ChangeAgentState, RegisterAgent
from domain.agents.events import AgentState
from domain.kernel import InvariantViolated, Receipt, Scope
from domain.kernel.errors import CommandIdReused
from domain.tasks.commands import CancelTask, CreateTask
from domain.workflows.commands import StartWorkflow
from tests.helpers.wired_bus import Wired, wired

WRITER, TASK = "agent-writer", "task-1"
PROCESS = Scope(authentication="process")


@pytest.fixture
async def nerve(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    async with wired(mongo_url, database) as parts:
        await parts.send(RegisterAgent(id=WRITER, name="Writer"))
        yield parts


@pytest.fixture
async def neighbour(mongo_url: str, database: str) -> AsyncIterator[Wired]:
    """Another process on the same log."""
    async with wired(mongo_url, database) as parts:
        yield parts


async def test_c3_other_content_under_a_used_id_is_refused_with_the_first_position(
    nerve: Wired, neighbour: Wired
) -> None:
    first = await nerve.send(CreateTask(title="A"), command_id="k")
    for side in (nerve, neighbour):
        assert await side.send(CreateTask(title="A"), command_id="k") == replace(first, replayed=True)
        for other in (CreateTask(title="B"), CreateTask(title="A", id=TASK), StartWorkflow(name="A")):
            with pytest.raises(CommandIdReused) as refusal:
                await side.send(other, command_id="k")
            assert refusal.value.position == first.position
    assert len(await nerve.events()) == 2


async def test_c3_other_content_is_refused_where_the_state_refuses_the_command_too(nerve: Wired) -> None:
    await nerve.send(CreateTask(id=TASK, title="A"), command_id="create")
    await nerve.send(CancelTask(id=TASK, reason="late"), command_id="cancel")
    assert (await nerve.send(CancelTask(id=TASK, reason="late"), command_id="cancel")).replayed
    for command, name in ((CancelTask(id=TASK), "cancel"), (CreateTask(id=TASK, title="B"), "create")):
        with pytest.raises(CommandIdReused):
            await nerve.send(command, command_id=name)


async def test_what_is_not_the_commands_own_content_does_not_count(nerve: Wired) -> None:
    first = await nerve.send(CreateTask(id=TASK, title="A"), command_id="k", correlation="one")
    again = await nerve.send(
        CreateTask(id=TASK, title="A", agent_id=None), command_id="k", correlation="two", expected_version=0
    )
    assert again == replace(first, replayed=True)


async def test_a_stored_command_without_a_digest_is_replayed_as_before(nerve: Wired) -> None:
    first = await nerve.send(CreateTask(title="A"), command_id="k")
    await nerve.log._collections.log.update_one({"command.id": "k"}, {"$unset": {"command.digest": 1}})
    assert await nerve.send(CreateTask(title="B"), command_id="k") == replace(first, replayed=True)


async def test_a_command_of_a_process_is_stored_without_a_digest_and_replayed(nerve: Wired) -> None:
    first = await nerve.send(CreateTask(title="A"), command_id="k", scope=PROCESS)
    stored = await nerve.log.stored_command("default", "k")
    assert stored is not None
    assert stored.digest is None
    assert await nerve.send(CreateTask(title="A"), command_id="k", scope=PROCESS) == replace(
        first, replayed=True
    )


async def test_a_command_of_a_process_is_compared_with_a_stored_digest(nerve: Wired) -> None:
    """Another sender may have taken its id, or a release that stored digests of such commands."""
    first = await nerve.send(CreateTask(title="A"), command_id="k")
    assert await nerve.send(CreateTask(title="A"), command_id="k", scope=PROCESS) == replace(
        first, replayed=True
    )
    with pytest.raises(CommandIdReused):
        await nerve.send(CreateTask(title="B"), command_id="k", scope=PROCESS)


async def test_a_command_that_changed_nothing_is_replayed_also_when_it_would_change_something_now(
    nerve: Wired, neighbour: Wired
) -> None:
    idle, busy = (ChangeAgentState(id=WRITER, state=state) for state in (AgentState.IDLE, AgentState.BUSY))
    first = await nerve.send(idle, command_id="k")
    assert (first.stream, first.version, first.position, first.changed) == (WRITER, 1, 2, False)
    await neighbour.send(busy)
    for side in (nerve, neighbour):
        assert await side.send(idle, command_id="k") == replace(first, replayed=True)
        with pytest.raises(CommandIdReused) as refusal:
            await side.send(busy, command_id="k")
        assert refusal.value.position == first.position
    assert [event.type for event in await nerve.events()] == ["agent.registered", "agent.state-changed"]


async def test_a_refused_command_is_not_remembered(nerve: Wired) -> None:
    await nerve.send(CreateTask(id=TASK, title="A"))
    await nerve.send(CancelTask(id=TASK))
    with pytest.raises(InvariantViolated):
        await nerve.send(CancelTask(id=TASK), command_id="k")
    assert (await nerve.send(CreateTask(title="B"), command_id="k")).changed


async def outcomes(*sends: object) -> list[Receipt | BaseException]:
    return await asyncio.gather(*sends, return_exceptions=True)  # type: ignore[call-overload,no-any-return]


async def test_i3_of_two_contents_sent_at_once_by_two_processes_one_wins(
    nerve: Wired, neighbour: Wired
) -> None:
    """Each round on another id: the winner is replayed to its like, the other is refused."""
    for number in range(20):
        name = f"k-{number}"
        sent = [
            (title, side.send(CreateTask(title=title), command_id=name))
            for title in "AB"
            for side in (nerve, neighbour)
        ]
        answers = dict(enumerate(await outcomes(*(send for _, send in sent))))
        receipts = [one for one in answers.values() if isinstance(one, Receipt)]
        refused = [one for one in answers.values() if isinstance(one, CommandIdReused)]
        assert len(receipts) + len(refused) == 4
        assert [receipt.replayed for receipt in receipts].count(False) == 1
        assert len({replace(receipt, replayed=True) for receipt in receipts}) == 1
        assert {one.position for one in refused} == {receipts[0].position}
        winners = {sent[place][0] for place, one in answers.items() if isinstance(one, Receipt)}
        losers = {sent[place][0] for place, one in answers.items() if isinstance(one, CommandIdReused)}
        assert len(winners) == 1
        assert not winners & losers
    assert len(await nerve.events()) == 21


async def test_i3_an_id_that_changes_nothing_here_and_something_there_has_one_receipt(
    nerve: Wired, neighbour: Wired
) -> None:
    """One process finds the agent busy, the other not yet: whichever is first is right for all."""
    both = (nerve, neighbour)
    for number in range(20):
        agent, name = f"agent-{number}", f"k-{number}"
        await nerve.send(RegisterAgent(id=agent, name="Writer"))
        busy = ChangeAgentState(id=agent, state=AgentState.BUSY)
        sends = [side.send(busy) for side in both]
        receipts = (await outcomes(*sends, *(side.send(busy, command_id=name) for side in both * 2)))[2:]
        assert len({replace(one, replayed=True) for one in receipts if isinstance(one, Receipt)}) == 1
        assert [one.replayed for one in receipts if isinstance(one, Receipt)].count(False) == 1
        stored = await nerve.log._collections.log.count_documents({"command.id": name})
        assert stored == 1
