"""``nerve views``: the state of each view, and rebuilds."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Annotated

import typer

from api.cli.confirmation import Yes, confirm, is_interactive
from api.cli.connection import connect_runtime
from api.cli.rebuilding import RebuildFollower
from api.cli.records import AsJson, print_record, print_result, sentence_printer
from api.cli.terminal import warn
from api.cli.view_output import print_views, view_record
from api.runtime import Runtime
from domain.kernel.errors import InvariantViolated, NotFound, ValidationFailed
from domain.kernel.names import client_name
from projections.rebuilding.rebuilds import Rebuilds
from subscriptions.consumers.state import CANDIDATE_STATES, GenerationState

app = typer.Typer(help="Show the state of each view; rebuild views.", invoke_without_command=True)

Names = Annotated[list[str] | None, typer.Argument(help="Names of views, such as tasks.")]
All = Annotated[bool, typer.Option("--all", help="All views.")]


@app.callback()
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show the position of each view, its lag behind the log, its workers, and its rebuilds.

    With --json the other commands print the views that they are about in this form too.

    The list also shows the number of parked events (dead letters), what stops a view from making progress,
    and why a rebuild waits or is held.
    """
    if context.invoked_subcommand is None:
        asyncio.run(_show(as_json=as_json))


async def _show(*, as_json: bool) -> None:
    async with connect_runtime(allow_shortfall=True) as runtime:
        if as_json:
            await _print_views(runtime, None)
            return
        views, parked = await runtime.rebuilds.status(), await runtime.dead_letters.counts()
    print_views(views, parked)


async def _print_views(runtime: Runtime, names: Collection[str] | None) -> None:
    """Print the status of the named views, or of all, as JSON."""
    parked = await runtime.dead_letters.counts()
    for view in await runtime.rebuilds.status(names):
        print_record(view_record(view, parked[view.name]))


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
    as_json: AsJson = False,
) -> None:
    """Rebuild views next to their current rows, compare old and new rows, and switch to the new ones.

    The workers do this; queries and subscriptions continue during it. With --all, a rebuild that is running
    already continues. The exit code is 1 if a rebuild cannot start, or has not ended after waiting.
    """
    chosen = _chosen(names, "rebuild", every=all)
    must_wait = wait or timeout is not None
    if not asyncio.run(_rebuild(chosen, wait=must_wait, max_wait=timeout, as_json=as_json)):
        raise typer.Exit(1)


async def _rebuild(names: list[str] | None, *, wait: bool, max_wait: float | None, as_json: bool) -> bool:
    """Rebuild the views. Return whether all of them began, and have ended if it waits."""
    report = sentence_printer(as_json=as_json)
    async with connect_runtime() as runtime:
        numbers, succeeded = await _begin(runtime.rebuilds, names, report, wait=wait)
        if wait and numbers:
            try:
                succeeded &= await RebuildFollower(runtime.rebuilds, numbers, report).run(max_wait)
            except asyncio.CancelledError:
                warn("the rebuild continues; `nerve views` shows its progress")
                raise
        if as_json and numbers:
            await _print_views(runtime, numbers)
        return succeeded


async def _begin(
    rebuilds: Rebuilds, names: list[str] | None, report: Callable[[str], None], *, wait: bool
) -> tuple[dict[str, int], bool]:
    """Begin a rebuild of each named view, or of all. Return their generations, and whether all began.

    With `names` None, rebuilds that are running already are included.
    """
    numbers: dict[str, int] = {}
    all_began = True
    for view in await rebuilds.status(names):
        building = view.of_state(GenerationState.BUILDING)
        if names is None and building is not None:
            numbers[view.name] = building.number
            report(f"{view.name}: generation {building.number} is being built already")
            continue
        try:
            numbers[view.name] = await rebuilds.begin(view.name)
        except (InvariantViolated, NotFound) as error:
            warn(f"nerve: {error}")
            all_began = False
        else:
            if not wait:
                number = numbers[view.name]
                report(
                    f"{view.name}: the workers build generation {number}; `nerve views` shows the progress"
                )
    return numbers, all_began


