"""The header ``X-Nerve-Tenant``, by which a caller for the deployment acts in another tenant."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import replace

from api.access.callers import AccessRevocation, Authenticator, Caller
from api.access.policy import may_cross_tenants
from api.deferred import Deferred
from domain.kernel.access import DEPLOYMENT
from domain.kernel.errors import Forbidden
from domain.kernel.tenants import check_tenant

TENANT_HEADER = "x-nerve-tenant"


class TenantChooser:
    """Authenticates as another authenticator does, and lets callers for the deployment choose a tenant.

    All others are refused if they name one, also their own: the header must never seem to decide.
    """

    def __init__(self, authenticator: Authenticator) -> None:
        self._authenticator = authenticator

    def authenticate(self, headers: Mapping[str, str]) -> Caller | Awaitable[Caller]:
        """Return the caller in the tenant that the headers name, or else in its own.

        Raises Forbidden if the caller may not name one, ValidationFailed if it cannot be the name of a
        tenant, and what the other authenticator raises.
        """
        caller = self._authenticator.authenticate(headers)
        name = headers.get(TENANT_HEADER)
        if name is None:
            return caller
        return _moved(caller, name) if isinstance(caller, Caller) else Deferred(_move_later, caller, name)

    def watch_revocations(
        self, on_revoked: Callable[[AccessRevocation], object]
    ) -> AbstractAsyncContextManager[None]:
        return self._authenticator.watch_revocations(on_revoked)


async def _move_later(authenticating: Awaitable[Caller], name: str) -> Caller:
    return _moved(await authenticating, name)


def _moved(caller: Caller, name: str) -> Caller:
    if not may_cross_tenants(caller):
        raise Forbidden(f"the header X-Nerve-Tenant needs the role {DEPLOYMENT!r}; leave it out")
    scope = replace(caller.scope, tenant=check_tenant(name))
    return replace(caller, scope=scope, home_tenant=caller.own_tenant)
