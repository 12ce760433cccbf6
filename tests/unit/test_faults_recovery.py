"""How an outage is split into the part of MongoDB and the part of nerve."""

from __future__ import annotations

import pytest

from tests.faults.recovery import Parts, Recovery, parts


def test_an_outage_is_split_at_the_election_and_at_the_first_majority():
    recovery = Recovery(killed=10.0, elected=11.0, confirmed=11.5)
    receipts = [9.0, 9.9, 11.75, 11.8, 20.0]
    assert parts(recovery, receipts) == pytest.approx(Parts(1.85, 1.0, 0.5, 0.25))


def test_a_reply_that_arrives_after_the_kill_does_not_end_the_outage():
    recovery = Recovery(killed=10.0, elected=11.0, confirmed=11.5)
    receipts = [9.9, 10.1, 11.75]
    assert parts(recovery, receipts).outage == pytest.approx(1.65)


def test_a_writer_may_be_confirmed_before_the_probe():
    recovery = Recovery(killed=10.0, elected=11.0, confirmed=11.5)
    assert parts(recovery, [9.9, 11.25, 11.6]).nerve == pytest.approx(-0.25)
