"""Simulates customers who order from a small shop, so that processes have work, some of which fails."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from random import Random

from domain.dispatch import CommandBus
from domain.inventory.commands import ReceiveStock
from domain.kernel import Command, Envelope, InvariantViolated, NotFound
from domain.orders.commands import PlaceOrder, WithdrawOrder
from domain.orders.events import OrderLine
from domain.shipments.commands import ReportDelivery, ReportMovement

CUSTOMERS = ("Ada", "Bela", "Chidi", "Dana", "Emeka", "Farah", "Gil", "Hana")
ITEMS = {"lamp": 3900, "desk": 24900, "chair": 12900, "shelf": 8900, "clock": 2900}
"""The price of each item in cents."""

PLACES = ("Lyon", "Dijon", "Nancy")

REFILL = 15
"""Orders between two deliveries of stock."""

DELIVERED = (1, 6)
"""The minimum and maximum number of each item in a delivery: sometimes an item runs out."""

WITHDRAWN = 0.05
"""The share of orders that the customer takes back at once."""

EN_ROUTE = 4.0
"""Seconds from an order to the first report about its shipment."""


class OrderSimulation:
    """A simulation of customers who place about `rate` orders per second.

    Items run out, customers withdraw orders, and shipments move. What becomes of an order is decided by the
    processes that fulfil it, and by the adapters of their ports.
    """

    def __init__(self, bus: CommandBus, *, rate: float = 0.5, seed: int = 1) -> None:
        self._bus = bus
        self._rate = rate
        self._random = Random(seed)
        self._sent: Counter[str] = Counter()

    async def run(self, duration: float | None = None) -> Mapping[str, int]:
        """Run for `duration` seconds, forever for None; return how often each command was stored."""
        loop = asyncio.get_running_loop()
        end = math.inf if duration is None else loop.time() + duration
        async with asyncio.TaskGroup() as group:
            number = 0
            while loop.time() < end:
                if number % REFILL == 0:
                    await self._refill()
                number += 1
                order = await self._send(self._order())
                if self._random.random() < WITHDRAWN:
                    await self._attempt(WithdrawOrder(id=order, reason="found it cheaper"))
                group.create_task(self._track(order, end))
                pause = self._random.expovariate(self._rate)
                await asyncio.sleep(max(0.0, min(pause, end - loop.time())))
        return self._sent

    async def _refill(self) -> None:
        for item in ITEMS:
            quantity = self._random.randint(*DELIVERED)
            await self._send(ReceiveStock(id=f"stock-{item}", quantity=quantity, name=item))

    def _order(self) -> PlaceOrder:
        number = self._random.randrange(len(CUSTOMERS))
        items = self._random.sample(sorted(ITEMS), self._random.randint(1, 2))
        return PlaceOrder(
            customer_id=f"customer-{number}",
            customer_name=CUSTOMERS[number],
            address=f"Rue {number + 1}, Nice",
            lines=self._lines(items),
            currency="EUR",
        )

    def _lines(self, items: Sequence[str]) -> list[OrderLine]:
        return [
            OrderLine(item_id=f"stock-{item}", name=item, quantity=1, unit_price=ITEMS[item])
            for item in items
        ]

    async def _track(self, order: str, end: float) -> None:
        """Report the way of an order's shipment, if there is one."""
        shipment = f"shipment-{order.partition('-')[2]}"
        movements = [ReportMovement(id=shipment, place=place) for place in PLACES]
        for command in (*movements, ReportDelivery(id=shipment)):
            await asyncio.sleep(EN_ROUTE)
            if asyncio.get_running_loop().time() >= end:
                return
            await self._attempt(command)

    async def _attempt(self, command: Command) -> None:
        """Send a command that may be refused in the state of things."""
        with suppress(InvariantViolated, NotFound):
            await self._send(command)

    async def _send(self, command: Command) -> str:
        """Dispatch the command and return the id of its stream."""
        receipt = await self._bus.dispatch(Envelope(command, source="demo"))
        self._sent[type(command).__name__] += 1
        return receipt.stream
