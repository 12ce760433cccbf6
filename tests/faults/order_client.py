"""A client that places orders while API processes come and go."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

import httpx

from tests.helpers.served_api import plain_client

ITEMS = 20
ENOUGH, SCARCE = 100_000, 5
"""How many of an item are on hand; one of ten is scarce."""

PLACE = """mutation ($input: PlaceOrderInput!, $commandId: ID!) {
  placeOrder(input: $input, commandId: $commandId) { receipt { stream } } }"""
RECEIVE = """mutation ($input: ReceiveStockInput!, $commandId: ID!) {
  receiveStock(input: $input, commandId: $commandId) { receipt { stream } } }"""


class OrderClient(threading.Thread):
    """Places orders one after the other at the API processes of `urls`, each until it is acknowledged."""

    def __init__(self, urls: Sequence[str], orders: Iterable[int], seed: int) -> None:
        super().__init__(daemon=True)
        self._urls = urls
        self._orders = orders
        self._chance = Random(seed)
        self._http = plain_client(timeout=10)
        self.received: dict[str, int] = {}
        self.errors: list[str] = []

    def receive_stock(self) -> None:
        """Fill the warehouse."""
        for number in range(ITEMS):
            item, quantity = f"stock-{number}", SCARCE if number % 10 == 0 else ENOUGH
            given = {"id": item, "quantity": quantity, "name": f"Item {number}"}
            self._send(RECEIVE, f"receive-{number}", given)
            self.received[item] = quantity

    def run(self) -> None:
        for number in self._orders:
            self._send(PLACE, f"place-{number}", self._order(number))
        self._http.close()

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
                answer = self._http.post(f"{self._chance.choice(self._urls)}/graphql", json=body).json()
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
