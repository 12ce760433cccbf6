"""Orders with failing services, while all that works on them is killed: nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

from pymongo import MongoClient
from rich.table import Table

from api.devserver.child import ChildProcess
from api.lifecycle import open_runtime
from domain.orders.aggregate import Order
from domain.process.events import ProcessStatus
from domain.process.instance import Instance
from tests.faults.deployment import LEASE_TIME, PATIENCE, Deployment
from tests.faults.order_client import OrderClient
from tests.faults.replica_set import ReplicaSet
from tests.helpers.fulfilment_runs import Style
from tests.helpers.order_balance import imbalances, is_over
from tests.helpers.order_ports import served_order_services
from tests.helpers.order_services import OrderServices, Verdict
from tests.helpers.servers import eventually

Victim = Literal["worker", "api", "mongod", "redis", "frozen worker"]

SHARES: Mapping[Victim, int] = {"worker": 4, "api": 2, "mongod": 2, "redis": 1, "frozen worker": 1}
"""Of ten strikes."""

FREEZE = 1.5 * LEASE_TIME
"""Seconds that a worker is stopped: when it goes on, others have its leases."""

GAP = 1.0
"""Seconds between two strikes, at most."""

CLIENTS = 4
"""Threads that place orders."""

LOOK_EVERY = 0.1
"""Seconds between two looks at a log that has nothing new: looks cost as much as the work."""

PATIENCE_PER_ORDER = 2.0
"""Seconds that an order may take on a machine that does much else."""


@dataclass(frozen=True)
class Size:
    """How large a trial is; `members` are those of the replica set.

    `silent` are the operations of which some never have an answer, so that the trial waits for their end.
    """

    orders: int
    strikes: int
    workers: int
    apis: int
    members: int
    silent: tuple[str, ...]


@dataclass
class Outcome:
    """What came of it: the strikes, the orders by status, and all that was wrong."""

    style: str
    strikes: Counter[Victim] = field(default_factory=Counter)
    statuses: Counter[str] = field(default_factory=Counter)
    carried_out: int = 0
    events: int = 0
    seconds: float = 0.0
    wrongs: list[str] = field(default_factory=list)

    def table(self) -> Table:
        """For a person to read."""
        struck = ", ".join(f"{count} {victim}" for victim, count in sorted(self.strikes.items()))
        table = Table(
            "orders",
            "number",
            title=f"{self.style}: {self.strikes.total()} strikes in {self.seconds:.0f} s: {struck}",
            caption=f"{self.events:,} events, {self.carried_out:,} requests carried out by outside services; "
            f"{len(self.wrongs):,} wrongs",
        )
        for status, count in sorted(self.statuses.items()):
            table.add_row(status, f"{count:,}")
        return table


class OrderKills:
    """Orders in one style, with failing services, and strikes against everything that works on them."""

    def __init__(self, folder: Path, style: Style, size: Size) -> None:
        self._size = size
        self._style = style
        self._chance = Random(size.strikes)
        self._set = ReplicaSet(folder, size.members)
        self._set.start()
        self._deployment = Deployment(folder, mongo_url=self._set.url)
        self._deployment.environment["NERVE_CONTEXTS"] = ",".join(style.modules)
        self._services = OrderServices(self._verdict, Random(size.orders))
        self._workers: list[ChildProcess] = []
        self._apis: list[ChildProcess] = []
        self._urls: list[str] = []
        self.outcome = Outcome(style.name)

    def _verdict(self, operation: str, order: str) -> Verdict:
        """Return the same verdict each time: one of ten is refused, one of twenty has no answer."""
        share = Random(f"{operation} {order}").random()
        if operation in ("Refund", "Reverse", "CancelBooking"):
            return Verdict.DONE
        if operation in self._size.silent and share < 0.05:
            return Verdict.UNREACHED if share < 0.025 else Verdict.DONE_IN_SILENCE
        return Verdict.REFUSED if share > 0.9 else Verdict.DONE

    def run(self, struck: Callable[[], None] = lambda: None) -> Outcome:
        """Place all orders, strike in turn, wait for the end of all work, and check the balance."""
        began = time.monotonic()
        try:
            with served_order_services(self._services) as ports:
                self._deployment.environment["NERVE_PORTS"] = ports
                clients = self._begin()
                for victim in self._victims():
                    time.sleep(self._chance.uniform(0, GAP))
                    self._strike(victim)
                    struck()
                for client in clients:
                    client.join(PATIENCE + self._size.orders * PATIENCE_PER_ORDER)
                    assert not client.is_alive(), "orders are still being placed"
                    self.outcome.wrongs += client.errors
                asyncio.run(self._judge(clients[0].received))
        finally:
            self._deployment.end()
            self._set.kill_all()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _begin(self) -> list[OrderClient]:
        self._workers = [self._deployment.worker() for _ in range(self._size.workers)]
        for _ in range(self._size.apis):
            self._urls.append(self._deployment.api())
            self._apis.append(self._deployment.children[-1])
        eventually(self._is_following, PATIENCE, every=0.3)
        clients = [
            OrderClient(self._urls, range(seed, self._size.orders, CLIENTS), seed) for seed in range(CLIENTS)
        ]
        clients[0].receive_stock()
        for client in clients:
            client.start()
        return clients

    def _is_following(self) -> bool:
        """Return whether each process and policy has a place in the log, so that no event is before it."""
        with MongoClient[dict[str, Any]](self._set.url) as client:
            names = {consumer["_id"] for consumer in client[self._deployment.database]["consumers"].find()}
        return names >= set(self._style.consumers)

    def _victims(self) -> list[Victim]:
        tenth = -(-self._size.strikes // 10)
        all_shares = [victim for victim, share in SHARES.items() for _ in range(share * tenth)]
        least = list(SHARES)[: self._size.strikes]
        victims = [*least, *self._chance.sample(all_shares, self._size.strikes - len(least))]
        self._chance.shuffle(victims)
        return victims

    def _strike(self, victim: Victim) -> None:
        self.outcome.strikes[victim] += 1
        match victim:
            case "worker":
                self._chance.choice(self._workers).kill()
            case "frozen worker":
                with self._frozen(self._chance.choice(self._workers)):
                    time.sleep(FREEZE)
            case "api":
                place = self._chance.randrange(len(self._apis))
                self._apis[place].kill()
                self._urls[place] = self._deployment.api()
                self._apis[place] = self._deployment.children[-1]
            case "mongod":
                primary = self._set.await_primary()
                primary.kill()
                primary.start()
                self._set.await_whole()
            case "redis":
                self._deployment.redis.kill()
                self._deployment.redis.start()
        self._revive()

    @contextmanager
    def _frozen(self, worker: ChildProcess) -> Iterator[None]:
        if worker.exit_code is None:
            os.kill(worker.pid, signal.SIGSTOP)
        yield
        if worker.exit_code is None:
            os.kill(worker.pid, signal.SIGCONT)

    def _revive(self) -> None:
        """Start another worker for each that has ended: one that finds no MongoDB at its start ends too."""
        self._workers = [
            worker if worker.exit_code is None else self._deployment.worker() for worker in self._workers
        ]

    async def _judge(self, received: Mapping[str, int]) -> None:
        """Read the log until nothing is left to do, and compare it with the services' ledger."""
        states: dict[str, Any] = {}
        async with open_runtime(self._deployment.settings()) as nerve:
            reader, position = nerve.log.reader(), 0
            deadline = time.monotonic() + PATIENCE + self._size.orders * PATIENCE_PER_ORDER
            while time.monotonic() < deadline:
                self._revive()
                commits = await reader.read(position)
                for commit in commits:
                    position = commit.position
                    for event in commit.events:
                        state = states.get(event.stream)
                        if state is None:
                            state = nerve.catalog.aggregate(event.stream.partition("-")[0])()
                        states[event.stream] = state.evolve(event.payload)
                        self.outcome.events += 1
                if position == await nerve.log.head() and (
                    _is_stuck(states) or is_over(states, self._size.orders)
                ):
                    break
                await asyncio.sleep(0 if commits else LOOK_EVERY)
            else:
                self.outcome.wrongs.append("the orders are not over, and the trial has waited long enough")
            parked = await nerve.database["dead_letters"].count_documents({})
        self.outcome.wrongs += [f"{parked} events are parked, and none is wrong"] if parked else []
        self.outcome.wrongs += imbalances(states, self._services, received)
        self.outcome.carried_out = len(self._services.ledger)
        self.outcome.statuses = Counter(
            str(state.status) for state in states.values() if isinstance(state, Order)
        )


def _is_stuck(states: Mapping[str, Any]) -> bool:
    instances = [state.kept.status for state in states.values() if isinstance(state, Instance)]
    return ProcessStatus.STUCK in instances
