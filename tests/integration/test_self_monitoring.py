"""Alerts about nerve itself, on real servers: each condition raises one, and its end resolves it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from api.ids import now
from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.self_monitoring.monitor import SelfMonitor, monitoring_itself
from api.self_monitoring_settings import SelfMonitoringSettings
from api.settings import Settings
from api.worker_reports import WorkerReport, WorkerReports
from domain.builtin.apikeys.commands import IssueApiKey, RevokeApiKey
from domain.builtin.deadletters.commands import RetryDeadLetter
from domain.builtin.system.alerts.commands import ResolveAlert
from domain.kernel import Command, Envelope, Scope
from domain.process.commands import CancelProcess
from domain.process.events import CommandWasRefused
from domain.process.outcomes import CommandRefused
from projections.live.live_view import ViewMessage
from projections.live.messages import RowChange
from tests.helpers.fragile_context import BAD, AddItem, Bug
from tests.helpers.parcel_delivery.runs import CONTEXTS, PORTS, DeliveryRun, projecting
from tests.helpers.process_rig import until
from tests.helpers.row_scopes import ALL_ROWS

ALERTS = "projections.builtin.alerts"
QUICK = SelfMonitoringSettings(interval=0.5)
"""A report counts for four intervals: in a shorter time a busy machine does not read what it has written."""

DEADLINE = 120


class Archive:
    """The archiving of a worker, which may fail."""

    def __init__(self) -> None:
        self.failure: str | None = None


@pytest.fixture
def settings(mongo_url: str, redis_url: str, database: str) -> Settings:
    parts: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    contexts = (ALERTS, "tests.helpers.fragile_context", *CONTEXTS)
    return Settings(contexts=contexts, ports=PORTS, self_monitoring=QUICK, poll_interval=0.2, **parts)


@pytest.fixture
async def runtime(settings: Settings) -> AsyncIterator[Runtime]:
    async with open_runtime(settings) as opened:
        yield opened


async def send(runtime: Runtime, command: Command, **envelope: Any) -> str:
    """The stream of a command that is stored."""
    return (await runtime.bus.dispatch(Envelope(command, Scope("default"), **envelope))).stream


@asynccontextmanager
async def following_alerts(runtime: Runtime) -> AsyncIterator[AsyncIterator[ViewMessage]]:
    """An open subscription to all alerts, of which there are none yet."""
    async with aclosing(runtime.view_parts["alerts"].live.watch_rows(ALL_ROWS)) as messages:
        for _ in range(2):
            await anext(messages)
        yield messages


async def next_alert(messages: AsyncIterator[ViewMessage]) -> tuple[str, str]:
    """The key and the state of the alert that changes next."""
    async with asyncio.timeout(DEADLINE):
        message = await anext(messages)
    assert isinstance(message, RowChange)
    assert message.row is not None
    return message.row["key"], message.row["state"]


async def get_stuck(runtime: Runtime) -> str:
    """The instance of a process that is stuck."""
    run = DeliveryRun(runtime, "parcel-1")
    await run.book()
    await run.react()
    refused = CommandWasRefused(effect=await run.effect_id("load"), code="NOT_FOUND", message="it is gone")
    await run.fail("load", refused, CommandRefused("load", "NOT_FOUND", "it is gone"))
    return run.instance


async def test_each_condition_reaches_an_open_subscription_and_so_does_its_end(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead letters, stuck instances, old API keys, a port that fails, an archive that fails."""
    archive = Archive()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(projecting(runtime))
        alerts = await stack.enter_async_context(following_alerts(runtime))
        await stack.enter_async_context(monitoring_itself(runtime, lambda: archive.failure))

        item = await send(runtime, AddItem(name=BAD))
        assert await next_alert(alerts) == ("nerve:dead-letters:items", "OPEN")
        monkeypatch.setattr(Bug, "there", False)
        await send(runtime, RetryDeadLetter(view="items", row=item, stream=item, version=1))
        assert await next_alert(alerts) == ("nerve:dead-letters:items", "RESOLVED")

        instance = await get_stuck(runtime)
        assert await next_alert(alerts) == ("nerve:stuck:delivery", "OPEN")
        await send(runtime, CancelProcess(id=instance, reason="a test"))
        assert await next_alert(alerts) == ("nerve:stuck:delivery", "RESOLVED")

        issue = IssueApiKey(name="old", secret_hash="0" * 64)
        key = await send(runtime, issue, occurred=now() - timedelta(days=400))
        assert await next_alert(alerts) == ("nerve:api-keys", "OPEN")
        await send(runtime, RevokeApiKey(id=key))
        assert await next_alert(alerts) == ("nerve:api-keys", "RESOLVED")

        runtime.metrics.processes.circuit("mail", True)
        assert await next_alert(alerts) == ("nerve:circuit:mail", "OPEN")
        runtime.metrics.processes.circuit("mail", False)
        assert await next_alert(alerts) == ("nerve:circuit:mail", "RESOLVED")

        archive.failure = "the archive cannot store 1"
        assert await next_alert(alerts) == ("nerve:archive", "OPEN")
        archive.failure = None
        assert await next_alert(alerts) == ("nerve:archive", "RESOLVED")


