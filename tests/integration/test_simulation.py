"""The demo over the real log."""

from __future__ import annotations

from collections import Counter

from api.fleet.order_simulation import OrderSimulation
from api.fleet.simulation import FleetSimulation
from api.fleet.team_simulation import TeamSimulation
from domain import approvals, inventory, orders, shipments, teamwork
from domain.dispatch.bus import Handler
from domain.kernel import Catalog, Envelope, Receipt
from domain.tasks.commands import CancelTask
from domain.teamwork import process as team_process
from projections.views import agents, tasks, workflows
from tests.helpers.memory_world import fold
from tests.helpers.process_rig import open_process_rig
from tests.helpers.wired_bus import wired


async def test_a_demo_plays_its_workflows_out_and_retires_its_fleet(mongo_url: str, database: str) -> None:
    async with wired(mongo_url, database) as nerve:
        sent = await FleetSimulation(nerve.bus, fleet=4, rate=60, seed=7).run(duration=2.0)
        events = await nerve.events()
    fleet, work, cases = (fold(view, events) for view in (agents.view, tasks.view, workflows.view))
    assert [row["state"] for row in fleet.values()] == ["RETIRED"] * 4
    assert not any(row["open_tasks"] for row in fleet.values())
    assert {row["status"] for row in work.values()} <= {"COMPLETED", "FAILED", "CANCELLED"}
    assert {row["status"] for row in cases.values()} <= {"FINISHED", "FAILED"}
    stored = Counter(event.commit.command for event in events if event.place == 0)
    assert Counter(sent) == stored
    assert len(work) >= len(cases) > 1


async def test_a_demo_goes_on_when_somebody_interferes(mongo_url: str, database: str) -> None:
    async with wired(mongo_url, database) as nerve, wired(mongo_url, database) as other:

        async def interfere(envelope: Envelope, following: Handler) -> Receipt:
            receipt = await following(envelope)
            if type(envelope.command).__name__ == "StartTask":
                await other.send(CancelTask(id=receipt.stream))
            return receipt

        async with wired(mongo_url, database, [interfere]) as played:
            sent = await FleetSimulation(played.bus, fleet=2, rate=60).run(duration=0.3)
        rows = fold(tasks.view, await nerve.events())
    assert {row["status"] for row in rows.values()} == {"CANCELLED"}
    assert sent["RetireAgent"] == 2


async def test_a_demo_places_orders_that_use_up_the_stock(mongo_url: str, database: str) -> None:
    """What becomes of the orders is decided by processes, which this bus does not have."""
    catalog = Catalog([inventory.context, orders.context, shipments.context])
    async with wired(mongo_url, database, catalog=catalog) as nerve:
        sent = await OrderSimulation(nerve.bus, rate=60, seed=3).run(duration=2.0)
        events = await nerve.events()
    stored = Counter(event.commit.command for event in events if event.place == 0)
    assert Counter(sent) == stored
    assert stored["ReceiveStock"] >= 5
    assert stored["PlaceOrder"] > 1


async def test_a_demo_has_teams_whose_results_people_review(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The process creates the tasks of a team, and asks for the review when all of them are completed."""
    contexts = [each.context for each in (agents.view, tasks.view, workflows.view)]
    teams = [teamwork.context, approvals.context, team_process.context]
    async with open_process_rig(mongo_url, redis_url, database, catalog=Catalog([*contexts, *teams])) as rig:
        sent = await TeamSimulation(rig.bus, rate=5, work=0.1, seed=2).run(duration=4.0)
        statuses = await rig.database["log"].distinct("events.type")
    assert sent["RequestTeamTask"] > 1
    assert sent["RetireAgent"] == sent["RegisterAgent"] == 4
    assert {"teamwork.reported", "teamwork.review_requested", "approval.granted"} <= set(statuses)
