"""`nerve tenants`, `nerve audit` and ``--tenant``: what an operator sees of several tenants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from api.ids import now
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from domain.agents.commands import RegisterAgent
from domain.builtin.tenants.commands import RecordTenantErasure
from domain.kernel import Envelope, Receipt, Scope
from domain.kernel.errors import Forbidden, NotFound
from domain.kernel.rfc3339 import write_moment
from tests.helpers.command_line import CLI

ADA = "auth0|4711"
ADDRESS = "203.0.113.77"
MASTER = "bWFzdGVybWFzdGVybWFzdGVybWFzdGVybWFzdGVyMTI="
AGENT = "agent-1"


class Nerve:
    """The command line over the test's database."""

    def __init__(self, **settings: str) -> None:
        self._runner = CliRunner(env={f"NERVE_{name.upper()}": value for name, value in settings.items()})

    async def run(self, *arguments: str) -> Result:
        """Run a command, which may fail."""
        return await asyncio.to_thread(lambda: self._runner.invoke(CLI, list(arguments)))

    async def output(self, *arguments: str) -> str:
        """What a command prints to stdout that succeeds."""
        result = await self.run(*arguments)
        assert result.exception is None, result.exception
        return result.stdout

    async def audit(self, *arguments: str) -> list[dict[str, Any]]:
        """The entries that `nerve audit` prints."""
        lines = (await self.output("audit", "--json", *arguments)).splitlines()
        return [json.loads(line) for line in lines]


