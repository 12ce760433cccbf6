"""nerve's own contexts and views, without those that an author adds to the checkout by nerve.yaml."""

from __future__ import annotations

from functools import cache

from graphql import GraphQLSchema

from api.contexts import load_contexts
from api.graphql.schema import build_schema
from api.settings import Settings

_DECLARATIONS = load_contexts(Settings(contexts=Settings.model_fields["contexts"].default))

OWN = (_DECLARATIONS.catalog, _DECLARATIONS.views)
"""The catalog and the views that nerve serves by default."""

OWN_VIEWS = frozenset(view.name for view in _DECLARATIONS.views)
"""The names of these views."""

OWN_CONSUMERS = len(OWN_VIEWS) + len(_DECLARATIONS.processes) + len(_DECLARATIONS.policies)
"""The number of durable consumers that a worker runs by default."""


@cache
def own_schema() -> GraphQLSchema:
    """The GraphQL schema of these contexts, built once in a process; a test must not change it."""
    return build_schema(*OWN)