async def test_several_workers_raise_an_alert_once(runtime: Runtime) -> None:
    """Even while the view of alerts stands still, so that none of them sees the alert."""
    for _ in range(3):
        await send(runtime, AddItem(name="x"))
    low = QUICK.model_copy(update={"max_lag": 2})
    monitors = [SelfMonitor(runtime, low, lambda: None) for _ in range(3)]
    for monitor in [*monitors, *monitors]:
        await monitor.check()
    events = await runtime.log.stream("default", "alert-nerve:lag:items")
    assert [event.type for event in events] == ["alert.raised"]
    assert events[0].data["details"]["view"] == "items"
    assert events[0].commit.source == "self-monitoring"


async def test_an_alert_that_is_resolved_by_hand_is_raised_again_while_its_cause_is_there(
    runtime: Runtime,
) -> None:
    """To acknowledge it is the way to say that it is known."""
    async with projecting(runtime), following_alerts(runtime) as alerts:
        slow = SelfMonitoringSettings(interval=DEADLINE)
        monitor = SelfMonitor(runtime, slow, lambda: "the archive is full")
        await monitor.run()
        assert await next_alert(alerts) == ("nerve:archive", "OPEN")
        await send(runtime, ResolveAlert(id="alert-nerve:archive"))
        assert await next_alert(alerts) == ("nerve:archive", "RESOLVED")
        await monitor.check()
        assert await next_alert(alerts) == ("nerve:archive", "OPEN")
        await monitor.close()
        await monitor.check()
        assert await next_alert(alerts) == ("nerve:archive", "RESOLVED")


async def test_the_report_of_a_worker_that_was_killed_expires(runtime: Runtime) -> None:
    """One that ends in order withdraws it."""
    killed, ended = (WorkerReports(runtime.database, DEADLINE) for _ in range(2))
    await killed.write(WorkerReport(("mail",)))
    await ended.write(WorkerReport(("card",), "the archive is full"))
    reported = {(*report.open_circuits, report.archive_failure) for report in await killed.read()}
    assert reported == {("mail", None), ("card", "the archive is full")}
    await ended.withdraw()
    assert [list(report.open_circuits) for report in await ended.read()] == [["mail"]]
    impatient = WorkerReports(runtime.database, 0.0)

    async def is_expired() -> bool:
        return not await impatient.read()

    await until(is_expired)


async def test_a_worker_watches_itself_where_alerts_are_served(settings: Settings) -> None:
    """It does so by default."""
    async with open_runtime(settings, worker=True) as runtime, following_alerts(runtime) as alerts:
        runtime.metrics.processes.circuit("mail", True)
        assert await next_alert(alerts) == ("nerve:circuit:mail", "OPEN")


@pytest.mark.parametrize(
    "changes",
    [{"self_monitoring": SelfMonitoringSettings(enabled=False)}, {"contexts": CONTEXTS}],
    ids=["off", "not served"],
)
async def test_nothing_is_watched_where_it_is_switched_off_or_alerts_are_not_served(
    settings: Settings, changes: dict[str, Any]
) -> None:
    """No task is started."""
    async with open_runtime(settings.model_copy(update=changes)) as runtime:
        before = asyncio.all_tasks()
        async with monitoring_itself(runtime, lambda: None):
            assert asyncio.all_tasks() == before
