"""Orders with failing services, while all that works on them is killed: nothing is lost or done twice."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal

import httpx
from pymongo import MongoClient
from rich.table import Table

from api.devserver.child import ChildProcess
from api.lifecycle import open_runtime
from domain.orders.aggregate import Order
from domain.orders.events import OrderStatus
from domain.process.events import ProcessStatus
from domain.process.instance import Instance
from tests.faults.deployment import LEASE_TIME, PATIENCE, Deployment
from tests.faults.replica_set import ReplicaSet
from tests.helpers.fulfilment_runs import Style
from tests.helpers.order_balance import OVER, imbalances
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

ITEMS = 20
ENOUGH, SCARCE = 100_000, 5
"""How many of an item are on hand; one of ten is scarce."""

PLACE = """mutation ($input: PlaceOrderInput!, $commandId: ID!) {
  placeOrder(input: $input, commandId: $commandId) { receipt { stream } } }"""
RECEIVE = """mutation ($input: ReceiveStockInput!, $commandId: ID!) {
  receiveStock(input: $input, commandId: $commandId) { receipt { stream } } }"""


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


class OrderClient(threading.Thread):
    """Places orders one after the other at the API processes of `urls`, each until it is acknowledged."""

    def __init__(self, urls: Sequence[str], orders: int, chance: Random) -> None:
        super().__init__(daemon=True)
        self._urls = urls
        self._orders = orders
        self._chance = chance
        self.received: dict[str, int] = {}
        self.errors: list[str] = []

    def run(self) -> None:
        for number in range(ITEMS):
            item, quantity = f"stock-{number}", SCARCE if number % 10 == 0 else ENOUGH
            self._send(
                RECEIVE, f"receive-{number}", {"id": item, "quantity": quantity, "name": f"Item {number}"}
            )
            self.received[item] = quantity
        for number in range(self._orders):
            self._send(PLACE, f"place-{number}", self._order(number))

    def _order(self, number: int) -> dict[str, Any]:
        items = self._chance.sample(range(ITEMS), self._chance.randint(1, 3))
        return {
            "id": f"order-{number}",
            "customerId": f"c-{number % 50}",
            "customerName": f"Customer {number % 50}",
            "address": "Rue 1, Nice",
            "currency": "EUR",
            "lines": [
                {"itemId": f"stock-{item}", "name": f"Item {item}", "quantity": 1, "unitPrice": "1999"}
                for item in items
            ],
        }

    def _send(self, mutation: str, command_id: str, given: dict[str, Any]) -> None:
        body = {"query": mutation, "variables": {"input": given, "commandId": command_id}}
        while True:
            try:
                answer = httpx.post(
                    f"{self._chance.choice(self._urls)}/graphql", json=body, timeout=10
                ).json()
            except (httpx.TransportError, ValueError):
                time.sleep(0.1)
                continue
            if "errors" not in answer:
                return
            code = answer["errors"][0]["extensions"]["code"]
            if code not in ("UNAVAILABLE", "OVERLOADED", "CONCURRENCY_CONFLICT"):
                self.errors.append(f"{command_id}: {answer['errors']}")
                return
            time.sleep(0.1)


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
                client = self._begin()
                for victim in self._victims():
                    time.sleep(self._chance.uniform(0, GAP))
                    self._strike(victim)
                    struck()
                client.join(10 * PATIENCE)
                assert not client.is_alive(), "orders are still being placed"
                self.outcome.wrongs += client.errors
                asyncio.run(self._judge(client.received))
        finally:
            self._deployment.end()
            self._set.kill_all()
        self.outcome.seconds = time.monotonic() - began
        return self.outcome

    def _begin(self) -> OrderClient:
        self._workers = [self._deployment.worker() for _ in range(self._size.workers)]
        for _ in range(self._size.apis):
            self._urls.append(self._deployment.api())
            self._apis.append(self._deployment.children[-1])
        eventually(self._is_following, PATIENCE)
        client = OrderClient(self._urls, self._size.orders, Random(self._size.orders))
        client.start()
        return client

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
            reader, position, deadline = nerve.log.reader(), 0, time.monotonic() + 10 * PATIENCE
            while time.monotonic() < deadline:
                self._revive()
                for commit in await reader.read(position):
                    position = commit.position
                    for event in commit.events:
                        state = states.get(event.stream)
                        if state is None:
                            state = nerve.catalog.aggregate(event.stream.partition("-")[0])()
                        states[event.stream] = state.evolve(event.payload)
                        self.outcome.events += 1
                if position == await nerve.log.head() and self._is_over(states):
                    break
                await asyncio.sleep(0)
            parked = await nerve.database["dead_letters"].count_documents({})
        self.outcome.wrongs += [f"{parked} events are parked, and none is wrong"] if parked else []
        self.outcome.wrongs += imbalances(states, self._services, received)
        self.outcome.carried_out = len(self._services.ledger)
        self.outcome.statuses = Counter(
            str(state.status) for state in states.values() if isinstance(state, Order)
        )

    def _is_over(self, states: Mapping[str, Any]) -> bool:
        orders = [state.status for state in states.values() if isinstance(state, Order)]
        final = (OrderStatus.CONFIRMED, OrderStatus.CANCELLED)
        instances = [state.kept.status for state in states.values() if isinstance(state, Instance)]
        is_stuck = ProcessStatus.STUCK in instances
        return is_stuck or (
            len(orders) == self._size.orders
            and all(status in final for status in orders)
            and all(status in OVER for status in instances)
        )
