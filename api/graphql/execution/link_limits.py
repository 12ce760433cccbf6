"""How many links an operation may follow, and how deep: checked before anything is read."""

from __future__ import annotations

from typing import NamedTuple

from api.graphql.execution.row_resolvers import LinkResolver
from api.graphql.execution.selection_tree import FieldSelection, SelectionSet, SelectionTree
from domain.kernel.errors import TooComplex

MAX_DEPTH = 5
"""Links inside each other."""

MAX_LINKS = 100
"""Links of one operation. Each is a query, or two with its `totalCount`."""


class LinkCount(NamedTuple):
    """The number of links in a selection, and their depth. A fragment counts each time that it is spread."""

    links: int
    depth: int


def check_links(tree: SelectionTree) -> None:
    """Raise TooComplex where an operation follows too many links, or too deep, whatever its variables are."""
    counts: dict[SelectionSet, LinkCount] = {}
    for selections in tree.operations.values():
        links, depth = _count(selections, counts)
        if links > MAX_LINKS:
            raise TooComplex(
                f"the operation follows {links} links and may follow {MAX_LINKS}; split it into several"
            )
        if depth > MAX_DEPTH:
            raise TooComplex(
                f"the operation follows links {depth} deep and may go {MAX_DEPTH} deep; split it into several"
            )


def _count(selections: SelectionSet, counts: dict[SelectionSet, LinkCount]) -> LinkCount:
    """Count the links of a selection; `counts` has each fragment's, which is counted once."""
    if selections not in counts:
        links = depth = 0
        for member in selections.members:
            inner = _count(member.selections, counts)
            is_link = (
                isinstance(member, FieldSelection)
                and member.definition is not None
                and isinstance(member.definition.resolve, LinkResolver)
            )
            links += inner.links + is_link
            depth = max(depth, inner.depth + is_link)
        counts[selections] = LinkCount(links, depth)
    return counts[selections]
