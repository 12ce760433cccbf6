"""Very many deadlines within one minute, with a worker killed in the middle; and what pending ones cost."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import quantiles
from typing import Any

from pymongo import MongoClient
from rich.table import Table

from api.devserver.child import ChildProcess
from api.ids import new_id
from api.lifecycle import open_runtime
from api.runtime import Runtime
from domain.kernel import Envelope
from subscriptions.consumers.state import Partition
from subscriptions.processes.channels import DEADLINES
from subscriptions.processes.instances import InstanceKey
from subscriptions.processes.open_work import OpenWork, Work
from tests.faults.alarms.alarms import SetAlarm
from tests.faults.deployment import Deployment
from tests.helpers.servers import eventually

CONTEXTS = "tests.faults.alarms.alarms,tests.faults.alarms.ringing"
CALLERS = 64
PAGE = 10_000
"""Pieces of pending work that are written at once."""

PATIENCE = 1_800.0
FAR = timedelta(days=30)


@dataclass(frozen=True)
class Size:
    """How many deadlines come within `window`, how many are pending afterwards, and how long that is seen.

    The first comes after `lead`, in which all should be set. `idle` is in seconds.
    """

    deadlines: int
    lead: timedelta
    window: timedelta
    pending: int
    idle: float


@dataclass(frozen=True)
class Idle:
    """What an idle worker costs: its memory in bytes, and MongoDB's operations a minute."""

    memory: int
    operations: float


@dataclass
class Outcome:
    """How late the deadlines came, in milliseconds, and what was wrong."""

    size: Size
    lateness: list[float] = field(default_factory=list)
    set_after_due: int = 0
    before: Idle | None = None
    pending: Idle | None = None
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        table = Table(
            f"{self.size.deadlines:,} deadlines in {self.size.window.seconds} s, one kill -9 in the middle",
            "",
            caption=f"{self.set_after_due:,} were set after they were due; {len(self.wrongs):,} wrongs",
        )
        cuts = quantiles(self.lateness, n=100) if len(self.lateness) > 1 else [0.0] * 99
        for name, value in (
            ("median", cuts[49]),
            ("p99", cuts[98]),
            ("longest", max(self.lateness, default=0)),
        ):
            table.add_row(f"late, {name}", f"{value:,.0f} ms")
        for name, idle in (("none", self.before), (f"{self.size.pending:,}", self.pending)):
            if idle is not None:
                cost = f"{idle.memory / 2**20:.0f} MiB, {idle.operations:.0f} operations of MongoDB a minute"
                table.add_row(f"an idle worker with {name} pending", cost)
        return table


class DeadlineTrial:
    """Sets alarms through the bus, and judges by the log when they rang."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._size = size
        self._deployment = Deployment(folder)
        self._deployment.environment["NERVE_CONTEXTS"] = CONTEXTS
        self._client: MongoClient[dict[str, Any]] = MongoClient(self._deployment.mongod.url)
        self._database = self._client[self._deployment.database]
        self.outcome = Outcome(size)

    def run(self, step: Callable[[], None]) -> Outcome:
        """Run it; `step` is called for each hundredth of the alarms."""
        try:
            worker = self._deployment.worker()
            due = asyncio.run(self._set_alarms(step))
            self._wait_until(due + self._size.window / 2)
            worker.kill()
            worker = self._deployment.worker()
            eventually(self._all_rang, PATIENCE, every=1.0)
            self._judge()
            self.outcome.before = self._idle(worker)
            worker.stop(10)
            asyncio.run(self._add_pending())
            self.outcome.pending = self._idle(self._deployment.worker())
        finally:
            self._client.close()
            self._deployment.end()
        return self.outcome

    async def _set_alarms(self, step: Callable[[], None]) -> datetime:
        """Set all alarms, and return when the first is due: by then all should be set."""
        async with open_runtime(self._deployment.settings()) as runtime:
            first = datetime.now(UTC) + self._size.lead
            pause = self._size.window / self._size.deadlines
            await self._set(runtime, [first + pause * i for i in range(self._size.deadlines)], step)
        return first

    async def _set(self, runtime: Runtime, dues: list[datetime], step: Callable[[], None]) -> None:
        waiting = enumerate(dues, 1)

        async def call() -> None:
            for number, due in waiting:
                await runtime.bus.dispatch(Envelope(SetAlarm(id=new_id("alarm"), due=due)))
                if number % max(1, len(dues) // 100) == 0:
                    step()

        async with asyncio.TaskGroup() as group:
            for _ in range(CALLERS):
                group.create_task(call())

    def _wait_until(self, moment: datetime) -> None:
        eventually(lambda: datetime.now(UTC) >= moment, PATIENCE, every=0.5)

    def _count(self, kind: str) -> int:
        return self._database["log"].count_documents({"events.type": kind})

    def _all_rang(self) -> bool:
        return self._count("ringing.rang") >= self._size.deadlines

    def _commits(self, kind: str) -> Iterator[dict[str, Any]]:
        shown = {"stream": 1, "at": 1, "events.type": 1, "events.data": 1}
        return iter(self._database["log"].find({"events.type": kind}, shown))

    def _judge(self) -> None:
        far = datetime.now(UTC).replace(tzinfo=None) + FAR / 2
        due = {
            commit["stream"]: (event["data"]["due"], commit["at"])
            for commit in self._commits("process.deadline_set")
            for event in commit["events"]
            if event["type"] == "process.deadline_set" and event["data"]["due"] < far
        }
        rang = Counter[str]()
        for commit in self._commits("ringing.rang"):
            rang[commit["stream"]] += 1
            late = (commit["at"] - due[commit["stream"]][0]).total_seconds() * 1e3
            self.outcome.lateness.append(late)
            if late < 0:
                self.outcome.wrongs.append(f"{commit['stream']} rang {-late:.0f} ms early")
        self.outcome.set_after_due = sum(at > when for when, at in due.values())
        if len(due) != self._size.deadlines:
            self.outcome.wrongs.append(f"{len(due)} deadlines were set")
        self.outcome.wrongs += [f"{stream} rang {rang[stream]} times" for stream in due if rang[stream] != 1]

    def _idle(self, worker: ChildProcess) -> Idle:
        """Observe a worker that has nothing to do."""
        time.sleep(self._size.idle / 4)
        before, began = self._operations(), time.monotonic()
        time.sleep(self._size.idle)
        minutes = (time.monotonic() - began) / 60
        pages = int(Path(f"/proc/{worker.pid}/statm").read_text().split()[1])
        return Idle(pages * 4096, (self._operations() - before) / minutes)

    def _operations(self) -> int:
        counters = self._client.admin.command("serverStatus")["opcounters"]
        return sum(counters[name] for name in ("query", "getmore", "insert", "update", "delete"))

    async def _add_pending(self) -> None:
        """Write pending deadlines as a worker does; through the log each would take two commits."""
        async with open_runtime(self._deployment.settings()) as runtime:
            work = OpenWork(runtime.database, "ringing", Partition())
            due = datetime.now(UTC) + FAR
            for start in range(0, self._size.pending, PAGE):
                numbers = range(start, min(start + PAGE, self._size.pending))
                await work.save([_pending(number, due) for number in numbers], ())


def _pending(number: int, due: datetime) -> Work:
    stream = f"ringing-pending-{number}"
    return Work(InstanceKey("default", stream), f"{stream}:2", DEADLINES, stream, 2, 1, "c", due)
