"""``nerve schema``: the schema of the API, and those of the events."""

from __future__ import annotations

import typer

from api.cli.terminal import errors, output
from api.contexts import load_contexts
from api.graphql.schema import print_api
from api.settings import load_settings
from eventstore.integrity.event_schemas import schema_problems, write_schemas

app = typer.Typer(help="The GraphQL schema, and the schemas of the events.", no_args_is_help=True)


@app.command("print")
def print_schema() -> None:
    """Print the GraphQL schema."""
    catalog, views = load_contexts(load_settings())
    typer.echo(print_api(catalog, views), nl=False)


@app.command()
def events() -> None:
    """Write the JSON Schema of each event beside its context; refuses what would not read stored events."""
    catalog, _ = load_contexts(load_settings())
    written = write_schemas(catalog)
    for path in written:
        output.print(str(path), highlight=False, markup=False, soft_wrap=True)
    errors.print(f"{len(written)} schemas written", highlight=False)


@app.command()
def check() -> None:
    """Check that the events still read all that their schemas allow. Exit code 1 where one does not."""
    catalog, _ = load_contexts(load_settings())
    found = schema_problems(catalog)
    for problem in found:
        errors.print(problem, highlight=False, markup=False, soft_wrap=True)
    if found:
        raise typer.Exit(1)
    output.print(f"{len(catalog.events)} events read all that may be stored of them", highlight=False)
