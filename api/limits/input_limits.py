"""How many values the variables of an operation may have, checked before they are coerced one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from api.limits.document_limits import DEEPEST_NESTING
from domain.kernel.limit_errors import TooComplex

MAX_VARIABLE_VALUES = 20_000
"""Members of all lists and objects together. Coercing one blocks the process for some µs."""


def check_values(variables: Mapping[str, Any]) -> None:
    """Raise TooComplex for too many values, or values too deep inside each other."""
    values = 0
    level: list[Any] = [variables]
    for _ in range(DEEPEST_NESTING):
        inner: list[Any] = []
        for container in level:
            values += len(container)
            if values > MAX_VARIABLE_VALUES:
                raise TooComplex(
                    f"the variables have more than {MAX_VARIABLE_VALUES} values; send fewer at a time"
                )
            members = container.values() if isinstance(container, dict) else container
            inner += [member for member in members if isinstance(member, dict | list)]
        if not inner:
            return
        level = inner
    raise TooComplex(f"the variables nest values more than {DEEPEST_NESTING} deep")
