"""An operator at the console: stuck processes, dead letters, keys, sockets, alerts and webhooks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from domain.kernel.access import ADMINISTRATOR, DEPLOYMENT
from tests.acceptance.clients.programs import build_pages, run_in_browser
from tests.helpers.access_rig import bearer
from tests.helpers.fragile_context import BAD, Bug
from tests.helpers.fulfilment_runs import SAGA
from tests.helpers.order_ports import served_order_services
from tests.helpers.order_services import OrderServices, Verdict
from tests.helpers.served_api import Served, serve
from tests.helpers.servers import eventually
from tests.helpers.tokens import auth_settings, make_token

CONTEXTS = (
    *SAGA.modules,
    "projections.builtin.alerts",
    "tests.helpers.fragile_context",
)
TOKEN = make_token("root", "default", (ADMINISTRATOR, DEPLOYMENT))
RECEIVE = 'mutation { receiveStock(input: { id: "stock-lamp", quantity: 9 }) { receipt { version } } }'
PLACE = """mutation ($id: ID!) { placeOrder(input: {
  id: $id, customerId: "ada", customerName: "Ada", address: "Main Street 1", currency: "EUR",
  lines: [{ itemId: "stock-lamp", name: "Lamp", quantity: 1, unitPrice: 2500 }]
}) { receipt { version } } }"""
ALERT = """mutation { raiseAlert(input: {
  key: "backup:nightly", severity: ERROR, category: "backup", message: "No space left.", details: { free: 0 }
}) { receipt { version } } }"""
WEBHOOK = """mutation { createWebhook(input: {
  name: "shop", url: "https://shop.example/events", types: ["task.created"]
}) { receipt { version } } }"""
WEBHOOKS = "{ webhooks(orderBy: [{ field: NAME }]) { nodes { name url types state pauseReason } } }"
ADD = "mutation ($name: String!) { addItem(input: { name: $name }) { receipt { stream } } }"
STUCK = "{ processes(filter: { status: { eq: STUCK } }, first: 10) { nodes { kind stuckOn } } }"
LETTERS = "{ deadLetters(first: 10) { nodes { view row stream version } } }"


@dataclass(frozen=True)
class Operator:
    """An administrator of the deployment."""

    served: Served

    def ask(self, query: str, **variables: Any) -> Any:
        """Return the only field of an answer without errors."""
        body = {"query": query, "variables": variables}
        answer = self.served.post(body, authorization=bearer(TOKEN)).json()
        assert "errors" not in answer, answer
        [value] = answer["data"].values()
        return value


def first_refunds_refused() -> OrderServices:
    """Return services whose carrier refuses each order, and whose provider refuses its first refund."""
    refunds: Counter[str] = Counter()

    def decide(operation: str, order: str) -> Verdict:
        if operation == "Refund":
            refunds[order] += 1
            return Verdict.REFUSED if refunds[order] == 1 else Verdict.DONE
        return Verdict.REFUSED if operation == "Book" else Verdict.DONE

    return OrderServices(decide, Prompt())


class Prompt(Random):
    """The chance that nothing is lost."""

    def random(self) -> float:
        return 0.99


@pytest.fixture
def operator(mongo_url: str, redis_url: str) -> Iterator[Operator]:
    """A deployment with two refunds that are stuck, two dead letters, an alert and a webhook."""
    database = f"test_{uuid4().hex}"
    servers: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    with (
        served_order_services(first_refunds_refused()) as ports,
        serve(contexts=CONTEXTS, ports=json.loads(ports), auth=auth_settings(), **servers) as served,
    ):
        operator = Operator(served)
        for mutation in (RECEIVE, ALERT, WEBHOOK):
            operator.ask(mutation)
        for number in range(2):
            operator.ask(PLACE, id=f"order-{number}")
        for _ in range(2):
            operator.ask(ADD, name=BAD)
        eventually(lambda: len(operator.ask(STUCK)["nodes"]) == 2)
        eventually(lambda: len(operator.ask(LETTERS)["nodes"]) == 2)
        yield operator
    with MongoClient[dict[str, object]](mongo_url) as client:
        client.drop_database(database)


@pytest.mark.browser
def test_an_operator_mends_what_hangs_and_ends_what_must_end(
    operator: Operator, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A stuck step is found and retried; a key and a socket end; a caller without rights sees none of it."""
    build_pages()
    monkeypatch.setattr(Bug, "there", False)
    dropped = operator.ask(LETTERS)["nodes"][0]
    base = f"http://127.0.0.1:{operator.served.port}"
    plan = {"base": base, "token": TOKEN, "dropped": dropped, "folder": str(tmp_path)}
    seen = run_in_browser("operate", plan)
    assert seen["problems"] == []
    assert {page: found for page, found in seen["violations"].items() if found} == {}
    before, after = seen["steps"]["before"], seen["steps"]["after"]
    assert "stuck on refund" in before
    assert "the service refuses the request" in before
    assert "refused" not in after
    assert "Retry 1 process" in seen["question"]
    assert "repayment" in seen["question"]
    assert f"{dropped['stream']} version 1" in seen["letters"]
    assert "does not exist any longer" in seen["letters"]
    assert seen["isForgotten"]
    assert seen["statuses"] == [200, 401]
    assert "Operate" not in seen["links"]
    assert "subscription Victim { events { __typename } }" in seen["connection"]
    assert seen["closing"] == [4403, "an operator has ended this connection: it is in the way"]
    assert operator.ask(STUCK)["nodes"] == []
    assert operator.ask(LETTERS)["nodes"] == []
    check_webhooks(operator.ask(WEBHOOKS)["nodes"], seen["secrets"])
    (alert,) = operator.ask(
        '{ alerts(filter: { key: { eq: "backup:nightly" } }) { nodes { state acknowledgedBy note } } }'
    )["nodes"]
    assert alert == {"state": "ACKNOWLEDGED", "acknowledgedBy": "root", "note": "I free some space"}


def check_webhooks(webhooks: list[Any], secrets: list[str]) -> None:
    """One was created and its secret rotated, and another paused."""
    audit, shop = webhooks
    assert audit["name"] == "audit"
    assert (audit["url"], audit["types"]) == (
        "https://audit.example/events",
        ["task.completed", "task.failed"],
    )
    assert [shop[name] for name in ("name", "state", "pauseReason")] == [
        "shop",
        "PAUSED",
        "the shop is being moved",
    ]
    created, rotated = secrets
    assert created.startswith("whsec_")
    assert rotated.startswith("whsec_")
    assert created != rotated
