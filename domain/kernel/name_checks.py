"""Checks of names that become part of the API, made when nerve starts. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable

from domain.kernel.errors import DeclarationError
from domain.kernel.names import client_name

_RULE = (
    "names in the API have only letters a to z and A to Z, digits and '_', and begin with a letter or one '_'"
)

_NAME = re.compile(r"(?!__)[A-Za-z_][A-Za-z0-9_]*")


def check_name(place: str, name: str) -> None:
    """Raise DeclarationError, which begins with `place`, if the name is not allowed in GraphQL."""
    if not _NAME.fullmatch(name):
        raise DeclarationError(f"{place}: {_RULE}; choose such a name in place of {name!r}")


def check_distinct(place: str, name: str, others: Iterable[str]) -> None:
    """Raise DeclarationError if the field and another of its class would have one name in the API."""
    for other in others:
        if client_name(other) == client_name(name):
            raise DeclarationError(
                f"{place}.{other} and {place}.{name} would both be {client_name(name)!r} in the API; "
                "give one of them another name"
            )
