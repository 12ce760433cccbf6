"""I1 to I5 under whatever a state machine comes up with, against a simple model of the log.

``pytest --hypothesis-profile=long tests/contract/test_log_machine.py`` tries for many minutes.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from functools import partial

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from eventstore.mongo.driver import Client, open_client
from tests.helpers.log_machine import LogMachine
from tests.helpers.log_world import World

STEPS = 25
SHARE = 4
"""One in so many of a profile's examples: each is a run of its own on the real log."""


@pytest.fixture
def world(mongo_url, database, driver):
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        client: Client = runner.run(stack.enter_async_context(open_client(mongo_url, driver)))
        yield World(runner.get_loop(), client[database])
        runner.run(stack.aclose())


def test_i1_to_i5_the_log_agrees_with_every_outcome_whatever_happens(world):
    profile = settings()
    bounds = settings(
        profile,
        max_examples=profile.max_examples // SHARE,
        stateful_step_count=STEPS,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(partial(LogMachine, world), settings=bounds)  # type: ignore[arg-type]
