"""What happens to tenants."""

from __future__ import annotations

from domain.kernel import Event, Severity


class TenantErased(Event, type="tenant.erased", severity=Severity.WARNING):
    """All commits of a tenant were replaced by tombstones, and what was derived from them was deleted."""

    tenant: str
    commits: int
    reason: str | None = None
