"""``nerve demo``: simulated agents, teams and customers."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from typing import Annotated

import typer

from api.cli.connection import connect_runtime
from api.cli.terminal import say, warn
from api.fleet.order_simulation import OrderSimulation
from api.fleet.simulation import FleetSimulation
from api.fleet.team_simulation import TeamSimulation
from domain.approvals.aggregate import Approval
from domain.kernel.errors import ConfigurationError
from domain.kernel.names import quantity
from domain.orders.aggregate import Order
from domain.teamwork.aggregate import TeamTask

NEEDED = {
    "agent": "projections.views.agents",
    "task": "projections.views.tasks",
    "workflow": "projections.views.workflows",
}
"""The categories of the fleet's commands, and the modules that serve them."""


def demo(
    agents: Annotated[int, typer.Option(min=1, max=10_000, help="Number of agents.")] = 8,
    rate: Annotated[float, typer.Option(min=0.01, help="Tasks that end per second, on average.")] = 2.0,
    duration: Annotated[float | None, typer.Option(help="Seconds to run; default: until Ctrl-C.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the random numbers; each gives another sequence.")] = 1,
) -> None:
    """Simulate agents that work on tasks, so that live pages show changes.

    It needs the example contexts of agents, tasks and workflows. If those of team tasks and approvals are
    registered, which they are by default, teams share tasks and people answer questions. If that of orders is
    registered too, customers place orders, some of which fail; see docs/processes.md.
    """
    with suppress(KeyboardInterrupt):
        sent = asyncio.run(_demo(agents, rate, duration, seed))
        say(f"the simulation ended after {quantity(sum(sent.values()), 'command')}")


async def _demo(agents: int, rate: float, duration: float | None, seed: int) -> Mapping[str, int]:
    async with connect_runtime(appends_events=True) as runtime:
        categories = {context.category for context in runtime.catalog.contexts}
        if missing := [module for category, module in NEEDED.items() if category not in categories]:
            raise ConfigurationError(
                f"the demo simulates the example contexts: add {', '.join(missing)} to `contexts`"
            )
        warn(f"{quantity(agents, 'agent')} at work; Ctrl-C stops them")
        simulations = [FleetSimulation(runtime.bus, fleet=agents, rate=rate, seed=seed).run(duration)]
        if {TeamTask.category, Approval.category} <= categories:
            simulations.append(TeamSimulation(runtime.bus, seed=seed).run(duration))
        if Order.category in categories:
            simulations.append(OrderSimulation(runtime.bus, seed=seed).run(duration))
        return sum(map(Counter, await asyncio.gather(*simulations)), Counter())
