"""``nerve schema``: the GraphQL schema, and the JSON Schemas of events."""

from __future__ import annotations

import typer

from api.cli.terminal import print_document, say, warn
from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.settings import load_settings
from eventstore.integrity.event_schemas import schema_problems, write_schemas

app = typer.Typer(
    help="Print the GraphQL schema; write and check the JSON Schemas of events.", no_args_is_help=True
)


@app.command("print")
def print_schema() -> None:
    """Print the GraphQL schema."""
    declarations = load_contexts(load_settings())
    print_document(print_api(declarations.catalog, declarations.views).rstrip())


@app.command()
def events() -> None:
    """Write the JSON Schema of each event type next to its context.

    An event that could not read stored events is refused, and then no schema is written.
    """
    catalog = load_contexts(load_settings()).catalog
    paths = write_schemas(catalog)
    for path in paths:
        say(str(path))
    warn(f"{len(paths)} schemas written")


@app.command()
def check() -> None:
    """Check that events can still read all stored data that their schemas allow.

    The exit code is 1 if an event cannot.
    """
    catalog = load_contexts(load_settings()).catalog
    problems = schema_problems(catalog)
    for problem in problems:
        warn(problem)
    if problems:
        raise typer.Exit(1)
    say(f"all {len(catalog.events)} event types can read what may be stored of them")
