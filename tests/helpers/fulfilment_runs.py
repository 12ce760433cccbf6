"""Runs of orders through either style of fulfilment, and the final states that they lead to."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, NamedTuple

from domain import inventory, orders, payments, reservations, shipments
from domain.fulfilment import choreography, saga
from domain.inventory.aggregate import Stock
from domain.inventory.commands import ReceiveStock
from domain.kernel import Catalog, Command, Context, RecordedEvent
from domain.orders import notices
from domain.orders.commands import PlaceOrder, WithdrawOrder
from domain.orders.events import OrderCancelled, OrderLine
from domain.payments import charges, repayments
from domain.process import Policy
from domain.process.context import ProcessContext
from domain.reservations import policies as stock_policies
from domain.shipments import bookings, recalls
from tests.helpers.order_balance import imbalances
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


def services_of(runs: Sequence[OrderRun], seed: int) -> OrderServices:
    """Return the outside services, which do with the orders what the runs say."""

    def decide(operation: str, key: str) -> Verdict:
        return runs[int(key)].verdicts.get(operation, Verdict.DONE)

    return OrderServices(decide, Random(seed))


def commands(runs: Sequence[OrderRun]) -> Iterator[Command]:
    """Yield the commands that receive the stock and place the orders, named 0, 1, and so on."""
    for item, quantity in received(runs).items():
        yield ReceiveStock(id=item, quantity=quantity)
    for key, run in enumerate(runs):
        yield place(key, run)
        if run.is_withdrawn:
            yield WithdrawOrder(id=f"order-{key}")


def simulate(style: Style, runs: Sequence[OrderRun], seed: int) -> list[FinalState]:
    """Place the orders, go on in memory until nothing is left to do, and return what each has come to."""
    services = services_of(runs, seed)
    simulation = Simulation(style.contexts, style.policies, services.call, Random(seed))
    for number, command in enumerate(commands(runs)):
        simulation.dispatch(command, f"command-{number}")
    simulation.run()
    assert simulation.refusals == []
    return final_states(simulation.catalog, simulation.events, services, runs)


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


def received(runs: Sequence[OrderRun]) -> dict[str, int]:
    """Return how many of each item have arrived before the orders were placed."""
    return {
        item_id(key, item): on_hand
        for key, run in enumerate(runs)
        for item, (_, on_hand) in enumerate(run.items)
        if on_hand
    }


def fold(catalog: Catalog, events: Iterable[RecordedEvent]) -> dict[str, Any]:
    """Return the states of all streams after these events."""
    states: dict[str, Any] = {}
    for event in events:
        state = states.get(event.stream)
        if state is None:
            state = catalog.aggregate(event.commit.category)()
        states[event.stream] = state.evolve(event.payload)
    return states


def final_states(
    catalog: Catalog, events: Sequence[RecordedEvent], services: OrderServices, runs: Sequence[OrderRun]
) -> list[FinalState]:
    """Return what each order has come to; fail if anything does not balance."""
    states = fold(catalog, events)
    assert imbalances(states, services, received(runs)) == []
    codes = {
        event.stream: event.payload.code for event in events if isinstance(event.payload, OrderCancelled)
    }
    return [_final_state(states, codes, services, key, run) for key, run in enumerate(runs)]


def _final_state(
    states: Mapping[str, Any], codes: Mapping[str, str], services: OrderServices, key: int, run: OrderRun
) -> FinalState:
    def status(category: str) -> Any:
        return getattr(states.get(f"{category}-{key}"), "status", None)

    held, collected = services.money(str(key))
    stocks = [states.get(item_id(key, item), Stock()) for item in range(len(run.items))]
    return FinalState(
        order=status("order"),
        code=codes.get(f"order-{key}"),
        reservation=status("reservation"),
        payment=status("payment"),
        shipment=status("shipment"),
        held=held,
        collected=collected,
        is_booked=services.is_booked(str(key)),
        stock=tuple((stock.on_hand, stock.reserved) for stock in stocks),
    )
