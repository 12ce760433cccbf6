"""The schema that the console's operations are written for: nerve's default contexts, and others with pages.

``python -m tests.helpers.console_schema`` prints it, for the program that generates their types.
"""

from __future__ import annotations

from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.settings import Settings

WITH_PAGES = (
    "projections.builtin.alerts",
    "projections.views.runs",
    "projections.views.spans",
    "projections.views.run_days",
)
"""Modules that nerve does not load by default, for which the console has pages."""


def console_schema() -> str:
    """Return the schema in GraphQL's schema language."""
    contexts = (*Settings.model_fields["contexts"].default, *WITH_PAGES)
    declarations = load_contexts(Settings(contexts=contexts))
    return print_api(declarations.catalog, declarations.views)


if __name__ == "__main__":
    print(console_schema(), end="")
