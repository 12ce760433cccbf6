"""`nerve views rebuild` where no worker runs, has ever run, or builds the view already (B5)."""

from __future__ import annotations

import asyncio

import pytest
from typer.testing import CliRunner

from api.lifecycle import open_runtime
from api.runtime import Runtime
from api.settings import Settings
from projections.rebuilding.rebuilds import Rebuilds
from projections.rebuilding.status import GenerationStatus
from tests.helpers.command_line import CLI
from tests.helpers.own_contexts import OWN_VIEWS

VIEWS = len(OWN_VIEWS)


@pytest.fixture
def nerve(mongo_url: str, redis_url: str, database: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """The command line of a database whose views a worker has begun, which runs no more."""
    settings = {
        "NERVE_MONGO_URL": mongo_url,
        "NERVE_REDIS_URL": redis_url,
        "NERVE_DATABASE": database,
        "NERVE_LEASE_TIME": "1.5",
    }
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    return CliRunner()


@pytest.fixture
def begun(nerve: CliRunner) -> CliRunner:
    """A worker has begun all views, and runs no more."""

    async def begin() -> None:
        async with open_runtime(Settings(), worker=True) as opened, asyncio.timeout(60):
            while any(not view.generations for view in await opened.rebuilds.status()):
                await asyncio.sleep(0.01)
        # On a slow machine a lease that was being extended is not given back, and runs out.
        async with open_runtime(Settings()) as opened, asyncio.timeout(60):
            while any(set(one.holders) - {None} for one in await generations(opened)):
                await asyncio.sleep(0.01)

    asyncio.run(begin())
    return nerve


async def generations(nerve: Runtime) -> list[GenerationStatus]:
    return [one for view in await nerve.rebuilds.status() for one in view.generations]


def test_b5_without_a_worker_it_says_what_it_waits_for_and_ends_in_time(begun: CliRunner) -> None:
    ended = begun.invoke(CLI, ["views", "rebuild", "tasks", "--wait", "--timeout", "3"])
    assert ended.exit_code == 1
    waits = "tasks: generation 2 waits for a worker: none is running; start one with `nerve worker`"
    assert ended.output.count(waits) == 1
    assert "not completed after 3 s: tasks; `nerve views` shows the progress" in ended.output
    shown = begun.invoke(CLI, ["views"]).output
    assert "waits for" in shown


def test_b5_of_all_views_one_that_is_being_built_is_left_to_that(begun: CliRunner) -> None:
    assert begun.invoke(CLI, ["views", "rebuild", "tasks"]).exit_code == 0
    rest = begun.invoke(CLI, ["views", "rebuild", "--all"])
    assert rest.exit_code == 0, rest.output
    assert "tasks: generation 2 is being built already" in rest.output
    assert rest.output.count("the workers build generation 2") == VIEWS - 1
    named = begun.invoke(CLI, ["views", "rebuild", "tasks", "agents"])
    assert named.exit_code == 1
    for name in ("tasks", "agents"):
        assert f"nerve: generation 2 of {name} is being built already" in named.output


def test_b5_of_views_that_are_named_one_that_cannot_begin_does_not_hold_up_the_others(
    begun: CliRunner,
) -> None:
    assert begun.invoke(CLI, ["views", "rebuild", "tasks"]).exit_code == 0
    both = begun.invoke(CLI, ["views", "rebuild", "tasks", "agents"])
    assert both.exit_code == 1
    assert "agents: the workers build generation 2" in both.output


def test_b5_of_all_views_one_whose_rebuild_ends_meanwhile_is_not_cancelled(
    begun: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    cancel = Rebuilds.cancel

    async def cancel_late(rebuilds: Rebuilds, view: str) -> int:
        if view == "tasks":
            await cancel(rebuilds, view)
        return await cancel(rebuilds, view)

    assert begun.invoke(CLI, ["views", "rebuild", "tasks", "agents"]).exit_code == 0
    monkeypatch.setattr(Rebuilds, "cancel", cancel_late)
    cancelled = begun.invoke(CLI, ["views", "cancel", "--all"])
    assert (cancelled.exit_code, cancelled.output) == (
        0,
        "agents: the rebuild of generation 2 is cancelled\n",
    )


@pytest.mark.parametrize("names", [["tasks"], ["--all"]])
def test_b5_a_database_that_no_worker_has_seen(nerve: CliRunner, names: list[str]) -> None:
    refused = nerve.invoke(CLI, ["views", "rebuild", *names, "--wait"])
    assert refused.exit_code == 1
    message = "nerve: the view 'tasks' has no rows yet; `nerve worker` builds them, and none has run\n"
    assert message in refused.output
    assert "view." not in refused.output
