"""The outside services of orders over HTTP, in a thread of the test's process."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse
from starlette.routing import Route

from api.devserver.address import listen
from domain.orders.port import Notify
from domain.payments.port import Authorise, Capture, Refund, Reverse
from domain.process import Request
from domain.process.inputs import from_json, to_json
from domain.shipments.port import Book, CancelBooking
from subscriptions.processes.ports import PortRefused, PortUnavailable
from tests.helpers.order_services import OrderServices
from tests.helpers.servers import eventually

REQUESTS: dict[str, type[Request[Any]]] = {
    kind.__name__: kind for kind in (Authorise, Capture, Refund, Reverse, Book, CancelBooking, Notify)
}
PORTS = ("payments", "shipping", "notifications")

SLOWEST = 0.05
"""Seconds that a service takes for an answer, at most."""


@contextmanager
def served_order_services(services: OrderServices) -> Iterator[str]:
    """Serve all ports; yield the value of NERVE_PORTS that configures nerve's adapters of them."""
    listener = listen("127.0.0.1", 0)
    server = uvicorn.Server(uvicorn.Config(_app(services), log_level="error", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    eventually(lambda: server.started)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    adapter = {"adapter": "http", "url": url, "allow_private": True, "timeout": 5}
    try:
        yield json.dumps(dict.fromkeys(PORTS, adapter))
    finally:
        server.should_exit = True
        thread.join()


def _app(services: OrderServices) -> Starlette:
    async def receive(http: HttpRequest) -> JSONResponse:
        sent = await http.json()
        request = from_json(REQUESTS[sent["operation"]], sent["input"])
        await asyncio.sleep(services.chance.random() * SLOWEST)
        try:
            reply = services.call(http.headers["idempotency-key"], request)
        except PortRefused as error:
            return JSONResponse({"code": error.reason, "message": str(error)}, 422)
        except PortUnavailable as error:
            return JSONResponse({"code": "UNAVAILABLE", "message": str(error)}, 503)
        return JSONResponse(to_json(reply))

    return Starlette(routes=[Route("/", receive, methods=["POST"])])
