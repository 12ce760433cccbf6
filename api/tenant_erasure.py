"""Erasing a tenant: its commits, and all that is derived from them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from api.access.key_uses import KEY_USES
from api.access.read_audit import AUDIT_READS
from api.cdc.capture_states import CAPTURES
from api.runtime import Runtime
from domain.builtin.tenants.commands import RecordTenantErasure
from domain.kernel import Envelope, Scope
from domain.kernel.tenants import DEPLOYMENT_TENANT
from eventstore.mongo.driver import refused_if_forbidden, unavailable_if_down
from eventstore.tenants.erasure import TenantEraser
from projections.querying.tenant_rows import delete_tenant_rows
from subscriptions.processes.open_work import delete_open_work
from subscriptions.publishing.removal import delete_webhook_state

VIEW_TIMEOUT = 60.0
"""Seconds to wait until views have passed the erased commits."""


@dataclass(frozen=True, slots=True)
class TenantErasure:
    """What was erased of a tenant: commits and keys; rows with dead letters; open work of processes."""

    commits: int
    keys: int
    rows: int
    work: int


async def erase_tenant(
    runtime: Runtime,
    tenant: str,
    reason: str | None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> TenantErasure:
    """Erase a tenant and record that in the log. A run that was interrupted can be repeated.

    Raises what `TenantEraser.run` raises, StaleRead if a view does not pass the erased commits in time, and
    InvariantViolated if the tenant has written meanwhile; then nothing is recorded, and the next run goes on.
    """
    eraser = TenantEraser(runtime.database, runtime.log.archive)
    with refused_if_forbidden("mongo_url"):
        parts = await eraser.run(tenant, progress)
    rows, work = await _delete_derived(runtime, tenant)
    # A worker may have read commits before they were erased, and write their rows after that.
    head = await runtime.log.high_water_mark()
    await runtime.projection_waits.reach(runtime.readers, head, VIEW_TIMEOUT)
    late_rows, late_work = await _delete_derived(runtime, tenant)
    command = RecordTenantErasure(tenant=tenant, commits=parts.commits, reason=reason)
    scope = Scope(DEPLOYMENT_TENANT, authentication="cli")
    await runtime.bus.dispatch(Envelope(command, scope, source="cli"))
    return TenantErasure(parts.commits, parts.keys, rows + late_rows, work + late_work)


async def _delete_derived(runtime: Runtime, tenant: str) -> tuple[int, int]:
    rows = await delete_tenant_rows(runtime.database, runtime.views, tenant)
    with unavailable_if_down():
        await runtime.database[KEY_USES].delete_many({"_id.tenant": tenant})
        await runtime.database[AUDIT_READS].delete_many({"tenant": tenant})
        await runtime.database[CAPTURES].delete_many({"_id.tenant": tenant})
    await delete_webhook_state(runtime.database, tenant)
    return rows, await delete_open_work(runtime.database, tenant)
