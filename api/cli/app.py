"""The commands of `nerve`."""

from __future__ import annotations

from collections.abc import Callable

import typer

from api.cli import (
    adopt,
    archive,
    dead_letters,
    demo,
    events,
    export,
    imports,
    new,
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

PANELS: dict[str, dict[str, Callable[..., None] | typer.Typer]] = {
    "Write contexts": {
        "new": new.new,
    },
    "Run": {
        "dev": processes.dev,
        "serve": processes.serve,
        "worker": processes.worker,
        "demo": demo.demo,
    },
    "Inspect": {
        "events": events.app,
        "views": views.app,
        "why": why.why,
        "schema": schema.app,
    },
    "Move data": {
        "import": imports.import_file,
        "export": export.export,
        "archive": archive.archive,
    },
    "Operate": {
        "dead-letters": dead_letters.app,
        "verify": verify.verify,
        "adopt": adopt.adopt,
        "secure": secure.secure,
        "erase": subjects.erase,
        "keys": subjects.keys,
    },
}
"""The commands by the panels under which `nerve --help` lists them."""

events.app.command()(replay.replay)
for panel, commands in PANELS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=panel)
        else:
            app.command(name, rich_help_panel=panel)(command)
