"""Workers and servers killed under views that are being written, and what the views come to."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from rich.table import Table

from api.contexts import load_contexts
from api.devserver.child import ChildProcess
from api.lifecycle import open_runtime
from api.runtime import Runtime
from domain.kernel import Commit
from projections.kernel.view import View
from projections.storage.rows import slots
from tests.faults.deployment import LEASE_TIME, PATIENCE, Deployment
from tests.faults.journal import Entry
from tests.faults.onlooker import Onlooker
from tests.faults.programs import Program
from tests.faults.replay import Fields, Replay, digest, own_fields
from tests.helpers.servers import eventually

Victim = Literal["worker", "mongod", "redis"]

SHARES: Mapping[Victim, int] = {"worker": 7, "mongod": 2, "redis": 1}
"""Of ten kills."""

FREEZE = 1.5 * LEASE_TIME
"""Seconds that a worker is stopped, after every `BREATHS` kills: when it goes on, others have its leases."""

GAP = 1.0
"""Seconds between two kills at most; a worker that starts may be hit before it does anything."""

BREATHS = 5
"""Kills after which every view must have gone on."""

GOING_ON = 3 * PATIENCE
"""Seconds in which every view must have done so: on a machine that does much else, workers starve."""

ENOUGH = 20
"""Positions by which all views must have gone on then."""


class BusWriter(Program):
    """A process that sends commands, and how many receipts it has had."""

    def __init__(self, deployment: Deployment, seed: int) -> None:
        journal = deployment.folder / f"writer-{seed}.journal"
        arguments = ["tests.faults.bus_writer", str(seed), str(journal)]
        super().__init__(arguments, journal, deployment.environment)
        self.receipts = 0

    def _take(self, entry: Entry) -> None:
        self.receipts += 1


@dataclass
class Outcome:
    """What came of it: each view's rows and digests, as it is and as it must be, and all that was wrong."""

    kills: Counter[Victim] = field(default_factory=Counter)
    freezes: int = 0
    receipts: int = 0
    commits: int = 0
    partitions: int = 0
    looks: int = 0
    sights: int = 0
    seconds: float = 0.0
    views: dict[str, tuple[int, str, str]] = field(default_factory=dict)
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        struck = ", ".join(f"{count} of a {victim}" for victim, count in sorted(self.kills.items()))
        table = Table(
            "view",
            title=f"{self.kills.total()} kills -9 in {self.seconds:.0f} s: {struck}; {self.freezes} freezes",
            caption=f"{self.receipts:,} commands acknowledged, {self.commits:,} commits; views in "
            f"{self.partitions} partitions; "
            f"{self.looks:,} looks from outside, {self.sights:,} rows seen; {len(self.wrongs):,} wrongs",
        )
        for column in ("rows", "digest", "replay from zero"):
            table.add_column(column, justify="right")
        for view, (rows, found, meant) in self.views.items():
            table.add_row(view, f"{rows:,}", found[:12], meant[:12], style=None if found == meant else "red")
        return table


