"""Runs of orders through either style of fulfilment, and the final states that they lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from domain import inventory, orders, payments, reservations, shipments
from domain.fulfilment import choreography, saga
from domain.inventory.commands import ReceiveStock
from domain.kernel import Context
from domain.orders import notices
from domain.orders.commands import PlaceOrder, WithdrawOrder
from domain.orders.events import OrderCancelled, OrderLine
from domain.payments import charges, repayments
from domain.process import Policy
from domain.process.context import ProcessContext
from domain.reservations import policies as stock_policies
from domain.shipments import bookings, recalls
from tests.helpers.order_services import OrderServices, Verdict
from tests.helpers.process_simulation import Simulation

CONTEXTS: tuple[Context, ...] = (
    inventory.context,
    reservations.context,
    payments.context,
    shipments.context,
    orders.context,
    charges.context,
    repayments.context,
    bookings.context,
    recalls.context,
    notices.context,
)
"""What both styles share."""


@dataclass(frozen=True)
class Style:
    """A style of fulfilment: the contexts and the policies of the modules that are registered for it."""

    name: str
    contexts: tuple[Context, ...]
    policies: tuple[Policy, ...]
    modules: tuple[str, ...]

    @property
    def consumers(self) -> Sequence[str]:
        """The names of the consumers of its processes and policies."""
        processes = [each.category for each in self.contexts if isinstance(each, ProcessContext)]
        return [
            *(f"process.{category}" for category in processes),
            *(f"policy.{policy.name}" for policy in self.policies),
        ]


MODULES = (
    "projections.views.orders",
    "projections.views.stock_items",
    "projections.views.payments",
    "projections.views.shipments",
    "domain.reservations",
    "domain.reservations.policies",
    "domain.payments.charges",
    "domain.payments.repayments",
    "domain.shipments.bookings",
    "domain.shipments.recalls",
    "domain.orders.notices",
)
"""What both styles register."""

CHOREOGRAPHY = Style(
    "choreography",
    CONTEXTS,
    (*stock_policies.policies, *choreography.policies),
    (*MODULES, "domain.fulfilment.choreography"),
)


SAGA = Style(
    "saga",
    (*CONTEXTS, saga.context),
    stock_policies.policies,
    (*MODULES, "domain.fulfilment.saga"),
)
STYLES = (SAGA, CHOREOGRAPHY)


@dataclass(frozen=True)
class OrderRun:
    """An order: the quantities of its items with what is on hand, and what the services do with it."""

    items: Sequence[tuple[int, int]]
    verdicts: Mapping[str, Verdict] = field(default_factory=dict)
    is_withdrawn: bool = False


class FinalState(NamedTuple):
    """What an order has come to; `held`, `collected` and `is_booked` are those of the outside services."""

    order: str
    code: str | None
    reservation: str
    payment: str | None
    shipment: str | None
    held: int
    collected: int
    is_booked: bool
    stock: tuple[tuple[int, int], ...]


def simulate(style: Style, runs: Sequence[OrderRun], seed: int) -> tuple[Simulation, OrderServices]:
    """Place the orders, named 0, 1, and so on, and go on until nothing is left to do."""

    def decide(operation: str, key: str) -> Verdict:
        return runs[int(key)].verdicts.get(operation, Verdict.DONE)

    services = OrderServices(decide, Random(seed))
    simulation = Simulation(style.contexts, style.policies, services.call, Random(seed))
    for key, run in enumerate(runs):
        for item, (_, on_hand) in enumerate(run.items):
            if on_hand:
                simulation.dispatch(
                    ReceiveStock(id=item_id(key, item), quantity=on_hand), f"stock-{key}-{item}"
                )
        simulation.dispatch(place(key, run), f"place-{key}")
        if run.is_withdrawn:
            simulation.dispatch(WithdrawOrder(id=f"order-{key}"), f"withdraw-{key}")
    simulation.run()
    return simulation, services


def item_id(order: int, item: int) -> str:
    """Return the id of an item of an order; orders share no items."""
    return f"stock-{order}.{item}"


def place(key: int, run: OrderRun) -> PlaceOrder:
    """Return the command that places an order."""
    lines = [
        OrderLine(item_id=item_id(key, item), name=f"Item {item}", quantity=quantity, unit_price=100)
        for item, (quantity, _) in enumerate(run.items)
    ]
    return PlaceOrder(
        id=f"order-{key}",
        customer_id="c-1",
        customer_name="Ada",
        address="Rue 1, Nice",
        lines=lines,
        currency="EUR",
    )


def final_state(simulation: Simulation, services: OrderServices, key: int, run: OrderRun) -> FinalState:
    """Return what an order has come to."""
    cancelled = [
        event.payload.code
        for event in simulation.events
        if event.stream == f"order-{key}" and isinstance(event.payload, OrderCancelled)
    ]
    held, collected = services.money(str(key))
    stocks = [simulation.state(item_id(key, item)) for item in range(len(run.items))]
    return FinalState(
        order=simulation.state(f"order-{key}").status,
        code=cancelled[0] if cancelled else None,
        reservation=simulation.state(f"reservation-{key}").status,
        payment=_status(simulation, f"payment-{key}"),
        shipment=_status(simulation, f"shipment-{key}"),
        held=held,
        collected=collected,
        is_booked=services.is_booked(str(key)),
        stock=tuple((stock.on_hand, stock.reserved) for stock in stocks),
    )


def _status(simulation: Simulation, stream: str) -> Any:
    category = stream.partition("-")[0]
    return simulation.state(stream).status if stream in simulation.streams(category) else None
