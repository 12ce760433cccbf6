"""The views that exist for a caller, without what their hidden fields would show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from api.access.visibility import Visibility
from projections.kernel.links import Link, ToOne
from projections.kernel.view import View


def visible_views(views: Sequence[View[Any]], visibility: Visibility) -> Sequence[View[Any]]:
    """Return the visible views, each without filters, orders, search and links that use hidden fields."""
    hidden = {view.name: visibility.hidden_in(view) for view in views if view.name in visibility.views}
    return [_visible_view(view, hidden) for view in views if view.name in hidden]


def _visible_view(view: View[Any], hidden: Mapping[str, frozenset[str]]) -> View[Any]:
    fields = hidden[view.name]
    links = tuple(link for link in view.links if _is_visible(link, fields, hidden))
    if not fields and links == view.links:
        return view
    return replace(
        view,
        filters=tuple(name for name in view.filters if name not in fields),
        orders=tuple(name for name in view.orders if name not in fields),
        indexes=(),
        # The text index has all fields together: a search cannot leave out one.
        search=() if fields.intersection(view.search) else view.search,
        links=links,
        personal=tuple(name for name in view.personal_fields if name not in fields),
    )


def _is_visible(link: Link, fields: frozenset[str], hidden: Mapping[str, frozenset[str]]) -> bool:
    """Return whether the link leads to a visible view by visible fields."""
    if link.to not in hidden:
        return False
    if isinstance(link, ToOne):
        holder = link.name.split(".")[0] if "." in link.name else link.by
        return holder not in fields
    return link.by not in hidden[link.to]
