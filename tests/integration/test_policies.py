"""Policies on real servers: the commands of a policy are dispatched after each event, once."""

from __future__ import annotations

import logging
from collections.abc import Iterable

import pytest

from domain.kernel import Command, RecordedEvent
from domain.process import Policy
from tests.helpers.chore_process.chores import BeginChore, ChoreBegun, StampPage, TearPage
from tests.helpers.process_rig import open_process_rig, until


def file(event: RecordedEvent) -> Iterable[Command]:
    """Tear a page, which is refused, and stamp one."""
    page = f"page-{event.stream}"
    return [TearPage(id=page), StampPage(id=page, chore=event.stream)]


POLICY = Policy("file_chore", events=(ChoreBegun,), react=file)


async def test_a_refused_command_of_a_policy_is_logged_and_the_others_are_stored(
    mongo_url: str, redis_url: str, database: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Two workers share the policy, and each event leads to one command."""
    caplog.set_level(logging.WARNING, "subscriptions.processes.policies")
    async with (
        open_process_rig(mongo_url, redis_url, database, policies=[POLICY], partitions=2) as rig,
        open_process_rig(mongo_url, redis_url, database, policies=[POLICY], partitions=2),
    ):
        await rig.until_following(["policy.file_chore"])
        for number in range(5):
            await rig.send(BeginChore(id=f"chorelist-{number}", steps=()))

        async def filed() -> bool:
            pages = [await rig.events(f"page-chorelist-{number}") for number in range(5)]
            return all(pages)

        await until(filed)
        events = [len(await rig.events(f"page-chorelist-{number}")) for number in range(5)]
    assert events == [1] * 5
    assert "the command TearPage of the policy file_chore after chorelist-" in caplog.text
    assert "pages are not torn" in caplog.text
