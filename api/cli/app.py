"""The commands of `nerve`. Only the modules of the commands in use are imported.

Importing all of them takes longer than most commands run.
"""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from typing import Annotated, NoReturn

import typer

from api.cli.terminal import say, warn

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

VERSION = "--version"

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
    app.callback()(_root)
    for name in () if chosen == VERSION else [chosen] if chosen in COMMANDS else COMMANDS:
        _register(app, name)
    return app


def run_app(app: typer.Typer) -> NoReturn:
    """Run the command that the arguments name, and exit. A wrong argument is one sentence on stderr."""
    try:
        sys.exit(app(prog_name="nerve", standalone_mode=False))
    except typer.Abort:
        warn("nerve: not confirmed, so nothing was changed")
        sys.exit(1)
    except typer.TyperException as error:
        # Without a message, the help of a group is printed already.
        if message := error.format_message().rstrip("."):
            context = getattr(error, "ctx", None)
            path = "nerve" if context is None else context.command_path
            warn(f"nerve: {message} (see `{path} --help`)")
        sys.exit(error.exit_code)


def _print_version(is_wanted: bool) -> None:
    if is_wanted:
        say(f"nerve {metadata.version('nerve')}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool,
        typer.Option(VERSION, help="Print the version of nerve.", callback=_print_version, is_eager=True),
    ] = False,
) -> None:
    """Do nothing: the options of `nerve` itself print something and end it."""


def _register(app: typer.Typer, name: str) -> None:
    panel = COMMANDS[name]
    module, _, attribute = PANELS[panel][name].partition(":")
    command = getattr(import_module(f"api.cli.{module}"), attribute)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name, rich_help_panel=panel)
    else:
        app.command(name, rich_help_panel=panel)(command)
