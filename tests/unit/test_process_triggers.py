"""Which events are triggers of a process, and what becomes of those that cannot be read."""

from __future__ import annotations

import pytest

from domain.kernel.errors import Unavailable
from domain.kernel.unreadable import newer_revision
from domain.process import CommandDone
from subscriptions.processes.triggers import Triggers
from tests.helpers.errands import ErrandExtended, ErrandGiven
from tests.helpers.instances import recorded

TRIGGERS = Triggers("the process 'errand'", (ErrandGiven, CommandDone))


def test_only_declared_events_are_triggers() -> None:
    """Outcomes are none, and neither are other events, readable or not."""
    other = recorded(ErrandExtended(key="1", script=[]), "list-1", 1, 1)
    assert TRIGGERS.match(recorded(ErrandGiven(key="1", script=[]), "list-1", 1, 1))
    assert not TRIGGERS.match(other)
    assert not TRIGGERS.match(other._replace(payload=None, unreadable=newer_revision(1)))


def test_a_trigger_that_cannot_be_read_is_not_left_out() -> None:
    """A worker of the version before must leave it to a newer one."""
    event = recorded(ErrandGiven(key="1", script=[]), "list-1", 1, 7)
    with pytest.raises(Unavailable) as error:
        TRIGGERS.match(event._replace(payload=None, unreadable=newer_revision(1)))
    assert str(error.value).startswith(
        "the process 'errand' stops before position 7: the event 'errand.given'"
    )
