"""What code a view's rows are made by."""

from __future__ import annotations

from typing import Any

from eventstore.fingerprint import code_fingerprint, modules_of
from projections.kernel.view import View

QUERY_SIDE = ("singular", "filters", "orders", "indexes", "search", "links", "defaults", "description")
"""What a view declares of how its rows are found and shown, which leaves the rows as they are."""


def view_fingerprint(view: View[Any]) -> str:
    """The fingerprint of the view's fold, of its row, and of the contexts whose events it sees."""
    contexts = (view.context, *view.also_reads)
    parts: tuple[Any, ...] = (view.key, view.apply, view.row)
    names = [getattr(part, "__qualname__", "") for part in parts]
    made = f"{view.name} of {sorted(view.categories)} by {names}"
    modules = modules_of(contexts, *parts)
    return code_fingerprint(made, modules, frozenset(("View", name) for name in QUERY_SIDE))
