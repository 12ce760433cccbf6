"""Which ports a process needs, and which adapters the settings open."""

from __future__ import annotations

from typing import Any

import pytest

from api.ids import now
from api.port_settings import SimulatedPortSettings
from api.ports.adapters import make_port
from api.ports.required_ports import check_ports
from api.ports.simulated_port import SimulatedPort
from api.ports.simulator_app import simulator_app
from domain.kernel.errors import ConfigurationError
from tests.helpers.card_port import CARD_REQUESTS, Authorise, serve_asgi
from tests.helpers.chore_process.chores import chores

SIMULATED = SimulatedPortSettings(adapter="simulator")


def test_a_port_without_an_adapter_is_refused_with_the_process_that_needs_it() -> None:
    """And with what to write."""
    settings = {"cards": SIMULATED, "other": SIMULATED}
    with pytest.raises(ConfigurationError) as refused:
        check_ports([chores], settings)
    assert str(refused.value) == (
        "the process Chore sends Ask to the port 'oracle', which has no adapter; write in nerve.yaml "
        "`ports: {oracle: {adapter: http, url: https://…}}`, or `{adapter: simulator}` for development"
    )
    check_ports([chores], {**settings, "oracle": SIMULATED})


@pytest.mark.parametrize(
    ("rules", "message"),
    [
        ({"refusals": [{"operation": "Aks"}]}, "a rule is for 'Aks', which is no request of the port"),
        (
            {"replies": {"Aks": {}}},
            "a rule is for 'Aks', which is no request of the port; its requests are Ask",
        ),
        (
            {"refusals": [{"operation": "Ask", "where": {"what_for": 1}}]},
            "`where` has 'what_for', which is no field of Ask; the fields are question",
        ),
    ],
)
def test_a_rule_of_a_simulator_that_fits_no_request_is_refused(rules: Any, message: str) -> None:
    """It would never apply, and nobody would notice."""
    settings = SimulatedPortSettings(adapter="simulator", **rules)
    with pytest.raises(ConfigurationError, match=r"^ports\.oracle") as refused:
        check_ports([chores], {"oracle": settings})
    assert message in str(refused.value)


async def test_workers_share_a_simulator_by_its_server() -> None:
    """Each request is carried out once, whichever worker sends it."""
    simulator = SimulatedPort("cards", SIMULATED)
    async with serve_asgi(simulator_app({"cards": simulator}, CARD_REQUESTS)) as url:
        shared = SimulatedPortSettings(adapter="simulator", server=url)
        replies = []
        for _ in range(2):
            port = make_port("cards", shared, now)
            replies.append(await port.call("pay-1:2", Authorise(order_id="order-1", amount=5)))
            await port.close()
    assert replies[0] == replies[1]
    assert [call.arrivals for call in simulator.calls] == [2]
