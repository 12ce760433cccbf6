"""`nerve processes` and `nerve trace`: what a person and a script see of instances, and do to them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.kernel.errors import NerveError, NotFound, ValidationFailed
from domain.process.events import CommandWasRefused
from domain.process.outcomes import CommandRefused
from subscriptions.consumers.state import Partition
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import OpenWork, Work
from tests.helpers.command_line import CLI
from tests.helpers.parcel_delivery.runs import CONTEXTS, PORTS, DeliveryRun, projecting


class Nerve:
    """The command line over the test's database."""

    def __init__(self, **settings: str) -> None:
        self._runner = CliRunner(env={f"NERVE_{name.upper()}": value for name, value in settings.items()})

    async def run(self, *arguments: str) -> Result:
        """Run a command, which may fail."""
        return await asyncio.to_thread(lambda: self._runner.invoke(CLI, list(arguments)))

    async def records(self, *arguments: str) -> list[dict[str, Any]]:
        """The lines of JSON that a command prints."""
        result = await self.run(*arguments, "--json")
        assert result.exception is None, result.exception
        return [json.loads(line) for line in result.stdout.splitlines()]

    async def json(self, *arguments: str) -> dict[str, Any]:
        """The only line of JSON that a command prints."""
        [record] = await self.records(*arguments)
        return record

    async def refused(self, *arguments: str) -> NerveError:
        """The error of a command."""
        error = (await self.run(*arguments)).exception
        assert isinstance(error, NerveError)
        return error


