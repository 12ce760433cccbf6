"""The check of fields that concern all tenants at once."""

from __future__ import annotations

from api.access.policy import deployment_permission
from api.graphql.execution.request_context import RequestContext
from domain.kernel.access import DEPLOYMENT
from domain.kernel.errors import Forbidden


def require_deployment(context: RequestContext, what: str) -> None:
    """Raise Forbidden where the caller may not act across tenants; `what` is about all of them."""
    if deployment_permission(context.caller).is_denied:
        raise Forbidden(f"{what} concern all tenants; they need the role {DEPLOYMENT!r}")
