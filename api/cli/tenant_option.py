"""The option ``--tenant`` of commands that read or change what one tenant has."""

from __future__ import annotations

from typing import Annotated

import typer

from domain.kernel import Scope
from domain.kernel.tenants import check_tenant

DEFAULT_TENANT = Scope().tenant

Tenant = Annotated[
    str, typer.Option("--tenant", help="The tenant that the command is for.", callback=check_tenant)
]


def cli_scope(tenant: str) -> Scope:
    """Return the scope of a command line that acts for the tenant."""
    return Scope(tenant, authentication="cli")
