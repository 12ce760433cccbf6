"""The fingerprint of the code that produces a view's rows."""

from __future__ import annotations

from typing import Any

from eventstore.fingerprint import code_fingerprint, modules_of
from projections.kernel.view import View

QUERY_SIDE = (
    "singular", "filters", "orders", "indexes", "search", "links", "defaults", "description", "access",
    "field_access", "personal",
)  # fmt: skip
"""Arguments of a view that affect how its rows are queried and shown, but not what they contain."""


def view_fingerprint(view: View[Any]) -> str:
    """Return the fingerprint of the view's key, fold and row, and of the contexts whose events it folds."""
    parts: tuple[Any, ...] = (view.key, view.apply, view.row)
    names = [getattr(part, "__qualname__", "") for part in parts]
    subject = f"{view.name} of {sorted(view.categories)} by {names}"
    modules = modules_of((view.context, *view.also_reads), *parts)
    return code_fingerprint(subject, modules, frozenset(("View", name) for name in QUERY_SIDE))
