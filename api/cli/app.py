"""The commands of `nerve`. Only the modules of the commands in use are imported.

Importing all of them takes longer than most commands run.
"""

from __future__ import annotations

import sys
from importlib import import_module, metadata
from typing import Annotated, NamedTuple, NoReturn

import typer

from api.cli.terminal import say, warn


class Listed(NamedTuple):
    """A command in the list of `nerve --help`.

    `place` is its module and its name there. `summary` is the first sentences of its own help, which are here
    too because the list is printed without importing the modules.
    """

    place: str
    summary: str


PANELS: dict[str, dict[str, Listed]] = {
    "Write contexts": {
        "new": Listed(
            "new:new",
            "Write a new context: its commands, events and rules, its view, and the tests of both.",
        ),
    },
    "Run": {
        "dev": Listed(
            "dev:dev",
            "Run nerve on this machine for development: the API, a worker, and embedded servers.",
        ),
        "serve": Listed(
            "serve:serve",
            "Serve the API. It needs MongoDB, Redis, and at least one `nerve worker`.",
        ),
        "worker": Listed(
            "worker:worker",
            "Project the events of the log into the views. Several workers share the views.",
        ),
        "demo": Listed("demo:demo", "Simulate agents that work on tasks, so that live pages show changes."),
        "simulate-ports": Listed(
            "simulate_ports:simulate_ports",
            "Serve the simulated outside ports of the settings to several workers, on this machine.",
        ),
    },
    "Inspect": {
        "events": Listed("replay:app", "Show events of the log: streams, their past, and live."),
        "views": Listed("views:app", "Show the state of each view; rebuild views."),
        "why": Listed(
            "why:why",
            "Show why a field of a row has its value: the event that set it, and the events that caused it.",
        ),
        "trace": Listed(
            "trace:trace",
            "Show what one request has caused: commands, events, "
            "reactions of processes, effects and outcomes.",
        ),
        "audit": Listed(
            "audit:audit",
            "Show who did what and when: one line for each commit, in the order of the log.",
        ),
        "schema": Listed(
            "schema:app",
            "Print the GraphQL schema; write and check the JSON Schemas of events.",
        ),
    },
    "Move data": {
        "import": Listed(
            "imports:import_files",
            "Import process logs, commands as CloudEvents, or files that `nerve export` wrote.",
        ),
        "export": Listed(
            "export:export",
            "Export events as CloudEvents, one per line, in the order of the log.",
        ),
        "cdc": Listed(
            "cdc:cdc",
            "Record the documents of a foreign MongoDB collection, "
            "and then each change, until it is stopped.",
        ),
        "archive": Listed(
            "archive:archive",
            "Move old commits to compressed segments, or list the segments.",
        ),
    },
    "Operate": {
        "tenants": Listed("tenants:app", "List, count, export and erase what whole tenants have."),
        "access": Listed("access:app", "Manage API keys, end or restore access, and explain it."),
        "processes": Listed(
            "processes:app",
            "List and show instances of processes, and retry, resume or cancel them.",
        ),
        "dead-letters": Listed(
            "dead_letters:app",
            "List events that views could not fold, and retry or drop them.",
        ),
        "webhooks": Listed("webhooks:app", "Manage webhooks: URLs to which events are posted."),
        "verify": Listed("verify:verify", "Check the whole log, and print every fault and its place."),
        "adopt": Listed(
            "adopt:adopt",
            "Continue from the end of a log that was restored from an older backup.",
        ),
        "secure": Listed(
            "secure:secure",
            "Create the MongoDB users of mongo_url and maintenance_url, "
            "with only the rights that nerve needs.",
        ),
        "doctor": Listed(
            "doctor:doctor",
            "Check the settings, this machine, the servers, the log and its consumers, and say what to mend.",
        ),
        "erase": Listed(
            "subjects:erase",
            "Erase the personal data of a subject: it reads as null from now on. This cannot be undone.",
        ),
        "keys": Listed("subjects:keys", "Manage the keys that encrypt personal data."),
        "claims": Listed("claims:claims", "Manage the claims on unique values."),
    },
}
"""The commands, by the panels under which `nerve --help` lists them."""

VERSION = "--version"

COMMANDS = {name: panel for panel, commands in PANELS.items() for name in commands}


def build_app(*chosen: str) -> typer.Typer:
    """Return the application with the chosen commands, by default with all of them."""
    app = _empty_app()
    for name in chosen or COMMANDS:
        _register(app, name)
    return app


def build_index() -> typer.Typer:
    """Return the application that runs no command, for arguments that name none.

    Its help lists all commands, and a mistyped command gets a suggestion.
    """
    app = _empty_app()
    for name, panel in COMMANDS.items():
        summary = PANELS[panel][name].summary
        app.command(name, help=summary, rich_help_panel=panel)(_run_nothing)
    return app


def _empty_app() -> typer.Typer:
    app = typer.Typer(
        name="nerve",
        help="An event-sourced GraphQL backend with live subscriptions.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    # With a callback, a single command is one of a group too.
    app.callback()(_root)
    return app


def _run_nothing() -> None:
    """Stand for a command in the list of all."""


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
    module, _, attribute = PANELS[panel][name].place.partition(":")
    command = getattr(import_module(f"api.cli.{module}"), attribute)
    if isinstance(command, typer.Typer):
        app.add_typer(command, name=name, rich_help_panel=panel)
    else:
        app.command(name, rich_help_panel=panel)(command)