class ViewKills:
    """Writers, workers and an onlooker at work until the end, and somebody who kills."""

    def __init__(
        self, folder: Path, kills: int, *, workers: int, writers: int, partitions: int = 1, every: float = 0.1
    ) -> None:
        self._deployment = Deployment(folder, partitions=partitions)
        self._settings = self._deployment.settings()
        self.views: Sequence[View[Any]] = load_contexts(self._settings).views
        where = (self._deployment.mongod.url, self._deployment.database)
        self.onlooker = Onlooker(*where, self.views, every)
        self._chance = Random(kills)
        self._counts = (workers, writers)
        self._workers: list[ChildProcess] = []
        self._writers: list[BusWriter] = []
        self.victims = self._order(kills)
        self.outcome = Outcome()

    def _order(self, kills: int) -> list[Victim]:
        """Whom to kill, in random order and fixed shares; each of them once at least."""
        tenth = -(-kills // 10)
        found = [victim for victim, share in SHARES.items() for _ in range(share * tenth)]
        least = list(SHARES)
        rest = self._chance.sample(found, kills - len(least))
        order = [*least, *rest]
        self._chance.shuffle(order)
        return order

    def run(self, struck: Callable[[], None] = lambda: None) -> Outcome:
        """Kill all in turn, let the work end, and compare."""
        try:
            began = time.monotonic()
            self._begin()
            for number, victim in enumerate(self.victims, 1):
                time.sleep(self._chance.uniform(0, GAP))
                self._kill(victim)
                if number % BREATHS == 0:
                    with self._frozen():
                        self._go_on()
                struck()
            self._go_on()
            self._finish()
            self.outcome.seconds = time.monotonic() - began
            return self.outcome
        finally:
            self.onlooker.end()
            self._deployment.end()
            for writer in self._writers:
                writer.kill()

    def _begin(self) -> None:
        workers, writers = self._counts
        self._writers = [BusWriter(self._deployment, seed) for seed in range(1, writers + 1)]
        self._workers = [self._deployment.worker() for _ in range(workers)]
        self.onlooker.start()
        eventually(lambda: self.onlooker.positions.keys() >= {view.name for view in self.views}, PATIENCE)
        self._go_on()

    def _kill(self, victim: Victim) -> None:
        self.outcome.kills[victim] += 1
        if victim == "worker":
            self._chance.choice(self._workers).kill()
        else:
            server = self._deployment.mongod if victim == "mongod" else self._deployment.redis
            server.kill()
            server.start()
        self._revive()

    @contextmanager
    def _frozen(self) -> Iterator[None]:
        """A worker is stopped wherever it is meanwhile, and for as long at least as its leases last."""
        worker, thawed = self._chance.choice(self._workers), time.monotonic() + FREEZE
        os.kill(worker.pid, signal.SIGSTOP)
        yield
        time.sleep(max(0.0, thawed - time.monotonic()))
        os.kill(worker.pid, signal.SIGCONT)
        self.outcome.freezes += 1

    def _revive(self) -> None:
        """Start another worker for each that is not there: who meets no MongoDB at its start ends too."""
        ended = [worker for worker in self._workers if worker.exit_code is not None]
        self._workers = [worker for worker in self._workers if worker not in ended]
        self._workers += [self._deployment.worker() for _ in ended]

    def _go_on(self) -> None:
        """Wait until every view has come further than the log is now."""
        goal = self.onlooker.head + ENOUGH

        def gone_on() -> bool:
            self._revive()
            for writer in self._writers:
                assert writer.exit_code is None, writer.complaint()
            return min(self.onlooker.positions.values()) >= goal

        eventually(gone_on, GOING_ON)

    def _finish(self) -> None:
        for writer in self._writers:
            writer.ask_to_stop()
        eventually(lambda: all(writer.exit_code is not None for writer in self._writers), PATIENCE)
        for writer in self._writers:
            assert writer.exit_code == 0, writer.complaint()
            writer.look()
        asyncio.run(self._judge())

    async def _judge(self) -> None:
        async with open_runtime(self._settings) as nerve:
            head = await nerve.log.head()
            await asyncio.gather(*(one.wait_for(head, GOING_ON) for one in nerve.readers.values()))
            self.onlooker.end()
            commits = await _everything(nerve, head)
            replay = Replay(self.views, self.onlooker.sights)
            for commit in commits:
                replay.fold(commit)
            for view in self.views:
                rows = await self._stored(nerve, view)
                meant = replay.rows(view.name)
                self.outcome.views[view.name] = (len(rows), digest(rows), digest(meant))
            parked = await nerve.database["dead_letters"].count_documents({})
        self._blame(len(commits), replay, parked)

    async def _stored(self, nerve: Runtime, view: View[Any]) -> dict[str, Fields]:
        """The rows of the active generation."""
        consumer = await nerve.database["consumers"].find_one({"_id": f"view.{view.name}"})
        assert consumer is not None
        active = consumer["active"]
        collection = nerve.database[slots(view)[active % len(slots(view))]]
        found = await collection.find({"_generation": active}).to_list(None)
        return {row["_id"]: own for row in found if (own := own_fields(row)) is not None}

    def _blame(self, commits: int, replay: Replay, parked: int) -> None:
        outcome, onlooker = self.outcome, self.onlooker
        outcome.receipts = sum(writer.receipts for writer in self._writers)
        outcome.commits = commits
        outcome.partitions = onlooker.partitions
        outcome.looks, outcome.sights = onlooker.looks, len(onlooker.sights)
        different = [name for name, (_, found, meant) in outcome.views.items() if found != meant]
        outcome.wrongs += [f"went back: {what}" for what in onlooker.backward]
        outcome.wrongs += [f"stale: {what}" for what in replay.wrong]
        outcome.wrongs += [f"not as a replay from zero: {name}" for name in different]
        outcome.wrongs += ["events are parked, and none is wrong"] if parked else []


async def _everything(nerve: Runtime, head: int) -> list[Commit]:
    found: list[Commit] = []
    reader = nerve.log.reader()
    while len(found) < head:
        found += await reader.read(len(found))
        await asyncio.sleep(0)
    return found
