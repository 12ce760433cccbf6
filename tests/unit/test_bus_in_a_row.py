"""Commands of one stream are decided in a row, without waiting for the appends before them."""

from __future__ import annotations

import pytest

from domain.dispatch.limits import DispatchLimits
from domain.kernel import AlreadyExists, InvariantViolated, NotFound
from domain.kernel.errors import Unavailable
from domain.kernel.limit_errors import Overloaded
from tests.helpers.memory_row import OTHER, TALLY, open_row, receipt, refusal
from tests.helpers.tallies import LIMIT, Add, Match, Open, Reset


async def test_the_next_command_decides_on_what_those_before_it_will_leave(row):
    sent = await row.add(1, 2, 3)
    assert row.under_way == [1, 3, 6]
    assert [one.commit.expected for one in row.log.under_way] == [1, 2, 3]
    await row.land()
    assert [receipt(task).version for task in sent] == [2, 3, 4]
    assert row.stored == [1, 3, 6]
    assert row.aggregates.reads == 1


async def test_each_is_told_when_its_own_append_has_landed(row):
    first, second = await row.add(1, 2)
    await row.land(1)
    assert first.done()
    assert not second.done()


async def test_a_tally_is_begun_and_changed_in_one_row(row):
    begun, added, again = await row.send(Open(id=OTHER), Add(id=OTHER, amount=4), Open(id=OTHER))
    assert len(row.log.under_way) == 2
    await row.land()
    assert [receipt(task).version for task in (begun, added)] == [1, 2]
    assert refusal(again) is AlreadyExists


@pytest.mark.parametrize("command", [Add(id=TALLY, amount=99), Open(id=TALLY)], ids=["rule", "exists"])
async def test_a_refusal_is_told_once_the_state_it_was_decided_in_is_stored(row, command):
    _, refused = await row.send(Add(id=TALLY, amount=2), command)
    assert not refused.done()
    await row.land()
    assert issubclass(refusal(refused), InvariantViolated)


async def test_a_refusal_in_a_state_that_did_not_come_about_is_decided_again(row):
    _, refused = await row.add(60, 50)
    row.log.intrude(TALLY, 50)
    await row.land(1)
    assert not refused.done()
    assert row.under_way == [100], "60 is refused now, and 50 is not"
    await row.land()
    assert receipt(refused).version == 3


async def test_not_found_in_a_state_that_did_not_come_about_is_decided_again(row):
    (begun,) = await row.send(Open(id=OTHER))
    (added,) = await row.send(Add(id=OTHER))
    await row.fail(Unavailable("the majority is out of reach"))
    assert refusal(begun) is Unavailable
    assert refusal(added) is NotFound


async def test_what_changes_nothing_is_told_once_that_state_is_stored(row):
    row.log.intrude(TALLY, 7)
    reset, again = await row.send(Reset(id=TALLY), Reset(id=TALLY))
    assert not again.done()
    await row.land()
    assert receipt(reset).position > 0
    assert receipt(again).position == receipt(reset).position
    assert (receipt(reset).changed, receipt(again).changed) == (True, False)
    assert receipt(again).version == 3


async def test_what_changes_nothing_in_an_old_state_is_looked_at_in_the_new_one(row):
    await row.send(Reset(id=TALLY))
    row.log.intrude(TALLY, 7)
    (reset,) = await row.send(Reset(id=TALLY))
    await row.land()
    assert receipt(reset).version == 3
    assert row.stored == [7, 0]


async def test_another_stream_is_seen_as_it_is_stored(row):
    """What is only promised there may never be."""
    row.log.intrude(OTHER, 5)
    (added,) = await row.send(Add(id=OTHER, amount=20))
    (matched,) = await row.send(Match(id=TALLY, other=OTHER))
    await row.land()
    assert receipt(added).version == 3
    assert receipt(matched).version == 2
    assert row.stored == [5]


async def test_too_many_that_wait_for_their_turn_are_refused():
    async with open_row(DispatchLimits(waiting=3)) as row:
        row.log.intrude(OTHER, 1)
        commands = [Match(id=TALLY, other=OTHER) for _ in range(6)]
        tasks = await row.send(*commands)
        await row.land()
        await row.land()
        assert [refusal(task) for task in tasks[4:]] == [Overloaded, Overloaded]
        assert row.stored == [1, 2, 3, 4]


async def test_nothing_is_kept_of_a_stream_that_is_at_rest(row):
    await row.add(*range(1, LIMIT // 10))
    row.log.intrude(TALLY, 1)
    for _ in range(20):
        await row.land()
    assert not row.bus._queues._queues
