"""The command `nerve`."""

from __future__ import annotations

import sys

import typer

from api.cli import events, processes, tools, views
from api.cli.terminal import errors
from domain.kernel.errors import ConfigurationError, NerveError

app = typer.Typer(
    name="nerve",
    help="An event-sourced GraphQL backend with live subscriptions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (processes.dev, processes.serve, processes.worker, tools.demo):
    app.command()(command)
app.command("import")(tools.import_file)
app.add_typer(events.app, name="events")
app.add_typer(views.app, name="views")
app.add_typer(tools.schema, name="schema")


def main() -> None:
    """Run the command line. A refusal is one sentence, with exit code 2 for wrong settings, else 1."""
    try:
        app()
    except NerveError as error:
        errors.print(f"[bold red]nerve:[/] {error}", soft_wrap=True, highlight=False)
        sys.exit(2 if isinstance(error, ConfigurationError) else 1)
