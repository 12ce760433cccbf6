"""Reading the state of a deployment, of which conditions are found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from api.access.key_ages import is_old, valid_keys
from api.ids import now
from api.runtime import Runtime
from api.self_monitoring.conditions import Observations
from api.worker_reports import WorkerReport
from domain.process.events import ProcessStatus
from projections.builtin.api_keys import NAME as API_KEYS
from projections.builtin.processes import NAME as PROCESSES
from projections.querying.deployment_rows import TenantRows, count_by_tenant, find_rows
from projections.querying.locator import consumer_name


async def observe(runtime: Runtime, reports: Sequence[WorkerReport]) -> Observations:
    """Return the state of the deployment. Raises Unavailable."""
    return Observations(
        lags=await _lags(runtime),
        dead_letters=await runtime.dead_letters.counts_by_tenant(),
        stuck=await _stuck(runtime),
        old_keys=await _old_keys(runtime),
        reports=reports,
    )


async def _lags(runtime: Runtime) -> Mapping[str, int]:
    states = await runtime.checkpoints.states(map(consumer_name, runtime.views))
    head = await runtime.log.head()
    return {view.name: max(0, head - states[consumer_name(view)].position) for view in runtime.views}


async def _stuck(runtime: Runtime) -> Sequence[TenantRows]:
    if not runtime.processes:
        return ()
    status = {"status": [ProcessStatus.STUCK.value]}
    rows = await runtime.view_parts[PROCESSES].locator.rows()
    return await count_by_tenant(runtime.database, rows, "kind", status)


async def _old_keys(runtime: Runtime) -> Mapping[str, Sequence[str]]:
    keys = await runtime.view_parts[API_KEYS].locator.rows()
    rows = await find_rows(runtime.database, keys, {"revoked_at": [None]})
    old, at = defaultdict[str, list[str]](list), now()
    for key in valid_keys(rows, at):
        if is_old(key, at):
            old[key["_tenant"]].append(key["id"])
    return old
