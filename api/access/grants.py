"""What a caller may grant to the holder of an API key."""

from __future__ import annotations

from collections.abc import Collection

from api.access.callers import Caller
from domain.builtin.apikeys.commands import mutation_name
from domain.kernel import Catalog
from domain.kernel.access import ADMINISTRATOR, DEPLOYMENT, METRICS
from domain.kernel.errors import Forbidden, ValidationFailed

BEYOND_TENANT = frozenset((DEPLOYMENT, METRICS))
"""Roles that show or do something of all tenants, which the administrators of one cannot grant."""


def check_command_names(names: Collection[str] | None, catalog: Catalog, *path: str | int) -> None:
    """Raise ValidationFailed, with the path and the place of the name, unless all are names of commands."""
    existing = {command.__name__ for context in catalog.contexts for command in context.commands}
    for place, name in enumerate(names or ()):
        if name not in existing:
            raise ValidationFailed(
                f"there is no command {mutation_name(name)!r}; write its name, as createTask", (*path, place)
            )


def check_grant(caller: Caller, roles: Collection[str], commands: Collection[str] | None) -> None:
    """Raise Forbidden unless the caller may issue, or rotate, a key with these roles and commands.

    An administrator of a tenant may grant every role in it, but not one that reaches beyond it, unless it has
    that role or `deployment`. To rotate a key is to learn its secret, and so to have its rights.
    """
    missing = set(roles) - caller.roles
    if ADMINISTRATOR in caller.roles:
        missing &= BEYOND_TENANT
    if DEPLOYMENT in caller.roles:
        missing.discard(METRICS)
    if missing:
        raise Forbidden(f"a key cannot have the role {min(missing)!r}, because you do not have it")
    if caller.commands is not None and (commands is None or not caller.commands.issuperset(commands)):
        raise Forbidden("your key is limited to commands; a key cannot have others, or be without a limit")
