"""The commands of `nerve`. Only the modules of the commands in use are imported.

Importing all of them takes longer than most commands run.
"""

from __future__ import annotations

from importlib import import_module

import typer

PANELS: dict[str, dict[str, str]] = {
    "Write contexts": {
        "new": "new:new",
    },
    "Run": {
        "dev": "dev:dev",
        "serve": "serve:serve",
        "worker": "worker:worker",
        "demo": "demo:demo",
        "simulate-ports": "simulate_ports:simulate_ports",
    },
    "Inspect": {
        "events": "replay:app",
        "views": "views:app",
        "why": "why:why",
        "trace": "trace:trace",
        "audit": "audit:audit",
        "schema": "schema:app",
    },
    "Move data": {
        "import": "imports:import_files",
        "export": "export:export",
        "cdc": "cdc:cdc",
        "archive": "archive:archive",
    },
    "Operate": {
        "tenants": "tenants:app",
        "access": "access:app",
        "processes": "processes:app",
        "dead-letters": "dead_letters:app",
        "webhooks": "webhooks:app",
        "verify": "verify:verify",
        "adopt": "adopt:adopt",
        "secure": "secure:secure",
        "doctor": "doctor:doctor",
        "erase": "subjects:erase",
        "keys": "subjects:keys",
        "claims": "claims:claims",
    },
}
"""The module and the name of each command, by the panels under which `nerve --help` lists them."""

COMMANDS = {name: panel for panel, commands in PANELS.items() for name in commands}


def build_app(chosen: str | None = None) -> typer.Typer:
    """Return the application with the chosen command, or with all if there is no such command.

    So the help lists all commands, and a mistyped command gets a suggestion.
    """
    app = typer.Typer(
        name="nerve",
        help="An event-sourced GraphQL backend with live subscriptions.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # With a callback, a single command is one of a group too.
    app.callback()(lambda: None)
    for name in [chosen] if chosen in COMMANDS else COMMANDS:
        _register(app, name)
    return app


def _register(app: typer.Typer, name: str) -> None:
    panel = COMMANDS[name]
    module, _, attribute = PANELS[panel][name].partition(":")
    command = getattr(import_module(f"api.cli.{module}"), attribute)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name, rich_help_panel=panel)
    else:
        app.command(name, rich_help_panel=panel)(command)
