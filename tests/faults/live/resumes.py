"""Subscribers over many API processes, under all that may happen to those, to workers and to Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import httpx

from api.contexts import load_contexts
from api.devserver.child import ChildProcess
from api.devserver.embedded import LOOPBACK, free_port
from api.lifecycle import open_runtime
from api.runtime import Runtime
from domain.kernel import Commit
from tests.faults.deployment import PATIENCE, Deployment
from tests.faults.live.audience import Audience
from tests.faults.live.judge import ExpectedState
from tests.faults.live.outcome import Outcome, Victim
from tests.faults.live.received import Received
from tests.faults.live.requests import ALL, SELECTIONS, SubscriptionRequest, random_request
from tests.faults.live.writer import furnish
from tests.faults.programs import Program
from tests.helpers.servers import at_port, eventually

CONTEXTS = ("agents", "tasks", "documents", "workflows", "task_days")
"""The last two are there because the first link to them."""

SETTLED = PATIENCE
"""Seconds in which everybody must have been told all, once nothing happens any more."""

LOOKS = 300
"""Moments at which what subscribers of views held is compared."""

DOWN = 2.0
"""Seconds that Redis is away at most."""


@dataclass(frozen=True)
class Size:
    """How much of everything. `stay` is in seconds, as is `pause`, between two commands of a caller."""

    apis: int
    workers: int
    subscribers: int
    changes: int
    kills: dict[Victim, int]
    stay: float
    pause: float


class _Writer(Program):
    """The process that changes things, and how often it has."""

    changes = 0

    def _take(self, _entry: object) -> None:
        self.changes += 1


class LiveResumes:
    """API processes, workers, a writer, subscribers, and somebody who kills."""

    def __init__(self, folder: Path, size: Size) -> None:
        self._deployment = Deployment(folder)
        self._size = size
        self._chance = Random(5)
        self._noise = free_port()
        self._deployment.environment |= {
            "NERVE_CONTEXTS": ",".join(f"projections.views.{name}" for name in CONTEXTS),
            "NERVE_REDIS_URL": at_port(self._deployment.redis.url, self._noise),
            "NERVE_MAX_PAGE": str(ALL),
            "NERVE_MAX_ROWS": str(10 * ALL),
            # For whole views with links, against which subscribers are judged.
            "NERVE_MAX_COST": str(1_000 * ALL),
            "NERVE_UNINDEXED_QUERIES": "warn",
            "NERVE_INIT_TIMEOUT": str(PATIENCE),
        }
        self._ports = [free_port() for _ in range(size.apis)]
        self._apis: dict[int, ChildProcess] = {}
        self._workers: list[ChildProcess] = []
        self._writer: _Writer | None = None
        self._audience: Audience | None = None
        self.outcome = Outcome()

    def run(self, step: Callable[[], None] = lambda: None) -> Outcome:
        """All changes; `step` is called after each hundredth of them."""
        began = time.monotonic()
        try:
            self._begin()
            self._strike(step)
            self._end()
            self.outcome.seconds = time.monotonic() - began
            return self.outcome
        finally:
            if self._audience is not None:
                self._audience.end()
            if self._writer is not None:
                self._writer.kill()
            self._deployment.end()

    def _begin(self) -> None:
        arguments = (str(self._noise), str(self._deployment.redis.port), "7")
        self._deployment.start("tests.faults.live.noise", *arguments)
        self._workers = [self._deployment.worker() for _ in range(self._size.workers)]
        for port in self._ports:
            self._serve(port)
        asyncio.run(self._furnish())
        for port in self._ports:
            self._deployment.serving(self._url(port), self._apis[port])
        self._audience = Audience(list(self._requests()), [*map(self._url, self._ports)], self._size.stay)
        self._audience.start()
        eventually(self._listening, PATIENCE)

    def _listening(self) -> bool:
        """Whether everybody has been told at least once that it has all."""
        assert self._heard.failure is None, repr(self._heard.failure)
        for watcher in self._heard.watchers:
            assert not watcher.received.wrongs, watcher.received.wrongs
        return all(watcher.received.caught for watcher in self._heard.watchers)

    def _requests(self) -> Iterator[SubscriptionRequest]:
        for number in range(self._size.subscribers):
            yield random_request(self._chance, "events" if number % 2 else "view")

    async def _furnish(self) -> None:
        async with open_runtime(self._deployment.settings()) as nerve:
            await furnish(nerve.bus)

    def _url(self, port: int) -> str:
        return f"http://{LOOPBACK}:{port}"

    def _serve(self, port: int) -> None:
        environment = {"NERVE_PORT": str(port), "NERVE_HOST": LOOPBACK}
        self._apis[port] = self._deployment.start("api.cli", "serve", **environment)

    @property
    def _heard(self) -> Audience:
        assert self._audience is not None
        return self._audience

    def _strike(self, step: Callable[[], None]) -> None:
        """Write, and kill at even distances; whatever is killed comes again."""
        journal, size = self._deployment.folder / "writer.journal", self._size
        arguments = ["tests.faults.live.writer", str(size.pause), str(journal)]
        self._writer = writer = _Writer(arguments, journal, self._deployment.environment)
        victims = [victim for victim, count in size.kills.items() for _ in range(count)]
        self._chance.shuffle(victims)
        distance = size.changes / (len(victims) + 1)
        for number, victim in enumerate(victims, 1):
            self._written(round(number * distance), step)
            self._kill(victim)
        self._written(size.changes, step)
        writer.ask_to_stop()
        eventually(lambda: writer.exit_code is not None, PATIENCE)
        assert writer.exit_code == 0, writer.complaint()
        writer.look()
        self.outcome.changes = writer.changes

    def _written(self, changes: int, step: Callable[[], None]) -> None:
        """Wait until so much has changed; the writer goes on."""
        writer = self._writer
        assert writer is not None
        while writer.changes < changes:
            assert writer.exit_code is None, writer.complaint()
            time.sleep(0.05)
            before = 100 * writer.changes // self._size.changes
            writer.look()
            for _ in range(before, min(100, 100 * writer.changes // self._size.changes)):
                step()

    def _kill(self, victim: Victim) -> None:
        self.outcome.kills[victim] += 1
        if victim == "redis":
            self._deployment.redis.kill()
            time.sleep(self._chance.uniform(0, DOWN))
            self._deployment.redis.start()
        elif victim == "worker":
            self._workers.pop(0).kill()
            self._workers.append(self._deployment.worker())
        else:
            self._restart(self._chance.choice(self._ports), killed=victim == "api")

    def _restart(self, port: int, *, killed: bool) -> None:
        """As behind a load balancer: nobody is sent to a server that does not serve."""
        self._heard.urls = [self._url(other) for other in self._ports if other != port]
        if killed:
            self._apis[port].kill()
        elif not self._apis[port].stop(PATIENCE):
            self.outcome.wrongs.append("an API process did not stop by itself")
        self._serve(port)
        self._deployment.serving(self._url(port), self._apis[port])
        self._heard.urls = [*map(self._url, self._ports)]

    def _end(self) -> None:
        """Compare what everybody was told, and again after a last cut: nothing may be told then."""
        truth, views = asyncio.run(self._truth())
        received = [watcher.received for watcher in self._heard.watchers]
        waiting = list(received)

        def told_all() -> bool:
            while waiting and waiting[-1].caught and truth.complete(waiting[-1]):
                waiting.pop()
            return not waiting

        self._await(told_all)
        self._heard.settle()
        self._await(lambda: self._heard.live)
        self._judge(truth, views, received)

    def _await(self, condition: Callable[[], bool]) -> None:
        try:
            eventually(condition, SETTLED)
        except AssertionError:
            # The judgement says of whom, and what.
            self.outcome.wrongs.append(f"nothing happened any more, and {SETTLED:.0f} s were not enough")

    def _judge(
        self, truth: ExpectedState, views: Sequence[dict[str, Any]], received: Sequence[Received]
    ) -> None:
        outcome = self.outcome
        looks = [(one, caught) for one in received for caught in one.caught if _whole(one.request)]
        sample = self._chance.sample(looks, min(LOOKS, len(looks)))
        for one, rows in zip(received, views, strict=True):
            outcome.wrongs += one.wrongs
            if one.caught:
                outcome.wrongs += truth.judge(one, [caught for owner, caught in sample if owner is one])
                outcome.delays += truth.delays(one) if one.request.single is None else ()
            if _whole(one.request) and one.held != rows:
                outcome.wrongs.append(
                    f"{one.request.single} {one.request.filter}: holds other rows than the view"
                )
        outcome.subscribers, outcome.looks = len(received), len(sample)
        outcome.lagged = sum(one.lagged for one in received)
        outcome.expired = sum(one.expired for one in received)
        outcome.events = sum(len(one.ids) for one in received)
        outcome.cuts = sum(watcher.cuts for watcher in self._heard.watchers)
        outcome.outages = [s for watcher in self._heard.watchers for s in watcher.outages]

    async def _truth(self) -> tuple[ExpectedState, list[dict[str, Any]]]:
        settings = self._deployment.settings()
        async with open_runtime(settings) as nerve:
            head = await nerve.log.head()
            await asyncio.gather(*(one.wait_for(head, SETTLED) for one in nerve.readers.values()))
            log = await _everything(nerve, head)
            views = [view for view in load_contexts(settings).views if view.singular in SELECTIONS]
            truth = ExpectedState(log, views, nerve.position_seal)
        async with httpx.AsyncClient(base_url=self._url(self._ports[0]), timeout=SETTLED) as http:
            requests = [watcher.received.request for watcher in self._heard.watchers]
            return truth, [await _rows(http, one) if _whole(one) else {} for one in requests]


def _whole(request: SubscriptionRequest) -> bool:
    return request.single is not None and not request.partly


async def _rows(http: httpx.AsyncClient, request: SubscriptionRequest) -> dict[str, Any]:
    """What the view holds, as a query tells it."""
    assert request.single is not None
    kind = f"{request.single.capitalize()}Filter"
    query = f"""query ($filter: {kind}) {{ {request.single}s(filter: $filter, first: {ALL}) {{
        nodes {{ {SELECTIONS[request.single]} }} }} }}"""
    variables = {"filter": request.variables.get("filter", request.filter)}
    answer = (await http.post("/graphql", json={"query": query, "variables": variables})).json()
    assert "errors" not in answer, answer
    return {row["id"]: row for row in answer["data"][f"{request.single}s"]["nodes"]}


async def _everything(nerve: Runtime, head: int) -> list[Commit]:
    found: list[Commit] = []
    reader = nerve.log.reader()
    while len(found) < head:
        found += await reader.read(len(found))
        await asyncio.sleep(0)
    return found
