"""What becomes of the commands of a row when one of them is lost, fails, leaves, or is sent again."""

from __future__ import annotations

import asyncio

import pytest

from domain.kernel import Envelope
from domain.kernel.errors import ConcurrencyConflict, Unavailable
from domain.kernel.limit_errors import Overloaded
from tests.helpers.memory_row import OTHER, TALLY, quiet, receipt, refusal
from tests.helpers.tallies import Add, Match


@pytest.mark.parametrize("lost", [1, 2, 3])
async def test_i2_when_one_loses_the_later_ones_decide_again_in_their_order(row, lost):
    sent = await row.add(1, 2, 3)
    await row.land(lost - 1)
    row.log.intrude(TALLY, 10)
    await row.land(1)
    (latest,) = await row.add(4)
    kept, shift = [1, 3, 6][: lost - 1], 10
    assert row.under_way == [total + shift for total in [1, 3, 6][lost - 1 :]] + [20]
    await row.land()
    assert row.stored == [*kept, sum([1, 2, 3][: lost - 1]) + 10, *row.stored[lost:]]
    assert [receipt(task).version for task in (*sent, latest)] == sorted(
        version for version in range(2, 7) if version != lost + 1
    )


async def test_i2_what_decided_while_its_basis_was_lost_is_not_appended(row):
    """Its expected version may be there by now, as another process wrote it: the state is another one."""
    row.log.intrude(OTHER, 5)
    await row.add(1)
    matching = asyncio.create_task(row.bus.dispatch(Envelope(Match(id=TALLY, other=OTHER))))
    await asyncio.sleep(0)
    row.log.intrude(TALLY, 10)
    row.log.land()
    await quiet()
    await row.land()
    assert row.stored == [10, 11, 16]
    assert receipt(matching).version == 4


async def test_a_client_that_named_a_version_solves_its_own_conflict(row):
    first, second = await row.add(1), await row.add(2, expected_version=2)
    assert row.under_way == [1, 3], "the version that it named is promised"
    row.log.intrude(TALLY, 10)
    await row.land()
    await row.land()
    assert receipt(first[0]).version == 3
    assert refusal(second[0]) is ConcurrencyConflict
    assert row.stored == [10, 11]


async def test_a_version_that_is_not_promised_is_a_conflict_once_that_is_sure(row):
    await row.add(1)
    (refused,) = await row.add(2, expected_version=1)
    assert not refused.done()
    await row.land()
    assert refusal(refused) is ConcurrencyConflict


async def test_a_command_that_fails_takes_nobody_with_it(row):
    """An append without an outcome, a full queue: the later ones decide again on what is stored."""
    for error in (Unavailable("no majority"), Overloaded("full"), ValueError("a fault")):
        failing, following = await row.add(1, 2)
        await row.fail(error)
        assert failing.exception() is error
        await row.land()
        assert receipt(following).version == len(row.stored) + 1
    assert row.stored == [2, 4, 6]


async def test_many_that_fail_do_not_use_up_the_patience_of_one_behind_them(row):
    sent = await row.add(*(1 for _ in range(60)))
    for _ in range(59):
        await row.fail(Unavailable("no majority"))
    await row.land()
    assert receipt(sent[-1]).version == 2


async def test_a_conflict_that_does_not_end_is_told(row):
    (sent,) = await row.add(1)
    for _ in range(100):
        row.log.intrude(TALLY, 0)
        await row.land()
    assert refusal(sent) is ConcurrencyConflict


async def test_a_caller_that_leaves_takes_nobody_with_it(row):
    leaving, following = await row.add(1, 2)
    leaving.cancel()
    await quiet()
    (latest,) = await row.add(4)
    await row.land()
    await row.land()
    assert receipt(following).version == 3
    assert receipt(latest).version == 4
    assert row.stored == [1, 3, 7]


async def test_a_caller_that_leaves_before_its_turn_is_passed_over(row):
    row.log.intrude(OTHER, 5)
    commands = [Match(id=TALLY, other=OTHER), Add(id=TALLY), Add(id=TALLY, amount=2)]
    tasks = [asyncio.create_task(row.bus.dispatch(Envelope(command))) for command in commands]
    await asyncio.sleep(0)
    tasks[1].cancel()
    await quiet()
    await row.land()
    assert row.stored == [5, 7]
    assert (await tasks[2]).version == 3


async def test_i3_one_command_id_in_a_row_has_effect_once(row):
    first, *again = await row.send(*(Add(id=TALLY, amount=5) for _ in range(40)), command_id="once")
    assert row.under_way == [5]
    await row.land()
    assert not receipt(first).replayed
    assert {receipt(task).position for task in again} == {receipt(first).position}
    assert all(receipt(task).replayed for task in again)


async def test_i3_a_command_that_is_sent_again_does_what_its_first_run_could_not(row):
    first, again = await row.send(*(Add(id=TALLY, amount=5) for _ in range(2)), command_id="once")
    await row.fail(Unavailable("no majority"))
    await row.land()
    assert refusal(first) is Unavailable
    assert receipt(again).version == 2
    assert row.stored == [5]


async def test_i3_a_replay_in_the_row_leaves_no_promise_behind(row):
    (first,) = await row.add(5, command_id="once")
    await row.land()
    (replayed,) = await row.add(5, command_id="once")
    (following,) = await row.add(1)
    assert row.under_way == [10, 11]
    await row.land()
    await row.land()
    assert receipt(replayed).replayed
    assert receipt(replayed).position == receipt(first).position
    assert receipt(following).version == 3
    assert row.stored == [5, 6]
