"""``nerve views``: how far each view is, and how to build one anew."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer
from rich.table import Table

from api.cli.terminal import output, running_nerve
from domain.kernel.errors import NotFound, ValidationFailed
from projections.projecting.worker import drop_view

app = typer.Typer(help="Show how far each view is.", invoke_without_command=True)


@app.callback()
def show(context: typer.Context) -> None:
    """Show the position of each view, and how many positions of the log it lags behind."""
    if context.invoked_subcommand is None:
        asyncio.run(_show())


async def _show() -> None:
    async with running_nerve(short=True) as nerve:
        head = await nerve.log.head()
        positions = {view.name: await nerve.readers[view.name].position() for view in nerve.views}
    table = Table("view", "position", "lag")
    for name, position in positions.items():
        table.add_row(name, str(position), str(max(0, head - position)))
    output.print(table)


@app.command()
def drop(
    names: Annotated[list[str] | None, typer.Argument(help="Views, such as tasks.")] = None,
    all: Annotated[bool, typer.Option("--all", help="Every view.")] = False,
) -> None:
    """Drop views; the worker builds them anew from the log."""
    if all == bool(names):
        raise ValidationFailed("name the views to drop, or give --all")
    asyncio.run(_drop(names))


async def _drop(names: list[str] | None) -> None:
    async with running_nerve() as nerve:
        views = {view.name: view for view in nerve.views}
        for name in names or views:
            if name not in views:
                raise NotFound(f"there is no view {name!r}; there are {', '.join(views)}")
            await drop_view(views[name], nerve.database)
            output.print(f"{name}: dropped; the worker builds it anew")
