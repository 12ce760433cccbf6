"""``nerve schema``: the GraphQL schema, and the JSON Schemas of events."""

from __future__ import annotations

import typer

from api.cli.records import AsJson, print_record, print_result
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
def events(as_json: AsJson = False) -> None:
    """Write the JSON Schema of each event type next to its context.

    An event that could not read stored events is refused, and then no schema is written.
    """
    catalog = load_contexts(load_settings()).catalog
    paths = write_schemas(catalog)
    for path in paths:
        print_result({"file": str(path)}, str(path), as_json=as_json)
    warn(f"{len(paths)} schemas written")


@app.command()
def check(as_json: AsJson = False) -> None:
    """Check that events can still read all stored data that their schemas allow.

    The exit code is 1 if an event cannot.
    """
    catalog = load_contexts(load_settings()).catalog
    problems = schema_problems(catalog)
    if as_json:
        print_record({"eventTypes": len(catalog.events), "problems": list(problems)})
    else:
        for problem in problems:
            warn(problem)
    if problems:
        raise typer.Exit(1)
    if not as_json:
        say(f"all {len(catalog.events)} event types can read what may be stored of them")
