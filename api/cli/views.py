"""``nerve views``: the state of each view, and rebuilds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import typer
from rich.table import Table

from api.cli.connection import connect_runtime
from api.cli.rebuilding import RebuildFollower, describe_generation, describe_wait, list_workers
from api.cli.terminal import output, say, warn
from domain.kernel.errors import InvariantViolated, NotFound, ValidationFailed
from projections.rebuilding.rebuilds import Rebuilds
from subscriptions.consumers.failures import FailureHistory
from subscriptions.consumers.state import CANDIDATE_STATES, GenerationState

app = typer.Typer(help="Show the state of each view; rebuild views.", invoke_without_command=True)

Names = Annotated[list[str] | None, typer.Argument(help="Names of views, such as tasks.")]
All = Annotated[bool, typer.Option("--all", help="All views.")]


@app.callback()
def show(context: typer.Context) -> None:
    """Show the position of each view, its lag behind the log, its workers, and its rebuilds.

    The list also shows the number of parked events (dead letters), what stops a view from making progress,
    and why a rebuild waits or is held.
    """
    if context.invoked_subcommand is None:
        asyncio.run(_show())


async def _show() -> None:
    async with connect_runtime(allow_shortfall=True) as runtime:
        views, parked = await runtime.rebuilds.status(), await runtime.dead_letters.counts()
    table = Table("view", "position", "lag", "generation", "workers", "other generations", "parked")
    for view in views:
        active = view.of_state(GenerationState.ACTIVE)
        current = ("", "none") if active is None else (str(active.number), list_workers(active))
        others = [describe_generation(other) for other in view.generations if other is not active]
        letters = str(parked[view.name] or "")
        table.add_row(view.name, str(view.position), str(view.lag), *current, "\n".join(others), letters)
    output.print(table)
    for view in views:
        if view.failing is not None:
            say(_describe_failure(view.name, view.failing))
        for generation in view.generations:
            if generation.waiting_for is not None:
                say(f"{view.name}: {describe_wait(view.name, generation)}")


def _describe_failure(view: str, failing: FailureHistory) -> str:
    tries, (failure, at) = failing.tries, failing.last
    since = f"{failing.first.at:%Y-%m-%d %H:%M:%S}"
    return (
        f"{view} has failed {tries} times since {since}, last at {at:%H:%M:%S}:"
        f" {failure.error}, {failure.detail}"
    )


@app.command()
def rebuild(
    names: Names = None,
    all: All = False,
    wait: Annotated[
        bool, typer.Option("--wait", help="Wait until the rebuilds end, and show their progress.")
    ] = False,
    timeout: Annotated[
        float | None,
        typer.Option(min=0, help="Maximum number of seconds to wait; the rebuilds continue after that."),
    ] = None,
) -> None:
    """Rebuild views next to their current rows, compare old and new rows, and switch to the new ones.

    The workers do this; queries and subscriptions continue during it. With --all, a rebuild that is running
    already continues. The exit code is 1 if a rebuild cannot start, or has not ended after waiting.
    """
    chosen = _chosen(names, "rebuild", every=all)
    succeeded = asyncio.run(_rebuild(chosen, wait=wait or timeout is not None, max_wait=timeout))
    if not succeeded:
        raise typer.Exit(1)


async def _rebuild(names: list[str] | None, *, wait: bool, max_wait: float | None) -> bool:
    async with connect_runtime() as runtime:
        numbers, started = await _begin(runtime.rebuilds, names, wait=wait)
        if not wait or not numbers:
            return started
        try:
            return await RebuildFollower(runtime.rebuilds, numbers).run(max_wait) and started
        except asyncio.CancelledError:
            warn("the rebuild continues; `nerve views` shows its progress")
            raise


async def _begin(rebuilds: Rebuilds, names: list[str] | None, *, wait: bool) -> tuple[dict[str, int], bool]:
    """Begin a rebuild of each named view, or of all. Return their generations, and whether all began.

    With `names` None, rebuilds that are running already are included.
    """
    numbers: dict[str, int] = {}
    all_began = True
    for view in await rebuilds.status(names):
        building = view.of_state(GenerationState.BUILDING)
        if names is None and building is not None:
            numbers[view.name] = building.number
            say(f"{view.name}: generation {building.number} is being built already")
            continue
        try:
            numbers[view.name] = await rebuilds.begin(view.name)
        except (InvariantViolated, NotFound) as error:
            warn(f"nerve: {error}")
            all_began = False
        else:
            if not wait:
                number = numbers[view.name]
                say(f"{view.name}: the workers build generation {number}; `nerve views` shows the progress")
    return numbers, all_began


@app.command()
def cancel(names: Names = None, all: All = False) -> None:
    """Cancel rebuilds. The rows that are built so far are kept, and the rebuild can be resumed."""
    asyncio.run(_act(_chosen(names, "cancel", every=all), CANDIDATE_STATES, _cancelled))


async def _cancelled(rebuilds: Rebuilds, view: str) -> str:
    return f"the rebuild of generation {await rebuilds.cancel(view)} is cancelled"


@app.command()
def resume(names: Names = None, all: All = False) -> None:
    """Resume cancelled rebuilds where they stopped."""
    asyncio.run(_act(_chosen(names, "resume", every=all), [GenerationState.CANCELLED], _resumed))


async def _resumed(rebuilds: Rebuilds, view: str) -> str:
    return f"the rebuild of generation {await rebuilds.resume(view)} is resumed"


@app.command()
def switch(names: Names = None, all: All = False) -> None:
    """Switch to generations that are held, in spite of the reason that `nerve views` shows."""
    asyncio.run(_act(_chosen(names, "switch", every=all), [GenerationState.HELD], _switched))


async def _switched(rebuilds: Rebuilds, view: str) -> str:
    return f"a worker will switch to generation {await rebuilds.switch(view)}"


@app.command()
def forget(names: Names = None, all: All = False) -> None:
    """Delete rows that are no longer read: those before the last switch, and those of cancelled rebuilds."""
    asyncio.run(_act(_chosen(names, "forget", every=all), list(GenerationState), _forgotten))


async def _forgotten(rebuilds: Rebuilds, view: str) -> str:
    numbers = await rebuilds.forget(view)
    return f"generation {' and '.join(map(str, numbers))} is deleted" if numbers else "nothing to delete"


async def _act(
    names: list[str] | None, states: Sequence[GenerationState], act: Callable[[Rebuilds, str], Awaitable[str]]
) -> None:
    """Act on each named view, or on all views with a generation in one of these states."""
    async with connect_runtime() as runtime:
        for view in await runtime.rebuilds.status(names):
            if names is not None or any(view.of_state(state) for state in states):
                say(f"{view.name}: {await act(runtime.rebuilds, view.name)}")


def _chosen(names: list[str] | None, action: str, *, every: bool) -> list[str] | None:
    """Return the given names, None for all. Raises ValidationFailed without names and --all, or with both."""
    if every == bool(names):
        raise ValidationFailed(f"name the views to {action}, or use --all")
    return names or None
