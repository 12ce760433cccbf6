"""Hostile clients on one API process, and a second client that must not notice them."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import httpx
from rich.table import Table

from api.devserver.child import ChildProcess
from api.lifecycle import open_runtime
from api.runtime import Runtime
from domain.documents.commands import CreateDocument
from domain.kernel import Envelope
from domain.tasks.commands import CreateTask
from tests.faults.deployment import PATIENCE, Deployment
from tests.faults.hostile.attack import Attack, Flooder, Target
from tests.faults.hostile.socket_attacks import open_flooder

TASKS = 1_000
"""All of one day, so that one row of `taskDays` has changed as often."""
GROWTH = 200_000_000
"""Bytes by which the memory of the server may grow in an attack."""

LATENCY_RATIO = 1.5
"""Times that the second client's p99 may be what it is while nobody attacks."""

RATES = {"per_address": 10_000, "operations": 10_000}
"""Rates of operations that stop no attack, so that what stops it is the work that it would cause."""

LATER = "RATE_LIMITED"
"""How an attack ends after its first rounds, where it is refused."""

REFUSAL = 0.05
"""Seconds until a round ends that is to be refused."""


async def _wait(_target: Target) -> str:
    await asyncio.sleep(0.1)
    return ""


NOBODY = Attack("nobody", _wait, "")


@dataclass(frozen=True)
class Size:
    """Seconds of each attack, and the most rounds of it."""

    seconds: float
    rounds: int


@dataclass(frozen=True)
class Measures:
    """What was measured during an attack, or without one: seconds, and bytes of memory at most."""

    name: str
    outcomes: Sequence[str]
    rounds: Sequence[float]
    latencies: Sequence[float]
    memory: int

    @property
    def refusal(self) -> float:
        """The median of the rounds that were not put off: their work is refused, or done."""
        pairs = zip(self.outcomes, self.rounds, strict=True)
        return median([seconds for ended, seconds in pairs if ended != LATER] or [0.0])

    @property
    def p50(self) -> float:
        return median(self.latencies)

    @property
    def p99(self) -> float:
        return sorted(self.latencies)[ceil(len(self.latencies) * 0.99) - 1]


@dataclass
class Outcome:
    """The measures of each attack, and of the time before it in which nobody attacked."""

    attacks: list[Measures] = field(default_factory=list)
    idle: list[Measures] = field(default_factory=list)
    wrongs: list[str] = field(default_factory=list)
    late: list[str] = field(default_factory=list)
    """What took too long: this depends on the machine and its load."""

    @property
    def quiet_p99(self) -> float:
        """The other client's p99 over all times in which nobody attacked: a single one varies by a third."""
        return Measures("", (), (), [second for one in self.idle for second in one.latencies], 0).p99

    def table(self) -> Table:
        """For a person to read."""
        table = Table("attack", "outcome", title="hostile clients, and the latency of another client")
        columns = ("rounds", "refused, ms", "p50, ms", "before", "p99, ms", "before", "memory, MB")
        for column in columns:
            table.add_column(column, justify="right")
        for measures, before in zip(self.attacks, self.idle, strict=True):
            seconds = (measures.refusal, measures.p50, before.p50, measures.p99, before.p99)
            figures = (f"{value * 1e3:.1f}" for value in seconds)
            outcomes = ", ".join(sorted(set(measures.outcomes)))
            memory = f"{measures.memory / 1e6:.0f}"
            table.add_row(measures.name, outcomes, str(len(measures.rounds)), *figures, memory)
        return table


