"""Deployments under load: versions of a context follow each other, good and bad, while clients go on.

After each the load pauses, and every row is what the code of the generation that is read makes of the log.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.table import Table

from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK, free_port
from tests.faults.deployment import PATIENCE, Deployment
from tests.faults.deployments.clients import HOT_ROWS, PAUSE, ROWS, Facts, Follower, read, write
from tests.faults.deployments.versions import CHANGED, FIRST, MODULE, NEW_FIELD, REFUSED, Version, broken_fold

LOAD = 0.5
"""Seconds of load between two steps."""

STATUS = '{ viewStatus(names: ["auctions"]) { lag generations { number state waitingFor } } }'

REFUSAL = 2
"""The exit code of a process that does not start on what it was given."""


@dataclass
class Outcome:
    """What the clients did, and what they must not have had."""

    facts: Facts = field(default_factory=Facts)
    steps: dict[str, str] = field(default_factory=dict)

    @property
    def wrongs(self) -> list[str]:
        return self.facts.wrongs

    def table(self) -> Table:
        """For a person to read."""
        facts = self.facts
        caption = f"errors by code: {facts.codes or 'none'}; {len(facts.wrongs)} wrongs"
        table = Table("deployment", "outcome", title="deployments under load", caption=caption)
        for name, outcome in self.steps.items():
            table.add_row(name, outcome)
        counts = f"{facts.writes:,} writes, {facts.reads:,} reads, {facts.messages:,} messages"
        table.add_row("under load", counts)
        return table


@dataclass(frozen=True)
class Running:
    """The processes of one version."""

    version: Version
    api: ChildProcess
    worker: ChildProcess


class DeploymentTrial:
    """Deploys all versions, `rounds` times; a client pauses so many seconds between two requests."""

    def __init__(self, folder: Path, rounds: int, pause: float = PAUSE) -> None:
        self._folder = folder
        self._rounds = rounds
        self._deployment = Deployment(folder)
        self._deployment.environment |= {"NERVE_CONTEXTS": MODULE, "NERVE_WAIT_TIMEOUT": "3"}
        self._outcome = Outcome(Facts(pause))
        self._facts = self._outcome.facts

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Run it; `step` is called after each round."""
        try:
            asyncio.run(self._run(step))
            return self._outcome
        finally:
            self._deployment.end()

    async def _run(self, step: Callable[[], None]) -> None:
        async with httpx.AsyncClient(timeout=PATIENCE) as http:
            self._http = http
            running = await self._start(FIRST)
            self._follower = Follower(self._facts)
            async with self._clients():
                for number in range(self._rounds):
                    running = await self._round(running, number)
                    step()

    async def _round(self, running: Running, number: int) -> Running:
        """From the first version to the others, and back to it."""
        await self._settled(FIRST)
        running = await self._replace(running, CHANGED)
        await self._hold(broken_fold(number))
        commands = ("worker", "serve", "worker")
        await asyncio.gather(*map(self._refuse, REFUSED, commands))
        running = await self._replace_at_once(running, NEW_FIELD)
        if self._rounds > 1:
            running = await self._replace(running, CHANGED)
        return await self._replace(running, FIRST)

    @asynccontextmanager
    async def _clients(self) -> AsyncIterator[None]:
        self._facts.writing.set()
        clients = [write(self._facts, self._http), read(self._facts, self._http), self._follower.run()]
        tasks = [asyncio.create_task(client) for client in clients]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for ended in await asyncio.gather(*tasks, return_exceptions=True):
                if not isinstance(ended, asyncio.CancelledError):
                    self._facts.wrong(f"a client ended: {ended!r}")

    async def _start(self, version: Version) -> Running:
        worker = self._process(version, "worker")
        url, api = await self._api(version)
        self._facts.url, self._facts.version = url, version
        return Running(version, api, worker)

    def _process(self, version: Version, command: str, **environment: str) -> ChildProcess:
        place = str(version.write(self._folder))
        return self._deployment.start("api.cli", command, PYTHONPATH=place, **environment)

    async def _api(self, version: Version) -> tuple[str, ChildProcess]:
        """An API process that serves, and its address."""
        port = free_port()
        api = self._process(version, "serve", NERVE_PORT=str(port), NERVE_HOST=LOOPBACK)
        url = f"http://{LOOPBACK}:{port}"
        async with asyncio.timeout(PATIENCE):
            while not await self._serves(url):
                assert api.exit_code is None, self._deployment.said(api)
                await asyncio.sleep(0.05)
        return url, api

    async def _serves(self, url: str) -> bool:
        try:
            return (await self._http.get(f"{url}/healthz")).is_success
        except httpx.TransportError:
            return False

    async def _replace(self, running: Running, version: Version) -> Running:
        """The new worker first, and once its rows are read, the new API; then the old processes go.

        A version that was read before takes over once no worker of the later one runs.
        """
        before = await self._active()
        worker = self._process(version, "worker")
        if version.name in self._outcome.steps or version is FIRST:
            await self._stop(running.worker)
        await self._until(lambda: self._switched(before), f"the rows of {version.name}")
        url, api = await self._api(version)
        self._facts.url, self._facts.version = url, version
        await self._stop(running.api, running.worker)
        await self._settled(version)
        self._outcome.steps[version.name] = "deployed together with the version before, and read"
        return Running(version, api, worker)

    async def _replace_at_once(self, running: Running, version: Version) -> Running:
        """All old processes go first: until the rebuild ends, the new API serves the rows of before."""
        before = await self._active()
        await self._stop(running.worker)
        url, api = await self._api(version)
        self._facts.url, self._facts.version = url, version
        await self._stop(running.api)
        (error,) = (await self._ask(HOT_ROWS))["errors"]
        if error["extensions"]["code"] != "VIEW_REBUILDING":
            self._facts.wrong(f"{HOT_ROWS} before the rebuild: {error}")
        worker = self._process(version, "worker")
        await self._until(lambda: self._switched(before), f"the rows of {version.name}")
        await self._settled(version)
        self._outcome.steps[version.name] = "deployed at once, refused until its rows were there, and read"
        return Running(version, api, worker)

    async def _hold(self, version: Version) -> None:
        """Its generation is held, which all places for operators report; the worker of before goes on."""
        before = await self._active()
        worker = self._process(version, "worker")
        await self._until(lambda: self._state("HELD"), f"{version.name} is held")
        generations = await self._generations()
        reason = next(one["waitingFor"] for one in generations if one["state"] == "HELD")
        metrics = (await self._http.get(f"{self._facts.url}/metrics")).text
        listed = self._process(version, "views")
        await self._until(lambda: _ended(listed), "nerve views")
        log, table = self._deployment.said(worker), self._deployment.said(listed)
        for said, where in ((reason, "viewStatus"), (log, "the log"), (table, "nerve views")):
            if "it parks " not in said or " has folded, such as bid.placed (KeyError" not in said:
                self._facts.wrong(f"{where} says of {version.name}: {said}")
        if 'nerve_view_held{view="auctions"} 1.0' not in metrics:
            self._facts.wrong(f"no metric says that {version.name} is held")
        await asyncio.sleep(LOAD)
        if await self._active() != before:
            self._facts.wrong(f"{version.name} is read")
        await self._stop(worker)
        self._outcome.steps[version.name] = "held"

    async def _refuse(self, version: Version, command: str) -> None:
        """It does not start, and says why in one sentence."""
        child = self._process(version, command, NERVE_PORT=str(free_port()))
        await self._until(lambda: _ended(child), f"{version.name} ends")
        said = self._deployment.said(child)
        if child.exit_code != REFUSAL or not re.fullmatch(r"nerve: .*\n", said):
            self._facts.wrong(f"{command} of {version.name} ended with {child.exit_code}: {said}")
        if version.refused not in said:
            self._facts.wrong(f"{command} of {version.name} does not say why: {said}")
        self._outcome.steps[version.name] = "refused"

    async def _settled(self, version: Version) -> None:
        """Let the load go on for a while, pause it, and compare every row."""
        await asyncio.sleep(LOAD)
        self._facts.writing.clear()
        await asyncio.wait_for(self._facts.idle.wait(), PATIENCE)
        await self._until(self._caught_up, "the views have all")
        fields = set(ROWS.replace("{", " ").replace("}", " ").split())
        expected = {
            auction: dict(version.row(auction, self._facts.titles[auction], bids))
            for auction, bids in self._facts.bids.items()
        }
        query = HOT_ROWS.replace(", filter: {hot: {eq: true}}", "") if version.has_hot else ROWS
        rows = {row["id"]: row for row in (await self._ask(query))["data"]["auctions"]["nodes"]}
        self._compare(rows, expected, f"with {version.name}")
        shown = {
            auction: {name: value for name, value in row.items() if name in fields}
            for auction, row in expected.items()
        }
        try:
            await self._until(lambda: self._follower_has(shown), "the subscriber has all")
        except TimeoutError:
            self._compare(self._follower.rows, shown, f"for the subscriber, with {version.name}")
        self._facts.writing.set()

    async def _follower_has(self, rows: Any) -> bool:
        return bool(self._follower.rows == rows)

    def _compare(self, rows: Any, expected: Any, where: str) -> None:
        for auction in expected.keys() | rows.keys():
            if rows.get(auction) != expected.get(auction):
                self._facts.wrong(f"{rows.get(auction)} in place of {expected.get(auction)}, {where}")

    async def _ask(self, query: str) -> Any:
        return (await self._http.post(f"{self._facts.url}/graphql", json={"query": query})).json()

    async def _generations(self) -> list[dict[str, Any]]:
        (view,) = (await self._ask(STATUS))["data"]["viewStatus"]
        generations: list[dict[str, Any]] = view["generations"]
        return generations

    async def _active(self) -> int:
        return next(int(one["number"]) for one in await self._generations() if one["state"] == "ACTIVE")

    async def _switched(self, before: int) -> bool:
        return await self._active() != before

    async def _state(self, state: str) -> bool:
        return any(one["state"] == state for one in await self._generations())

    async def _caught_up(self) -> bool:
        (view,) = (await self._ask(STATUS))["data"]["viewStatus"]
        return bool(view["lag"] == 0)

    async def _until(self, condition: Callable[[], Any], what: str) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                while not await condition():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(f"not within {PATIENCE:.0f} s: {what}") from None

    async def _stop(self, *children: ChildProcess) -> None:
        for child in children:
            child.ask_to_stop()
        for child in children:
            await self._until(lambda child=child: _ended(child), f"{child.name} ends")  # type: ignore[misc]


async def _ended(child: ChildProcess) -> bool:
    return child.exit_code is not None
