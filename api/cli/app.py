"""All commands of `nerve`."""

from __future__ import annotations

import typer

from api.cli import (
    adopt,
    archive,
    dead_letters,
    demo,
    events,
    export,
    imports,
    processes,
    replay,
    schema,
    secure,
    subjects,
    verify,
    views,
    why,
)

app = typer.Typer(
    name="nerve",
    help="An event-sourced GraphQL backend with live subscriptions.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    processes.dev,
    processes.serve,
    processes.worker,
    demo.demo,
    adopt.adopt,
    verify.verify,
    secure.secure,
    archive.archive,
    subjects.erase,
    export.export,
    why.why,
):
    app.command()(command)
app.command("import")(imports.import_file)
events.app.command()(replay.replay)
app.add_typer(events.app, name="events")
app.add_typer(views.app, name="views")
app.add_typer(dead_letters.app, name="dead-letters")
app.add_typer(subjects.keys, name="keys")
app.add_typer(schema.app, name="schema")
