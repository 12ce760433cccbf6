"""Two tenants under load with the same ids in both: nothing of one reaches the other."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
from rich.table import Table

from api.access.callers import Caller
from api.lifecycle import open_runtime
from api.settings import Settings
from api.transfer.exporter import Exporter, ExportRange
from domain.kernel import Scope
from domain.kernel.access import ADMINISTRATOR
from tests.faults.tenants.tenant_client import VIEWS, TenantClient, pair
from tests.helpers.served_api import serve
from tests.helpers.token_access import Tokens

SIZES = {"red": 12, "blue": 7}
"""Streams of each kind that a tenant has; the smaller one has the same ids as the other, and fewer."""

AT_ONCE = 4
"""Operations of a tenant at a time."""

MASTER_KEY = "a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s="


@dataclass
class Outcome:
    """The clients of both tenants; `wrongs` is empty where nothing of one reached the other."""

    clients: Sequence[TenantClient] = ()
    wrongs: list[str] = field(default_factory=list)
    totals: dict[str, dict[str, int]] = field(default_factory=dict)
    """How many rows each tenant counted at the end, by view."""

    @property
    def results(self) -> int:
        """The results of both tenants."""
        return sum(client.results for client in self.clients)

    def table(self) -> Table:
        """For a person to read."""
        sources = sorted({source for client in self.clients for source in client.counts})
        table = Table("tenant", *sources, "with own mark", "wrong", title="two tenants with the same ids")
        for client in self.clients:
            counts = (client.counts[source] for source in sources)
            table.add_row(client.name, *map(str, (*counts, client.own, len(client.wrongs))))
        return table


class TenantTrial:
    """Two tenants on one API process and one worker, until both together have had so many results."""

    def __init__(self, folder: Path, servers: dict[str, Any], results: int) -> None:
        self._folder = folder
        self._servers = servers
        self._results = results
        self._tokens = Tokens()

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Run the load, and look at each tenant's export at the end; `step` is called at each percent."""
        settings = {**self._servers, "master_key": MASTER_KEY, "max_operations": 100, "init_timeout": 30}
        with serve(self._tokens, **settings) as served:
            outcome = asyncio.run(self._load(f"http://127.0.0.1:{served.port}", step))
        asyncio.run(self._export(Settings(**settings), outcome))
        for client in outcome.clients:
            outcome.wrongs += client.wrongs
            if client.own < client.results / 10:
                outcome.wrongs.append(f"{client.name} had its own mark in {client.own} results only")
        return outcome

    async def _load(self, url: str, step: Callable[[], None]) -> Outcome:
        clients = [self._client(name, size, url) for name, size in SIZES.items()]
        pair(clients)
        ended = asyncio.Event()
        async with asyncio.TaskGroup() as listening:
            for client in clients:
                ready = asyncio.Event()
                listening.create_task(client.listen(ready, ended))
                await ready.wait()
            await self._operate(clients, step)
            ended.set()
        outcome = Outcome(clients)
        for client in clients:
            outcome.totals[client.name] = await client.totals()
            await client.close()
        return outcome

    def _client(self, name: str, size: int, url: str) -> TenantClient:
        """The client of a tenant's administrator, whose subject is the same in both tenants."""
        caller = Caller(Scope(name, "ada"), "ada", frozenset((ADMINISTRATOR,)))
        return TenantClient(name, size, url, self._tokens.grant(f"token-{name}", caller))

    async def _operate(self, clients: Sequence[TenantClient], step: Callable[[], None]) -> None:
        number, shown = 0, 0
        while (results := sum(client.results for client in clients)) < self._results:
            rounds = range(number, number + AT_ONCE)
            await asyncio.gather(
                *(
                    _operate(client, other, each)
                    for client, other in (clients, clients[::-1])
                    for each in rounds
                )
            )
            number += AT_ONCE
            while shown < 100 * results // self._results:
                shown += 1
                step()

    async def _export(self, settings: Settings, outcome: Outcome) -> None:
        async with open_runtime(settings) as runtime:
            upto = await runtime.log.high_water_mark()
            for client in outcome.clients:
                path = self._folder / f"{client.name}.jsonl"
                exporter = Exporter(runtime.log, personal=True, renumber=True)
                await exporter.run(path, ExportRange(0, upto, client.name))
                begun: Counter[str] = Counter()
                for line in path.read_bytes().splitlines():
                    client.check("exports", line)
                    event = orjson.loads(line)
                    if event["streamversion"] == 1 and event["category"] in VIEWS:
                        begun[VIEWS[event["category"]]] += 1
                if begun != outcome.totals[client.name]:
                    counted = outcome.totals[client.name]
                    outcome.wrongs.append(f"{client.name} counts {counted}, and has begun {dict(begun)}")


async def _operate(client: TenantClient, other: TenantClient, number: int) -> None:
    await client.write(number)
    for each in range(3):
        await client.read(3 * number + each)
    await client.try_foreign(number, other)
