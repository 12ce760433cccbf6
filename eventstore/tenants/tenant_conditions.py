"""The condition of the record of an erasure."""

from __future__ import annotations

from domain.builtin.tenants.commands import RecordTenantErasure
from domain.kernel.errors import Forbidden, InvariantViolated
from domain.kernel.tenants import DEPLOYMENT_TENANT
from eventstore.mongo.driver import Database, unavailable_if_down


class TenantConditions:
    """Checks in the log what `RecordTenantErasure` states."""

    def __init__(self, database: Database) -> None:
        self._log = database["log"]

    async def require_erased(self, tenant: str, command: RecordTenantErasure) -> None:
        """Raise InvariantViolated while the log has a commit of the tenant. Raises Unavailable.

        Raises Forbidden for a caller of a tenant, to whom the answer would tell which tenants there are.
        """
        if tenant != DEPLOYMENT_TENANT:
            raise Forbidden("only `nerve tenants erase` records that a tenant was erased")
        with unavailable_if_down():
            commit = await self._log.find_one({"tenant": command.tenant}, {"_id": 1})
        if commit is not None:
            raise InvariantViolated(
                f"the log has commits of {command.tenant!r}; `nerve tenants erase` erases them"
            )
