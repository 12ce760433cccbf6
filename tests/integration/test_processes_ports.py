"""Calls of outside ports: they are repeated until there is an answer, and stay within bounds."""

from __future__ import annotations

import pytest

from api.ids import now
from domain.process.commands import CancelProcess
from domain.process.events import CallRequested, CallSucceeded, ProcessStatus
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import failing_work
from tests.helpers.oracles import Oracle
from tests.helpers.process_rig import ProcessRig, open_process_rig, until


async def test_a_call_is_repeated_under_its_key_until_it_succeeds(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The circuit opens after five failures in a row, and closes with the first success."""
    oracle = Oracle(failures=6)
    async with open_process_rig(mongo_url, redis_url, database, adapters={"oracle": oracle}) as rig:
        chore = await rig.begin("ask")
        await rig.until(chore, ProcessStatus.COMPLETED)
        (reply,) = [each for each in await rig.payloads(chore) if isinstance(each, CallSucceeded)]
        (key,) = oracle.calls
        assert key.startswith(f"default/{chore.stream}:")
        assert (reply.reply, reply.attempts, oracle.calls[key]) == ({"text": key}, 7, 7)
        assert rig.meter.circuits == [("oracle", True), ("oracle", False)]


@pytest.mark.parametrize("chores", [300])
async def test_a_burst_of_calls_does_not_grow_memory(
    mongo_url: str, redis_url: str, database: str, chores: int
) -> None:
    """While the port does not answer, most calls wait in MongoDB; afterwards all are made, each once."""
    oracle = Oracle()
    oracle.open.clear()
    parts = (mongo_url, redis_url, database)
    async with open_process_rig(*parts, adapters={"oracle": oracle}, lease_time=600) as rig:
        begun = [await rig.begin("ask") for _ in range(chores)]

        async def wait_in_mongodb() -> bool:
            written = await rig.database["process_work"].count_documents({})
            # Calls begin a moment after the worker has taken them into its memory.
            return (written, rig.worker.held, oracle.highest) == (chores, 100, 100)

        await until(wait_in_mongodb)
        oracle.open.set()
        for chore in begun:
            await rig.until(chore, ProcessStatus.COMPLETED)
        assert oracle.highest == 100
        assert set(oracle.calls.values()) == {1}
        assert len(oracle.calls) == chores


async def test_the_attempts_of_a_call_are_kept_while_it_has_no_outcome(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Beside its open work, so that a service that is down for long adds nothing to the log."""
    oracle = Oracle(failures=1_000_000, retry_after=3_600.0)
    async with open_process_rig(mongo_url, redis_url, database, adapters={"oracle": oracle}) as rig:
        chore = await rig.begin("ask")
        await until(lambda: is_failing(rig, chore))
        (work,) = await failing_work(rig.database, chore)
        assert (work.attempts, work.error) == (1, "the oracle sleeps")
        assert work.due is not None
        assert work.due > now()
        assert isinstance((await rig.payloads(chore))[-1], CallRequested)


async def is_failing(rig: ProcessRig, chore: InstanceKey) -> bool:
    return bool(await failing_work(rig.database, chore))


async def test_a_call_of_a_cancelled_instance_is_not_repeated(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """After the cancellation the port is asked no more, though it never answered."""
    oracle = Oracle(failures=1_000_000)
    async with open_process_rig(
        mongo_url, redis_url, database, adapters={"oracle": oracle}, recovery=0.01
    ) as rig:
        chore = await rig.begin("ask")

        async def is_asked() -> bool:
            return oracle.calls.total() >= 2

        await until(is_asked)
        cancelled = await rig.send(CancelProcess(id=chore.stream, reason="nobody needs it"))

        async def nothing_is_left() -> bool:
            has_seen_it = await rig.checkpoints.position("process.chore") >= cancelled.position
            return has_seen_it and rig.worker.held == 0

        await until(nothing_is_left)
        asked = oracle.calls.total()
        other = await rig.begin("stamp")
        await rig.until(other, ProcessStatus.COMPLETED)
        assert oracle.calls.total() == asked