@app.command()
def cancel(names: Names = None, all: All = False, as_json: AsJson = False) -> None:
    """Cancel rebuilds. The rows that are built so far are kept, and the rebuild can be resumed."""
    chosen = _chosen(names, "cancel", every=all)
    asyncio.run(_act(chosen, CANDIDATE_STATES, _cancelled, as_json=as_json))


async def _cancelled(rebuilds: Rebuilds, view: str) -> str:
    return f"the rebuild of generation {await rebuilds.cancel(view)} is cancelled"


@app.command()
def resume(names: Names = None, all: All = False, as_json: AsJson = False) -> None:
    """Resume cancelled rebuilds where they stopped."""
    chosen = _chosen(names, "resume", every=all)
    asyncio.run(_act(chosen, [GenerationState.CANCELLED], _resumed, as_json=as_json))


async def _resumed(rebuilds: Rebuilds, view: str) -> str:
    return f"the rebuild of generation {await rebuilds.resume(view)} is resumed"


@app.command()
def switch(names: Names = None, all: All = False, as_json: AsJson = False) -> None:
    """Switch to generations that are held, in spite of the reason that `nerve views` shows."""
    chosen = _chosen(names, "switch", every=all)
    asyncio.run(_act(chosen, [GenerationState.HELD], _switched, as_json=as_json))


async def _switched(rebuilds: Rebuilds, view: str) -> str:
    return f"a worker will switch to generation {await rebuilds.switch(view)}"


@app.command()
def forget(names: Names = None, all: All = False, as_json: AsJson = False) -> None:
    """Delete rows that are no longer read: those before the last switch, and those of cancelled rebuilds."""
    chosen = _chosen(names, "forget", every=all)
    asyncio.run(_act(chosen, list(GenerationState), _forgotten, as_json=as_json))


async def _forgotten(rebuilds: Rebuilds, view: str) -> str:
    numbers = await rebuilds.forget(view)
    return f"generation {' and '.join(map(str, numbers))} is deleted" if numbers else "nothing to delete"


@app.command()
def drop(
    name: Annotated[str, typer.Argument(help="The name of a view, such as tasks.")],
    yes: Yes = False,
    as_json: AsJson = False,
) -> None:
    """Remove the rows of a view that no settings name any more, and its position in the log.

    A view of this name that is declared later is built from the log.
    """
    if is_interactive() and not yes:
        confirm(f"Remove all rows of the view {name}?")
    view = client_name(asyncio.run(_drop(name)))
    print_result({"name": view, "changed": True}, f"{view} is removed", as_json=as_json)


async def _drop(name: str) -> str:
    async with connect_runtime() as runtime:
        return await runtime.retired_consumers.drop_view(name)


async def _act(
    names: list[str] | None,
    states: Sequence[GenerationState],
    act: Callable[[Rebuilds, str], Awaitable[str]],
    *,
    as_json: bool,
) -> None:
    """Act on each named view, or on all views with a generation in one of these states."""
    report = sentence_printer(as_json=as_json)
    async with connect_runtime() as runtime:
        chosen = names if names is not None else await _in_states(runtime, states)
        for view in await runtime.rebuilds.status(chosen):
            try:
                done = await act(runtime.rebuilds, view.name)
            except (InvariantViolated, NotFound):
                # Of all views, one whose rebuild has just ended is left out.
                if names is not None or view.name in await _in_states(runtime, states):
                    raise
                continue
            report(f"{view.name}: {done}")
            if as_json:
                await _print_views(runtime, [view.name])


async def _in_states(runtime: Runtime, states: Sequence[GenerationState]) -> list[str]:
    """Return the names of the views with a generation in one of these states."""
    views = await runtime.rebuilds.status()
    return [view.name for view in views if any(view.of_state(state) for state in states)]


def _chosen(names: list[str] | None, action: str, *, every: bool) -> list[str] | None:
    """Return the given names, None for all. Raises ValidationFailed without names and --all, or with both."""
    if every == bool(names):
        raise ValidationFailed(f"name the views to {action}, or use --all")
    return names or None
