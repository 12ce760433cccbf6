"""``nerve views``: how far each view is, and how to build one anew."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated

import typer
from rich.table import Table

from api.cli.rebuilding import RebuildFollower, describe_generation, describe_wait, list_workers
from api.cli.terminal import connect_runtime, errors, output
from domain.kernel.errors import InvariantViolated, NotFound, ValidationFailed
from projections.rebuilding.rebuilds import Rebuilds
from subscriptions.consumers.failures import FailureHistory
from subscriptions.consumers.state import CANDIDATE_STATES, GenerationState

app = typer.Typer(help="Show how far each view is.", invoke_without_command=True)

Names = Annotated[list[str] | None, typer.Argument(help="Views, such as tasks.")]
All = Annotated[bool, typer.Option("--all", help="Every view.")]


@app.callback()
def show(context: typer.Context) -> None:
    """Show the position of each view, its lag behind the log, which workers fold it, and rebuilds.

    Also how many events are parked in it as dead letters, what keeps it from coming further, and why a
    rebuild waits or is held.
    """
    if context.invoked_subcommand is None:
        asyncio.run(_show())


async def _show() -> None:
    async with connect_runtime(allow_shortfall=True) as runtime:
        found, parked = await runtime.rebuilds.status(), await runtime.dead_letters.counts()
    table = Table("view", "position", "lag", "generation", "worked on by", "beside it", "parked")
    for view in found:
        active = view.of_state(GenerationState.ACTIVE)
        read = ("", "nobody") if active is None else (str(active.number), list_workers(active))
        others = [describe_generation(one) for one in view.generations if one is not active]
        waiting = str(parked[view.name] or "")
        table.add_row(view.name, str(view.position), str(view.lag), *read, "\n".join(others), waiting)
    output.print(table)
    for view in found:
        if view.failing is not None:
            _say(_failing(view.name, view.failing))
        for one in view.generations:
            if one.waiting_for is not None:
                _say(f"{view.name}: {describe_wait(view.name, one)}")


def _failing(view: str, failing: FailureHistory) -> str:
    tries, (failure, at) = failing.tries, failing.last
    since = f"{failing.first.at:%Y-%m-%d %H:%M:%S}"
    return (
        f"{view} fails since {since}, {tries} times, last at {at:%H:%M:%S}: {failure.error}, {failure.detail}"
    )


@app.command()
def rebuild(
    names: Names = None,
    all: All = False,
    wait: Annotated[bool, typer.Option("--wait", help="Show how it goes, until it is done.")] = False,
    timeout: Annotated[
        float | None, typer.Option(min=0, help="Seconds to wait at most; the rebuild goes on after that.")
    ] = None,
) -> None:
    """Rebuild views while their present rows are still read, compare the rows, and switch to the new ones.

    Workers do that; readers and subscribers are not affected. With --all, a view that is being built
    already is left to that. Exit code 1 where a rebuild could not begin, or did not end while it was waited
    for.
    """
    chosen = _chosen(names, "rebuild", every=all)
    done = asyncio.run(_rebuild(chosen, wait=wait or timeout is not None, within=timeout))
    if not done:
        raise typer.Exit(1)


async def _rebuild(names: list[str] | None, *, wait: bool, within: float | None) -> bool:
    async with connect_runtime() as runtime:
        numbers, begun = await _begin(runtime.rebuilds, names, wait=wait)
        if not wait or not numbers:
            return begun
        try:
            return await RebuildFollower(runtime.rebuilds, numbers).run(within) and begun
        except asyncio.CancelledError:
            errors.print("the rebuild goes on; `nerve views` shows how far it is", highlight=False)
            raise


async def _begin(rebuilds: Rebuilds, names: list[str] | None, *, wait: bool) -> tuple[dict[str, int], bool]:
    """Begin a rebuild of each of these views, or of all: their generations, and whether all could begin.

    Of all views, those that are being built already are among them.
    """
    numbers: dict[str, int] = {}
    begun = True
    for view in await rebuilds.status(names):
        building = view.of_state(GenerationState.BUILDING)
        if names is None and building is not None:
            numbers[view.name] = building.number
            _say(f"{view.name}: generation {building.number} is being built already")
            continue
        try:
            numbers[view.name] = await rebuilds.begin(view.name)
        except (InvariantViolated, NotFound) as error:
            errors.print(f"nerve: {error}", highlight=False, markup=False, soft_wrap=True)
            begun = False
        else:
            if not wait:
                number = numbers[view.name]
                _say(
                    f"{view.name}: generation {number} is built by the workers;"
                    " `nerve views` shows how far it is"
                )
    return numbers, begun


@app.command()
def cancel(names: Names = None, all: All = False) -> None:
    """Stop rebuilds; what was built so far is kept, and can be resumed."""
    asyncio.run(_act(_chosen(names, "cancel", every=all), CANDIDATE_STATES, _cancelled))


async def _cancelled(rebuilds: Rebuilds, view: str) -> str:
    return f"the rebuild of generation {await rebuilds.cancel(view)} is cancelled"


@app.command()
def resume(names: Names = None, all: All = False) -> None:
    """Go on with rebuilds that were cancelled, from where they were."""
    asyncio.run(_act(_chosen(names, "resume", every=all), [GenerationState.CANCELLED], _resumed))


async def _resumed(rebuilds: Rebuilds, view: str) -> str:
    return f"the rebuild of generation {await rebuilds.resume(view)} goes on"


@app.command()
def switch(names: Names = None, all: All = False) -> None:
    """Read generations that are held, whatever speaks against them; `nerve views` says what that is."""
    asyncio.run(_act(_chosen(names, "switch", every=all), [GenerationState.HELD], _switched))


async def _switched(rebuilds: Rebuilds, view: str) -> str:
    return f"generation {await rebuilds.switch(view)} is read as soon as a worker has switched to it"


@app.command()
def forget(names: Names = None, all: All = False) -> None:
    """Remove the rows that nobody reads: those before the last switch, and those of a cancelled rebuild."""
    asyncio.run(_act(_chosen(names, "forget", every=all), list(GenerationState), _forgotten))


async def _forgotten(rebuilds: Rebuilds, view: str) -> str:
    numbers = await rebuilds.forget(view)
    return f"generation {' and '.join(map(str, numbers))} is forgotten" if numbers else "nothing to forget"


async def _act(
    names: list[str] | None, states: Sequence[GenerationState], act: Callable[[Rebuilds, str], Awaitable[str]]
) -> None:
    """For each of these views, or for all of which a generation is in one of these states."""
    async with connect_runtime() as runtime:
        for view in await runtime.rebuilds.status(names):
            if names is not None or any(view.of_state(state) for state in states):
                _say(f"{view.name}: {await act(runtime.rebuilds, view.name)}")


def _chosen(names: list[str] | None, what: str, *, every: bool) -> list[str] | None:
    """The names that were given, None for all; raises ValidationFailed where it is not said."""
    if every == bool(names):
        raise ValidationFailed(f"name the views to {what}, or give --all")
    return names or None


def _say(text: str) -> None:
    output.print(text, highlight=False, markup=False, soft_wrap=True)
