"""Errors of two declarations that would share one name in the API."""

from __future__ import annotations

from domain.kernel import Command
from domain.kernel.code_locations import is_machinery
from domain.kernel.errors import DeclarationError
from domain.kernel.types.annotations import OneOf
from projections.kernel.view import View


def name_clash(first: object, second: object, role: str) -> DeclarationError:
    """Return the error of two sources of one name; `role` says what the name is, as "the GraphQL type X".

    A source is a view, a class, or anything of nerve's own.
    """
    users = [source for source in (first, second) if not _is_nerves(source)]
    if len(users) == 1:
        return DeclarationError(
            f"{describe(users[0])} cannot be {role}, which nerve has already; give it another name"
        )
    return DeclarationError(
        f"{describe(first)} and {describe(second)} would both be {role}; give one of them another name"
    )


def derived_type_clash(name: str) -> DeclarationError:
    """Return the error of two types of one name whose sources are not known, as those of messages."""
    return DeclarationError(
        f"two declarations would both be the GraphQL type {name}; rename a view, command or class whose "
        "name it contains"
    )


def describe(source: object) -> str:
    """Return the words for what a name is made from."""
    if isinstance(source, View):
        return f"view {source.name!r} ({_full_name(source.row)})"
    if isinstance(source, OneOf):
        return f"the union {' | '.join(_full_name(member.python) for member in source.members)}"
    if isinstance(source, type):
        return f"command {_full_name(source)}" if issubclass(source, Command) else _full_name(source)
    return repr(source)


def _is_nerves(source: object) -> bool:
    """Whether the source is of nerve's machinery, and not of a context or a view."""
    if isinstance(source, View | OneOf):
        return False
    module = getattr(source, "__module__", None)
    return module is None or is_machinery(module)


def _full_name(python: type) -> str:
    return f"{python.__module__}.{python.__qualname__}"