@pytest.fixture
def nerve(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Nerve:
    monkeypatch.chdir(tmp_path)
    parts = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    return Nerve(contexts=",".join(CONTEXTS), ports=json.dumps(PORTS), **parts)


@pytest.fixture
async def runtime(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Runtime]:
    """A process of nerve that keeps the views, without the runtime of processes."""
    parts: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    settings = Settings(contexts=CONTEXTS, ports=PORTS, **parts)
    async with open_runtime(settings) as opened, projecting(opened):
        yield opened


async def stuck_delivery(runtime: Runtime, parcel: str) -> DeliveryRun:
    """A delivery that is stuck, because its parcel could not be loaded."""
    run = DeliveryRun(runtime, parcel)
    await run.book()
    await run.react()
    refused = CommandWasRefused(effect=await run.effect_id("load"), code="NOT_FOUND", message="it is gone")
    await run.fail("load", refused, CommandRefused("load", "NOT_FOUND", "it is gone"))
    return run


async def project(runtime: Runtime) -> None:
    """Wait until the view has all that is stored."""
    await runtime.readers["processes"].wait_for(await runtime.log.head(), 60)


async def test_instances_are_listed_and_shown(runtime: Runtime, nerve: Nerve) -> None:
    """Ids are whole, however long; JSON has the names of the API."""
    parcel = f"parcel-{'x' * 100}"
    run = await stuck_delivery(runtime, parcel)
    await project(runtime)
    listed = (await nerve.run("processes", "list", "--status", "STUCK")).stdout
    assert run.instance in listed
    assert "NOT_FOUND" in listed
    assert await nerve.records("processes", "list", "--status", "COMPLETED") == []
    nothing = (await nerve.run("processes", "list", "--status", "COMPLETED")).stdout
    assert nothing == "no instance meets the conditions\n"
    [row] = await nerve.records("processes", "list", "--kind", "delivery")
    assert (row["id"], row["status"], row["waitingFor"]) == (run.instance, "STUCK", ["too late"])
    shown = (await nerve.run("processes", "show", run.instance)).stdout
    assert f"{run.instance} is STUCK" in shown
    assert "FAILED" in shown
    assert await nerve.json("processes", "show", run.instance) == {**row, "processAttempts": []}
    error = await nerve.refused("processes", "show", "delivery-none")
    assert isinstance(error, NotFound)


async def test_a_call_without_an_outcome_is_shown_with_its_attempts(runtime: Runtime, nerve: Nerve) -> None:
    """They are not in the log: a worker writes them beside its open work."""
    run = await stuck_delivery(runtime, "parcel-1")
    await project(runtime)
    effect, due = await run.effect_id("load"), datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
    instance = InstanceKey("default", run.instance)
    work = Work(instance, effect, "calls", run.instance, 2, 2, "c", due, 7, "the port is down")
    await OpenWork(runtime.database, "delivery", Partition()).save([work], ())
    shown = (await nerve.run("processes", "show", f"Process:{run.instance}")).stdout
    assert "the port is down; next attempt at 2030-01-02 03:04:05+00:00" in shown
    (attempts,) = (await nerve.json("processes", "show", run.instance))["processAttempts"]
    assert attempts == {
        "effectId": effect, "attempts": 7, "error": "the port is down",
        "nextAttemptAt": "2030-01-02T03:04:05.000Z",
    }  # fmt: skip


async def test_instances_are_operated_by_the_ids_of_their_rows(runtime: Runtime, nerve: Nerve) -> None:
    """Those that GraphQL has, and the ids of the instances, are the same ones."""
    run = await stuck_delivery(runtime, "parcel-1")
    await project(runtime)
    row = f"Process:{run.instance}"
    assert f"{run.instance} is STUCK" in (await nerve.run("processes", "show", row)).stdout
    retried = await nerve.json("processes", "retry", row, run.instance, "--reason", "it was found")
    assert retried == {"changed": [run.instance], "refused": [], "hasMore": False}


async def test_instances_are_operated_by_their_ids(runtime: Runtime, nerve: Nerve) -> None:
    """An instance that refuses is named with what to do, and the exit code says so."""
    run = await stuck_delivery(runtime, "parcel-1")
    retried = await nerve.json("processes", "retry", run.instance, "--reason", "it was found")
    assert retried == {"changed": [run.instance], "refused": [], "hasMore": False}
    again = await nerve.run("processes", "retry", run.instance, "delivery-none", "--reason", "it was found")
    assert again.exit_code == 1
    assert f"{run.instance} is RUNNING and not STUCK" in again.stderr
    assert "'delivery-none'" in again.stderr
    assert await nerve.json("processes", "cancel", run.instance, "--reason", "not needed") == {
        "changed": [run.instance], "refused": [], "hasMore": False,
    }  # fmt: skip
    events = await runtime.log.stream("default", run.instance)
    assert [(event.type, event.data["reason"]) for event in events[-2:]] == [
        ("process.retried", "it was found"), ("process.cancelled", "not needed"),
    ]  # fmt: skip
    assert events[-1].commit.source == "cli"


async def test_instances_are_operated_by_conditions(runtime: Runtime, nerve: Nerve) -> None:
    """--all needs no ids, and --limit leaves the rest to the next run."""
    runs = [await stuck_delivery(runtime, f"parcel-{number}") for number in range(3)]
    await project(runtime)
    choice = ["--all", "--error-code", "NOT_FOUND", "--limit", "2", "--reason", "done by hand"]
    first = await nerve.json("processes", "resume", *choice)
    assert (first["changed"], first["hasMore"]) == ([run.instance for run in runs[:2]], True)
    error = await nerve.refused("processes", "resume", "--reason", "x")
    assert isinstance(error, ValidationFailed)
    assert str(error) == "name the instances, or use --all"


async def test_a_trace_is_printed_as_a_tree(runtime: Runtime, nerve: Nerve) -> None:
    """Each node is below the one that caused it."""
    run = DeliveryRun(runtime, "parcel-1")
    await run.book()
    await run.react()
    await run.load()
    await run.answer()
    lines = (await nerve.run("trace", run.correlation)).stdout.splitlines()
    assert lines[0].startswith(f"correlation {run.correlation}, from ")
    assert [line[11:].partition(", ")[0] for line in lines[1:]] == [
        "BookParcel: parcel.booked  parcel-1",
        "  process delivery-parcel-1",
        "    delivery.planned  delivery-parcel-1",
        "    effect too late (deadline)",
        "    effect load (LoadParcel)",
        "      LoadParcel: parcel.loaded  parcel-1",
        "      outcome done",
        "        effect announce (Announce)",
        "          outcome done",
        "            process.completed  delivery-parcel-1",
    ]
    assert isinstance(await nerve.refused("trace", "none"), NotFound)


async def test_without_a_process_there_is_nothing_to_list(
    mongo_url: str, redis_url: str, database: str, nerve: Nerve
) -> None:
    """The error says what to register."""
    alone = Nerve(
        mongo_url=mongo_url,
        redis_url=redis_url,
        database=database,
        contexts="tests.helpers.parcel_delivery.parcels",
    )
    error = await alone.refused("processes", "list")
    assert str(error).startswith("no process is registered")