class HostileTrial:
    """Runs attacks one after the other on an API process with a worker."""

    def __init__(self, folder: Path, attacks: Sequence[Attack], size: Size) -> None:
        self._deployment = Deployment(folder)
        self._deployment.environment["NERVE_RATES"] = json.dumps(RATES)
        self._attacks = attacks
        self._size = size

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """Run all attacks; `step` is called after each."""
        try:
            self._deployment.worker()
            url = self._deployment.api()
            return asyncio.run(self._run(url, step))
        finally:
            self._deployment.end()

    async def _run(self, url: str, step: Callable[[], None]) -> Outcome:
        async with (
            open_runtime(self._deployment.settings()) as runtime,
            httpx.AsyncClient(base_url=url, timeout=PATIENCE) as http,
            open_flooder(url) as flooder,
        ):
            target = await self._fill(runtime, url, http, flooder)
            address = urlsplit(url)
            program = "tests.faults.hostile.neighbour"
            neighbour = self._deployment.start(program, str(address.hostname), str(address.port))
            outcome = Outcome()
            for number, attack in enumerate(self._attacks):
                # Each has an address of its own, so that none starts with the debts of another.
                transport = httpx.AsyncHTTPTransport(local_address=f"127.0.1.{number + 1}")
                async with httpx.AsyncClient(base_url=url, timeout=PATIENCE, transport=transport) as client:
                    attacker = replace(target, http=client)
                    outcome.idle.append(await self._measure(NOBODY, attacker, neighbour))
                    outcome.attacks.append(await self._measure(attack, attacker, neighbour))
                step()
        for attack, measures in zip(self._attacks, outcome.attacks, strict=True):
            _judge(attack, measures, outcome)
        return outcome

    async def _fill(self, runtime: Runtime, url: str, http: httpx.AsyncClient, flooder: Flooder) -> Target:
        """Store rows, a large document, and a row that has changed often."""
        for number in range(TASKS):
            receipt = await runtime.bus.dispatch(Envelope(CreateTask(title=f"Task {number} x")))
        content = {"text": "x" * 900_000}
        document = await runtime.bus.dispatch(Envelope(CreateDocument(title="Large", content=content)))
        for name in ("tasks", "documents", "task_days"):
            await runtime.readers[name].wait_for(document.position, PATIENCE)
        days = await http.post("/graphql", json={"query": "{ taskDays(first: 1) { nodes { id } } }"})
        [day] = days.json()["data"]["taskDays"]["nodes"]
        return Target(url, http, flooder, receipt.stream, document.stream, day["id"])

    async def _measure(self, attack: Attack, target: Target, neighbour: ChildProcess) -> Measures:
        start = time.monotonic()
        server = self._deployment.children[1].pid
        before = peak = _memory(server)
        outcomes, rounds = list[str](), list[float]()

        async def watch() -> None:
            nonlocal peak
            while True:
                peak = max(peak, _memory(server))
                await asyncio.sleep(0.02)

        watching = asyncio.create_task(watch())
        while time.monotonic() < start + self._size.seconds and len(rounds) < self._size.rounds:
            began = time.monotonic()
            outcomes.append(await attack.round(target))
            rounds.append(time.monotonic() - began)
        # A request of the neighbour that waits for the attack to end is one of its latencies too.
        await asyncio.sleep(0.2)
        watching.cancel()
        latencies = _latencies(self._deployment.said(neighbour), start)
        return Measures(attack.name, outcomes, rounds, latencies, peak - before)


def _latencies(printed: str, since: float) -> list[float]:
    """Return the seconds of the requests that ended after `since`."""
    lines = (line.split() for line in printed.splitlines() if line.endswith(("True", "False")))
    measured = [(float(start), float(seconds)) for start, seconds, _ in lines]
    return [seconds for start, seconds in measured if start + seconds >= since]


def _memory(pid: int) -> int:
    """Return the bytes of a process that are in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    [size] = [line.split()[1] for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(size) * 1024


def _judge(attack: Attack, measures: Measures, outcome: Outcome) -> None:
    allowed = {attack.expected, LATER} if attack.expected == "TOO_COMPLEX" else {attack.expected}
    if unexpected := set(measures.outcomes) - allowed:
        outcome.wrongs.append(f"{attack.name}: ended with {', '.join(sorted(unexpected))}")
    if measures.memory > GROWTH:
        outcome.wrongs.append(f"{attack.name}: the server's memory grew by {measures.memory:,} bytes")
    if not attack.is_refused:
        return
    limit = LATENCY_RATIO * outcome.quiet_p99
    if measures.p99 > limit:
        outcome.late.append(
            f"{attack.name}: the other client's p99 is {measures.p99 * 1e3:.1f} ms, "
            f"at most {limit * 1e3:.1f} ms"
        )
    if attack.expected == "TOO_COMPLEX" and measures.refusal > REFUSAL:
        outcome.late.append(f"{attack.name}: refused after {measures.refusal * 1e3:.1f} ms")
