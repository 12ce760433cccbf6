"""The names of tenants. Pure.

A name becomes part of keys such as ``<tenant>/<row>``, so it has no slash and no other separator of keys:
then no two pairs of a tenant and an id lead to one key.
"""

from __future__ import annotations

import re

from domain.kernel.errors import ValidationFailed

MAX_TENANT = 64
"""Most characters of the name of a tenant."""

DEPLOYMENT_TENANT = "_deployment"
"""The tenant of what concerns the deployment as a whole; no other one can have its name."""

_TENANT = re.compile(rf"[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_TENANT - 1}}}")


def is_tenant(name: object) -> bool:
    """Return whether the value can be the name of a tenant."""
    return isinstance(name, str) and _TENANT.fullmatch(name) is not None


def check_tenant(name: object) -> str:
    """Return the name of a tenant that comes from outside; raise ValidationFailed if it cannot be one.

    The message does not repeat the name, which may hold anything.
    """
    if not isinstance(name, str) or not is_tenant(name):
        raise ValidationFailed(
            f"a tenant has a name of 1 to {MAX_TENANT} letters, digits or . _ -, and the first is a letter "
            "or a digit"
        )
    return name
