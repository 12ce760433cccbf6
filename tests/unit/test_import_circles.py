"""No module imports itself through others, also not for type checkers only."""

from __future__ import annotations

from collections.abc import Mapping
from graphlib import CycleError, TopologicalSorter

import grimp

FOLDERS = ("api", "projections", "subscriptions", "eventstore", "domain")


def circle(graph: Mapping[str, set[str]]) -> list[str]:
    """The modules of a circle, from each to one that it imports; empty if there is none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return [*reversed(error.args[1])]
    return []


def test_no_circle_of_imports():
    graph = grimp.build_graph(*FOLDERS, exclude_type_checking_imports=False, cache_dir=None)
    assert circle({module: graph.find_modules_directly_imported_by(module) for module in graph.modules}) == []


def test_a_circle_is_found():
    assert circle({"view": {"checks", "links"}, "checks": {"links", "view"}}) == ["view", "checks", "view"]
