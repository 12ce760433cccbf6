"""Which events are triggers of a process, and what becomes of those that cannot be read."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from domain.kernel.errors import Unavailable
from domain.kernel.event import Cause, Unreadable
from domain.kernel.unreadable import impossible_revision, newer_revision
from domain.process import CommandDone
from subscriptions.processes.triggers import Triggers
from tests.helpers.errands import ErrandExtended, ErrandGiven
from tests.helpers.instances import NOW, recorded


def triggers(now: datetime = NOW) -> Triggers:
    """The triggers of a process, for a worker at this time."""
    return Triggers("the process 'errand'", (ErrandGiven, CommandDone), lambda: now)


def test_only_declared_events_are_triggers() -> None:
    """Outcomes are none, and neither are other events, readable or not."""
    other = recorded(ErrandExtended(key="1", script=[]), "list-1", 1, 1)
    assert triggers().match(recorded(ErrandGiven(key="1", script=[]), "list-1", 1, 1))
    assert not triggers().match(other)
    assert not triggers().match(other._replace(payload=None, unreadable=newer_revision(1)))


@pytest.mark.parametrize("unreadable", [newer_revision(1), Unreadable(Cause.LOCKED, "no key")])
def test_a_recent_trigger_that_another_worker_may_read_is_left_to_it(unreadable: Unreadable) -> None:
    """As while a new release is deployed; after that time it is a trigger that cannot be read."""
    event = recorded(ErrandGiven(key="1", script=[]), "list-1", 1, 7)
    event = event._replace(payload=None, unreadable=unreadable)
    with pytest.raises(Unavailable) as error:
        triggers(NOW + timedelta(minutes=9)).match(event)
    assert str(error.value).startswith(
        "the process 'errand' stops before position 7: the event 'errand.given'"
    )
    assert triggers(NOW + timedelta(minutes=10)).match(event)


def test_a_trigger_that_no_worker_can_read_is_not_awaited() -> None:
    """It is a trigger, which is set aside."""
    event = recorded(ErrandGiven(key="1", script=[]), "list-1", 1, 7)
    assert triggers().match(event._replace(payload=None, unreadable=impossible_revision()))
