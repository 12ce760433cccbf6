"""Policies that would react to what they cause without end."""

from __future__ import annotations

import logging

import pytest

from domain.kernel import Command, RecordedEvent
from domain.process import Policy
from domain.process.policy import MAX_CHAIN
from tests.helpers.chore_process.chores import CATALOG, PageStamped, StampPage
from tests.helpers.process_rig import open_process_rig, until


def stamp_again(event: RecordedEvent) -> list[Command]:
    return [StampPage(id=event.stream, chore="none")]


async def test_a_policy_that_reacts_to_its_own_command_is_stopped(
    mongo_url: str, redis_url: str, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The log does not grow on, the error names the policy, and the next page is stamped as before."""
    policy = Policy("stamp_again", events=(PageStamped,), react=stamp_again)
    async with open_process_rig(mongo_url, redis_url, database, catalog=CATALOG, policies=(policy,)) as rig:
        await rig.until_following(["policy.stamp_again"])
        for page in ("page-1", "page-2"):
            with caplog.at_level(logging.ERROR, "subscriptions.processes.policies"):
                await rig.send(StampPage(id=page, chore="none"), command_id=f"policy~{MAX_CHAIN}:{page}")

                async def is_stopped(page: str = page) -> bool:
                    return f"does not react to {page}, version {MAX_CHAIN + 1}" in caplog.text

                await until(is_stopped)
            assert len(await rig.events(page)) == MAX_CHAIN + 1