@pytest.fixture
def nerve(
    mongo_url: str, redis_url: str, database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Nerve:
    monkeypatch.chdir(tmp_path)
    return Nerve(
        mongo_url=mongo_url, redis_url=redis_url, database=database, master_key=MASTER, columns="200"
    )


@pytest.fixture
async def runtime(mongo_url: str, redis_url: str, database: str) -> AsyncIterator[Runtime]:
    """A worker, which keeps the views up to date."""
    parts: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    async with open_runtime(Settings(master_key=MASTER, **parts), worker=True) as runtime:
        yield runtime


async def register(runtime: Runtime, tenant: str, agent: str = AGENT, **caller: Any) -> Receipt:
    """Register an agent whose name is that of its tenant."""
    command = RegisterAgent(id=agent, name=f"of {tenant}")
    return await runtime.bus.dispatch(Envelope(command, Scope(tenant, **caller)))


async def test_tenants_are_listed_and_counted(nerve: Nerve, runtime: Runtime) -> None:
    for tenant, agents in (("red", 2), ("blue", 1)):
        for number in range(agents):
            await register(runtime, tenant, f"agent-{number}")
    lines = [line.split() for line in (await nerve.output("tenants", "list")).splitlines()]
    rows = {line[1]: line[3:8:2] for line in lines if len(line) > 8}
    assert (rows["red"], rows["blue"]) == (["2", "2", "2"], ["1", "1", "1"])
    assert "2 streams, 2 commits, 2 events" in await nerve.output("tenants", "count", "red")
    assert isinstance((await nerve.run("tenants", "count", "green")).exception, NotFound)


async def test_an_export_of_a_tenant_has_nothing_of_others_nor_their_number(
    nerve: Nerve, runtime: Runtime, tmp_path: Path
) -> None:
    """Positions of the log would count the commits of other tenants."""
    for number in range(3):
        await register(runtime, "blue", f"agent-{number}")
        await register(runtime, "red", f"agent-{number}")
    await nerve.output("tenants", "export", "red", "red.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "red.jsonl").read_text().splitlines()]
    assert [line["position"] for line in lines] == ["1", "2", "3"]
    assert "blue" not in (tmp_path / "red.jsonl").read_text()


async def test_an_audit_shows_who_did_what_and_how_it_was_known(nerve: Nerve, runtime: Runtime) -> None:
    await register(runtime, "red", "agent-1", actor=ADA, authentication="jwt", client=ADDRESS)
    await register(runtime, "blue", "agent-1", actor=ADA, authentication="key:k1")
    first, second = await nerve.audit()
    assert {name: first[name] for name in ("tenant", "actor", "authentication", "address", "command")} == {
        "tenant": "red",
        "actor": ADA,
        "authentication": "jwt",
        "address": ADDRESS,
        "command": "RegisterAgent",
    }
    assert (first["stream"], first["version"], first["events"]) == ("agent-1", 1, ["agent.registered"])
    assert (second["authentication"], second["address"]) == ("key:k1", None)
    assert ADDRESS in await nerve.output("audit", "--tenant", "red")


async def test_an_audit_has_filters(nerve: Nerve, runtime: Runtime) -> None:
    await register(runtime, "red", "agent-1", actor="ada")
    await asyncio.sleep(0.01)
    between = write_moment(now())
    await asyncio.sleep(0.01)
    await register(runtime, "red", "agent-2", actor="bob")
    filters = {
        "ada": ("--actor", "ada"),
        "bob": ("--stream", "agent-2"),
    }
    for actor, arguments in filters.items():
        assert [entry["actor"] for entry in await nerve.audit(*arguments)] == [actor]
    assert [entry["actor"] for entry in await nerve.audit("--since", between)] == ["bob"]
    assert [entry["actor"] for entry in await nerve.audit("--until", between)] == ["ada"]
    assert await nerve.audit("--command", "RenameAgent") == await nerve.audit("--tenant", "green") == []


async def test_an_erased_actor_stays_in_the_audit_without_an_address(nerve: Nerve, runtime: Runtime) -> None:
    """By the name under which it signs in, though that is no id of nerve's."""
    await register(runtime, "red", actor=ADA, authentication="jwt", client=ADDRESS)
    result = await nerve.run("erase", ADA, "--tenant", "red")
    assert "its key is destroyed" in result.stdout, result.exception
    [entry] = await nerve.audit("--actor", ADA)
    assert (entry["actor"], entry["address"]) == (ADA, None)
    [erasure] = await nerve.audit("--command", "EraseSubject")
    assert (erasure["tenant"], erasure["authentication"]) == ("red", "cli")


@pytest.mark.parametrize("arguments", [("events", "show"), ("events", "replay", "--stream")])
async def test_commands_of_one_tenant_take_its_name(
    nerve: Nerve, runtime: Runtime, arguments: tuple[str, ...]
) -> None:
    """The default is the tenant `default`."""
    for tenant in ("red", "default"):
        await register(runtime, tenant)
    assert "of red" in await nerve.output(*arguments, AGENT, "--tenant", "red")
    assert "of default" in await nerve.output(*arguments, AGENT)
    assert (await nerve.run(*arguments, AGENT, "--tenant", "blue")).exit_code
    assert (await nerve.run(*arguments, AGENT, "--tenant", "a/b")).exit_code


async def test_a_tenant_is_erased_with_all_that_is_derived_from_it(
    nerve: Nerve, runtime: Runtime, mongo_url: str
) -> None:
    """Rows too, and the log keeps a record of it; another tenant keeps what it has."""
    for tenant in ("red", "blue"):
        receipt = await register(runtime, tenant)
        await runtime.readers["agents"].wait_for(receipt.position, 60)
    assert "Aborted" in (await nerve.run("tenants", "erase", "red")).output
    assert "erased red: 1 commit," in await nerve.output(
        "tenants", "erase", "red", "--yes", "--reason", "left"
    )
    names = await runtime.database.list_collection_names()
    for name in names:
        assert not await runtime.database[name].count_documents({"_tenant": "red"})
    assert "1 row of agents" in await nerve.output("tenants", "count", "blue")
    [record] = await nerve.audit("--command", "RecordTenantErasure")
    assert (record["tenant"], record["stream"]) == ("_deployment", "tenant-red")
    assert not await nerve.audit("--tenant", "red")


async def test_a_caller_of_a_tenant_learns_nothing_by_recording_an_erasure(runtime: Runtime) -> None:
    """The answer would tell which tenants there are."""
    await register(runtime, "red")
    for tenant in ("red", "green"):
        command = RecordTenantErasure(tenant=tenant, commits=0)
        with pytest.raises(Forbidden, match="only `nerve tenants erase` records"):
            await runtime.bus.dispatch(Envelope(command, Scope("blue")))
