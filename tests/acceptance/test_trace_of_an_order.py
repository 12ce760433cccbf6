"""The trace of an order that a saga fulfils, over all contexts and outside ports that it concerns."""

from __future__ import annotations

from typing import Any

from api.cli.trace import trace_lines
from api.lifecycle import open_runtime
from api.settings import Settings
from eventstore.history.trace import TraceKind, read_trace
from tests.helpers.fulfilment_runs import SAGA
from tests.helpers.served_api import serve

PORTS = {name: {"adapter": "simulator"} for name in ("payments", "shipping", "notifications")}
RECEIVE = 'mutation { receiveStock(input: { id: "stock-lamp", quantity: 9 }) { receipt { version } } }'
PLACE = """mutation { placeOrder(commandId: "place-17", input: {
  id: "order-17", customerId: "ada", customerName: "Ada", address: "Main Street 1", currency: "EUR",
  lines: [{ itemId: "stock-lamp", name: "Lamp", quantity: 1, unitPrice: 2500 }]
}) { receipt { version } } }"""
FOLLOW = """subscription { command(id: "place-17") { __typename
  ... on ProcessFinished { processId status } } }"""


async def test_the_trace_of_an_order_is_one_tree_over_all_streams(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """Each node leads to the command of the client, by way of processes, policies, effects and outcomes."""
    parts: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with serve(contexts=SAGA.modules, ports=PORTS, **parts) as api:
        api.ask(RECEIVE)
        api.ask(PLACE)
        async with api.client() as client:
            await client.subscribe("1", FOLLOW)
            while (end := await client.next())["__typename"] != "ProcessFinished":
                pass
    assert end["status"] == "COMPLETED"
    async with open_runtime(Settings(contexts=SAGA.modules, ports=PORTS, **parts)) as runtime:
        page = await read_trace(runtime.log, runtime.processes, "default", "place-17")
    ids = [node.id for node in page.nodes]
    assert len(set(ids)) == len(ids)
    roots = [node for node in page.nodes if node.parent not in ids]
    assert [(root.kind, root.name) for root in roots] == [(TraceKind.COMMAND, "PlaceOrder")]
    categories = {node.commit.category for node in page.nodes}
    assert categories >= {"order", "fulfilment", "reservation", "stock", "payment", "charge", "shipment"}
    first, *_ = trace_lines(page.nodes)
    assert first.endswith("PlaceOrder: order.placed  order-17")
