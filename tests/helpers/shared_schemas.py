"""Schemas that the APIs of one test process share, because building one takes a third of a second."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphql import GraphQLSchema

from api.access.visibility import Visibility
from api.graphql.schema import build_schema
from domain.kernel import Catalog
from projections.kernel.view import View

_schemas: dict[tuple[Any, ...], tuple[GraphQLSchema, Catalog, Sequence[View[Any]]]] = {}
"""By the identity of contexts and views, which stay alive beside their schema."""


def shared_schema(catalog: Catalog, views: Sequence[View[Any]], visibility: Visibility) -> GraphQLSchema:
    """Return the schema of these contexts and views for this visibility, built once in a process."""
    # The views of processes are made anew at each load, from the contexts.
    made_once = [view for view in views if view.name not in ("processes", "port_calls")]
    key = (*map(id, catalog.contexts), len(views), *map(id, made_once), visibility)
    if key not in _schemas:
        _schemas[key] = (build_schema(catalog, views, visibility), catalog, views)
    return _schemas[key][0]
