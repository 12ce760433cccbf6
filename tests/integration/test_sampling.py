"""Servers report to each other over Redis: each API process has the figures of the whole deployment."""

from __future__ import annotations

import time
from typing import Any

from api.deployment_state import read_deployment_state
from api.lifecycle import open_runtime
from api.recent_metrics.metrics_reports import ServerRole
from api.runtime import Runtime
from api.sampling_runtime import MetricsReporter, MetricsSampler
from api.settings import Settings
from domain.agents.commands import RegisterAgent
from domain.kernel import Envelope, Scope
from domain.kernel.obstacles import Obstacle
from eventstore.server_names import server_name
from projections.rebuilding.status import ViewStatus
from tests.helpers.process_rig import until


async def register(runtime: Runtime) -> int:
    """Store a commit; return its position."""
    receipt = await runtime.bus.dispatch(Envelope(RegisterAgent(name="reader"), Scope("default")))
    return receipt.position


async def status_of_agents(runtime: Runtime) -> ViewStatus:
    (status,) = await runtime.rebuilds.status(["agents"])
    return status


async def test_an_api_process_samples_what_all_servers_report(
    mongo_url: str, redis_url: str, database: str
) -> None:
    """The lag of a view comes from the beats of a worker; without one, its status says why it is behind."""
    servers: dict[str, Any] = {"mongo_url": mongo_url, "redis_url": redis_url, "database": database}
    settings = Settings(poll_interval=0.2, **servers)
    async with open_runtime(settings) as api, open_runtime(settings) as other:
        recent, sampler = api.metrics.recent, MetricsSampler(api)
        reporter = MetricsReporter(other, ServerRole.API)
        await register(other)
        await sampler.run()

        async def has_heard_both() -> bool:
            # A message that is sent before the other end listens is lost.
            reporter.report()
            await sampler.run()
            running = recent.servers.running(time.time())
            counted = [server.latest.counts.events.get("agent.registered") for server in running]
            return recent.is_connected(time.time()) and sorted(counted, key=bool) == [None, 1]

        await until(has_heard_both)
        status = await status_of_agents(api)
        assert (status.lag, status.obstacle) == (1, Obstacle.NO_WORKER)
        async with open_runtime(settings, worker=True):
            head = await register(api)

            async def is_up_to_date() -> bool:
                lags = recent.progress.lags(time.time(), is_connected=True)
                return recent.progress.head == head and lags.get("view.agents") == 0

            await until(is_up_to_date)
            await until(lambda: _has_no_obstacle(api))
            state = await read_deployment_state(api)

            async def has_both_roles() -> bool:
                # The report of before may be too old by now.
                reporter.report()
                running = recent.servers.running(time.time())
                return {server.latest.role for server in running} == {ServerRole.API, ServerRole.WORKER}

            await until(has_both_roles)
        assert (state.head, state.seal, state.archive) == (head, None, None)
        assert state.leases[server_name()] > 0


async def _has_no_obstacle(runtime: Runtime) -> bool:
    return (await status_of_agents(runtime)).obstacle is None
