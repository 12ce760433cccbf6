"""The names of views and fields in the API, and counted nouns. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def client_name(name: str) -> str:
    """Return the name of a view or a field in the API: ``taskDays`` for ``task_days``; ``class_`` stays.

    strawberry derives the same names.
    """
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() or "_" for part in rest)


def declared_name(name: str, declared: Iterable[str]) -> str | None:
    """Return the declared name that has this name or this name in the API; None if there is none."""
    return next((candidate for candidate in declared if name in (candidate, client_name(candidate))), None)


def quantity(count: int, noun: str) -> str:
    """Return the number with its noun: ``1 event``, ``2,000 events``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
