"""The rules of erasing a subject."""

from __future__ import annotations

from domain.builtin.subjects.aggregate import Subject
from domain.builtin.subjects.commands import EraseSubject
from domain.builtin.subjects.events import SubjectErased
from domain.testing import given

ERASE = EraseSubject(subject="person-1", reason="asked for it")


def test_a_subject_is_erased_for_the_record_in_a_stream_of_its_own() -> None:
    assert ERASE.target == "subject-person-1"
    given(Subject).when(ERASE).then(SubjectErased(subject="person-1", reason="asked for it"))


def test_to_erase_again_changes_nothing() -> None:
    given(Subject, SubjectErased(subject="person-1")).when(ERASE).then_nothing()
