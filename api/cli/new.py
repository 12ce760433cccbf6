"""The command `new`: a context to begin with."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from api.cli.terminal import say
from api.scaffold.new_context import NewContext, write_context
from api.settings_file import FILE
from domain.kernel.errors import ConfigurationError


def new(
    context: Annotated[
        str, typer.Argument(help="Its name, which is that of its package: ledger, orders, purchase_order.")
    ],
    folder: Annotated[
        Path,
        typer.Option(
            help="Where to write the package. The name of a folder below this one is part of the module's "
            "name; any other folder is a project of its own, with its nerve.yaml."
        ),
    ] = Path(),
) -> None:
    """Write a new context: its commands, events and rules, its view, and the tests of both.

    Adds it to `contexts` in nerve.yaml, which is created if there is none. If anything is wrong, nothing is
    written.
    """
    if not folder.is_dir():
        raise ConfigurationError(f"there is no folder {folder}; create it first")
    started_in = Path.cwd()
    parts = _parts_below(folder)
    if parts is None:
        os.chdir(folder)
    _show(write_context(context, Path(*(parts or ()))), started_in)


def _parts_below(folder: Path) -> tuple[str, ...] | None:
    """Return the path of a folder from the working directory, None if no module's name can hold it."""
    here, there = Path.cwd(), folder.resolve()
    if not there.is_relative_to(here):
        return None
    parts = there.relative_to(here).parts
    return parts if all(map(str.isidentifier, parts)) else None


def _show(context: NewContext, started_in: Path) -> None:
    project = Path(os.path.relpath(Path.cwd(), started_in))
    files = [project / file for file in context.files]
    names = context.names
    lines = [f"wrote {file}" for file in files]
    lines.append(f"added {context.module} to `contexts` in {project / FILE}")
    if not context.is_registered:
        lines.append(f"NERVE_CONTEXTS is set and overrides {FILE}; add {context.module} to it")
    place = "" if project == Path() else f" in {project}"
    api = ", ".join((*names.mutations, *names.queries))
    lines.append(f"`nerve dev`{place} serves {api}; `pytest {files[0].parent}` runs the tests")
    for line in lines:
        say(line)
