"""Names as clients of the API have them."""

from __future__ import annotations


def client_name(name: str) -> str:
    """The name of a view or a field in the API: ``task_days`` is ``taskDays``."""
    first, *rest = name.split("_")
    return first + "".join(map(str.capitalize, rest))
