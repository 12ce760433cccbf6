"""Names as clients of the API have them."""

from __future__ import annotations

from collections.abc import Iterable


def client_name(name: str) -> str:
    """The name of a view or a field in the API: ``task_days`` is ``taskDays``, and ``class_`` stays.

    The same as strawberry makes of it.
    """
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() or "_" for part in rest)


def declared_name(name: str, declared: Iterable[str]) -> str | None:
    """The declared name that is meant by it, or by its form in the API; None where there is none."""
    return next((one for one in declared if name in (one, client_name(one))), None)
