"""The rules of retrying and dropping dead letters."""

from __future__ import annotations

from domain.builtin.deadletters.aggregate import DeadLetter
from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.builtin.deadletters.events import DeadLetterDropped, DeadLetterRetried
from domain.testing import given

LETTER = {"view": "tasks", "stream": "task-1", "version": 3}
RETRY, DROP = RetryDeadLetter(**LETTER), DropDeadLetter(**LETTER, reason="never happened")
RETRIED, DROPPED = DeadLetterRetried(**LETTER), DeadLetterDropped(**LETTER, reason="never happened")


def test_a_letter_is_retried_for_the_record_in_a_stream_of_its_own_as_often_as_it_is_asked_for() -> None:
    assert RETRY.target == DROP.target == "deadletter-task-1"
    given(DeadLetter).when(RETRY).then(RETRIED)
    given(DeadLetter, RETRIED).when(RETRY).then(RETRIED)


def test_a_letter_is_dropped_once_and_for_good() -> None:
    given(DeadLetter, RETRIED).when(DROP).then(DROPPED)
    given(DeadLetter, DROPPED).when(DROP).then_nothing()
    given(DeadLetter, DROPPED).when(RETRY).then_refused()


def test_what_is_dropped_from_one_row_waits_on_in_another() -> None:
    other = DropDeadLetter(**LETTER, row="agent-1")
    given(DeadLetter, DROPPED).when(other).then(DeadLetterDropped(**LETTER, row="agent-1"))
