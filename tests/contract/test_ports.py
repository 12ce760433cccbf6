"""What every adapter of an outside port does, with the simulator as the port."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import pytest
from pydantic import SecretStr

from api.ids import now
from api.port_settings import HttpPortSettings, RefusalRule, SimulatedPortSettings
from api.ports.http_port import HttpPort
from api.ports.simulated_port import SimulatedPort
from api.ports.simulator_app import simulator_app
from subscriptions.processes.ports import PortAdapter, PortRefused, PortUnavailable
from tests.helpers.card_port import CARD_REQUESTS, Authorise, Void, serve_asgi

AUTHORISE = Authorise(order_id="order-1", amount=250)


@dataclass
class Port:
    """An adapter, and the simulator that it leads to."""

    adapter: PortAdapter
    simulator: SimulatedPort

    def arrivals(self) -> list[tuple[str, int]]:
        return [(call.key, call.arrivals) for call in self.simulator.calls]


OpenPort = Callable[..., Any]


@pytest.fixture(params=["simulator", "http"])
async def open_port(request: pytest.FixtureRequest) -> AsyncIterator[OpenPort]:
    """Opens an adapter to a simulator with settings."""
    async with AsyncExitStack() as stack:

        async def opened(**settings: Any) -> Port:
            simulator = SimulatedPort("cards", SimulatedPortSettings(adapter="simulator", **settings))
            if request.param == "simulator":
                return Port(simulator, simulator)
            app = simulator_app({"cards": simulator}, CARD_REQUESTS)
            url = SecretStr(f"{await stack.enter_async_context(serve_asgi(app))}/cards")
            over_http = HttpPortSettings(adapter="http", url=url, allow_private=True)
            adapter = HttpPort("cards", over_http, now)
            stack.push_async_callback(adapter.close)
            return Port(adapter, simulator)

        yield opened


async def test_a_request_is_answered_with_its_declared_reply(open_port: OpenPort) -> None:
    """The reply repeats fields of the request, and has values for the others."""
    port = await open_port()
    reply = await port.adapter.call("pay-1:2", AUTHORISE)
    assert reply["amount"] == 250
    assert reply["authorisation"].startswith("authorisation-")
    assert await port.adapter.call("pay-1:3", Void(authorisation="a")) == {}
    assert [call.input for call in port.simulator.calls] == [
        {"orderId": "order-1", "amount": 250},
        {"authorisation": "a"},
    ]


async def test_a_request_takes_effect_once_for_each_key(open_port: OpenPort) -> None:
    """Also while an earlier attempt is under way, and where the request arrives twice."""
    port = await open_port(delay=0.01, doubled_requests=1.0)
    replies = await asyncio.gather(*(port.adapter.call("pay-1:2", AUTHORISE) for _ in range(5)))
    assert len({str(reply) for reply in replies}) == 1
    assert port.arrivals() == [("pay-1:2", 10)]
    assert await port.adapter.call("pay-1:9", AUTHORISE) != replies[0]


async def test_a_lost_reply_comes_with_a_later_attempt(open_port: OpenPort) -> None:
    """The request was carried out by the first attempt, and not again."""
    port = await open_port(lost_replies=0.6, failures=0.3, seed=4)
    unavailable = 0
    for _ in range(100):
        try:
            reply = await port.adapter.call("pay-1:2", AUTHORISE)
        except PortUnavailable:
            unavailable += 1
        else:
            break
    assert unavailable > 0
    (call,) = port.simulator.calls
    assert call.reply == reply


async def test_a_port_that_fails_is_unavailable_and_nothing_arrives(open_port: OpenPort) -> None:
    """A failure before the arrival leaves no record."""
    port = await open_port(failures=1.0)
    with pytest.raises(PortUnavailable):
        await port.adapter.call("pay-1:2", AUTHORISE)
    assert port.arrivals() == []


async def test_a_rule_refuses_requests_by_their_input(open_port: OpenPort) -> None:
    """The code and the message of the rule arrive, with each attempt."""
    rule = RefusalRule(operation="Authorise", where={"amount": 250}, code="card_declined", message="no cover")
    port = await open_port(refusals=(rule,))
    for _ in range(2):
        with pytest.raises(PortRefused, match="no cover") as refused:
            await port.adapter.call("pay-1:2", AUTHORISE)
        assert refused.value.reason == "card_declined"
    await port.adapter.call("pay-1:3", Authorise(order_id="order-1", amount=251))
    assert [call.refusal for call in port.simulator.calls] == ["card_declined", None]


async def test_a_share_of_requests_is_refused_whatever_their_key(open_port: OpenPort) -> None:
    """The outcome depends on the request and the seed, not on the order or the key."""
    port = await open_port(refusals=(RefusalRule(rate=0.5),), seed=3)

    async def refused(key: str, amount: int) -> bool:
        try:
            await port.adapter.call(key, Authorise(order_id="order-1", amount=amount))
        except PortRefused:
            return True
        return False

    first = [await refused(f"pay-1:{amount}", amount) for amount in range(20)]
    again = [await refused(f"pay-2:{amount}", amount) for amount in reversed(range(20))]
    assert first == again[::-1]
    assert set(first) == {True, False}


async def test_a_reply_of_another_form_is_refused(open_port: OpenPort) -> None:
    """The message names the port, the request, the class of the reply and the wrong field."""
    port = await open_port(replies={"Authorise": {"amount": "much"}})
    with pytest.raises(PortRefused) as refused:
        await port.adapter.call("pay-1:2", AUTHORISE)
    assert refused.value.reason == "INVALID_REPLY"
    assert "the port cards replied to Authorise with what is no Authorised (amount: " in str(refused.value)


async def test_a_key_cannot_be_used_for_another_request(open_port: OpenPort) -> None:
    """As for a command id: the first request keeps the key."""
    port = await open_port()
    await port.adapter.call("pay-1:2", AUTHORISE)
    with pytest.raises(PortRefused) as refused:
        await port.adapter.call("pay-1:2", Void(authorisation="a"))
    assert refused.value.reason == "IDEMPOTENCY_KEY_REUSED"
