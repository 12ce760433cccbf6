"""Orders on real servers, in both styles: the final states are those of the simulation."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from domain.kernel import Catalog, RecordedEvent
from domain.kernel.fields import Json
from domain.process import Request
from domain.process.inputs import to_json
from tests.helpers.fulfilment_runs import (
    STYLES,
    OrderRun,
    Style,
    commands,
    final_states,
    fold,
    services_of,
    simulate,
)
from tests.helpers.order_balance import is_over
from tests.helpers.order_ports import PORTS
from tests.helpers.order_services import OrderServices, Verdict
from tests.helpers.process_rig import PATIENCE, ProcessRig, open_process_rig

RUNS = [
    OrderRun([(2, 5), (1, 1)]),
    OrderRun([(1, 5), (2, 1)]),
    OrderRun([(1, 1)], {"Authorise": Verdict.REFUSED}),
    OrderRun([(1, 1)], {"Capture": Verdict.REFUSED}),
    OrderRun([(1, 1)], {"Book": Verdict.REFUSED}),
    OrderRun([(1, 2)], {"Notify": Verdict.REFUSED}),
    OrderRun([(1, 1), (1, 4)], is_withdrawn=True),
]
SEED = 5


class ServicesAdapter:
    """The adapter of all ports, which asks the services directly."""

    def __init__(self, services: OrderServices) -> None:
        self._services = services

    async def call(self, key: str, request: Request[Any]) -> Json:
        """Send a request once."""
        return to_json(self._services.call(key, request))


@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.name)
async def test_orders_come_to_the_final_states_of_the_simulation(
    mongo_url: str, redis_url: str, database: str, style: Style
) -> None:
    """With lost replies, refusals and a withdrawal."""
    services = services_of(RUNS, SEED)
    adapters = dict.fromkeys(PORTS, ServicesAdapter(services))
    catalog = Catalog(style.contexts)
    async with open_process_rig(
        mongo_url, redis_url, database, adapters=adapters, catalog=catalog, policies=style.policies
    ) as rig:
        await rig.until_following(style.consumers)
        for command in commands(RUNS):
            await rig.send(command)
        events = await until_over(rig, catalog)
    assert final_states(catalog, events, services, RUNS) == simulate(style, RUNS, SEED)


async def until_over(rig: ProcessRig, catalog: Catalog) -> list[RecordedEvent]:
    """Wait until each order and each process has ended; return all events."""
    events: list[RecordedEvent] = []
    reader, position = rig.log.reader(), 0
    async with asyncio.timeout(PATIENCE):
        while True:
            commits = await reader.read(position)
            if not commits:
                await asyncio.sleep(0.05)
                continue
            position = commits[-1].position
            events += [event for commit in commits for event in commit.events]
            if is_over(fold(catalog, events), len(RUNS)):
                return events
