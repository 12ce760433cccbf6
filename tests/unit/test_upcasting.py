"""Old shapes of events, read as the newest one."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.kernel import Catalog, Cause, Event, Upcaster, upcaster
from domain.kernel.errors import DeclarationError
from domain.kernel.upcasting import Reading, upcast
from tests.helpers import letters
from tests.helpers.event_data import MOMENTS
from tests.helpers.letters.upcasters import sent_1, sent_2

CATALOG = Catalog([letters.context])

Data = dict[str, Any]

first_shape = st.fixed_dictionaries(
    {"recipient": st.text(), "text": st.text(), "urgent": st.booleans()}, optional={"due": MOMENTS}
)
second_shape = st.fixed_dictionaries(
    {"recipients": st.lists(st.text()), "text": st.text()}, optional={"urgent": st.booleans()}
)
old_letters = st.tuples(st.just(1), first_shape) | st.tuples(st.just(2), second_shape)


def read(revision: int, data: Mapping[str, Any], type: str = "letter.sent") -> Reading:
    return CATALOG.read(type, revision, data)


def with_upcasters(*upcasters: Upcaster) -> Catalog:
    return Catalog([replace(letters.context, upcasters=upcasters)])


def failing(error: Exception) -> Upcaster:
    def fail(data: Mapping[str, Any]) -> Mapping[str, Any]:
        raise error

    return Upcaster("letter.sent", 1, fail)


def test_an_event_of_an_old_revision_is_read_at_the_newest():
    revision, data, payload, unreadable = read(1, {"recipient": "Ada", "text": "Hello", "urgent": True})
    assert payload == letters.Sent(recipients=["Ada"], text="Hello", speed=letters.Speed.FAST)
    assert (revision, data) == (3, {"recipients": ["Ada"], "text": "Hello", "speed": "FAST"})
    assert unreadable is None


class Affine(Event, type="number.changed", revision=9):
    value: int


@given(st.lists(st.tuples(st.integers(-3, 3), st.integers(-3, 3)), min_size=8, max_size=8), st.data())
def test_a_chain_is_the_composition_of_its_steps(factors: Sequence[tuple[int, int]], data: st.DataObject):
    def step(a: int, b: int) -> Upcaster:
        return Upcaster(Affine.type, 1, lambda old: {"value": old["value"] * a + b})

    steps = [step(a, b) for a, b in factors]
    revision = data.draw(st.integers(1, 8))
    value = data.draw(st.integers(-9, 9))
    expected = reduce(lambda x, factor: x * factor[0] + factor[1], factors[revision - 1 :], value)
    assert upcast(Affine, steps, revision, {"value": value}) == Affine(value=expected)


@given(old_letters)
def test_reading_changes_nothing_and_gives_the_same_again(letter: tuple[int, Data]):
    revision, data = letter
    before = copy.deepcopy(data)
    first = read(revision, data)
    assert data == before
    assert read(revision, data) == first


@given(old_letters)
def test_reading_what_was_read_changes_nothing_more(letter: tuple[int, Data]):
    revision, data, payload, unreadable = read(*letter)
    assert unreadable is None
    assert read(revision, data) == (revision, data, payload, None)


def test_data_of_the_newest_revision_is_not_touched():
    data = {"recipients": ["Ada"], "text": "Hello", "speed": "FAST"}
    assert read(3, data)[1] is data


@pytest.mark.parametrize(
    ("upcasters", "message"),
    [
        ((sent_2,), "no upcaster of 'letter.sent' leads from revision 1"),
        ((sent_1,), "no upcaster of 'letter.sent' leads from revision 2"),
        ((sent_1, sent_1, sent_2), "two upcasters of 'letter.sent' lead from revision 1"),
        ((sent_1, sent_2, replace(sent_1, revision=3)), "leads from revision 3, but Sent is at revision 3"),
        ((sent_1, sent_2, replace(sent_1, revision=0)), "leads from revision 0, but Sent is at revision 3"),
        ((sent_1, sent_2, replace(sent_1, type="letter.opened")), "but Opened is at revision 1"),
        (
            (sent_1, sent_2, replace(sent_1, type="note.sent")),
            "an upcaster of 'note.sent', but no such event",
        ),
    ],
)
def test_upcasters_that_do_not_lead_to_the_newest_revision_are_refused_at_start_up(
    upcasters: tuple[Upcaster, ...], message: str
):
    with pytest.raises(DeclarationError, match=message):
        with_upcasters(*upcasters)


def test_an_event_without_a_first_revision_is_refused():
    with pytest.raises(DeclarationError, match="there is none of 0"):

        class Zero(Event, type="letter.zero", revision=0):
            pass


LETTER = {"recipient": "Ada", "text": "Hello"}


@pytest.mark.parametrize(
    ("type", "revision", "data", "cause", "detail"),
    [
        ("letter.burnt", 1, LETTER, Cause.UNKNOWN_TYPE, "no registered context"),
        ("letter.sent", 4, LETTER, Cause.NEWER_REVISION, "knows up to 3"),
        ("letter.sent", 0, LETTER, Cause.UPCASTER_FAILED, "count from 1"),
        (
            "letter.sent",
            1,
            {},
            Cause.UPCASTER_FAILED,
            r"revision 1 raised KeyError at tests/helpers/letters/upcasters\.py:\d+",
        ),
        ("letter.sent", 1, {"recipient": "Ada"}, Cause.DOES_NOT_FIT, "text: a value is required"),
        ("letter.sent", 1, {**LETTER, "cc": "Bob"}, Cause.DOES_NOT_FIT, "cc: there is no such field"),
        ("letter.sent", 2, {**LETTER, "recipients": 7}, Cause.DOES_NOT_FIT, "recipients: must be a list"),
    ],
)
def test_what_cannot_be_read_has_a_reason_and_stays_as_it_is_stored(
    type: str, revision: int, data: Data, cause: Cause, detail: str
):
    was_revision, was_data, payload, unreadable = read(revision, data, type)
    assert (was_revision, was_data, payload) == (revision, data, None)
    assert unreadable is not None
    assert unreadable.cause == cause
    assert re.search(detail, unreadable.detail)


def test_the_reason_does_not_tell_the_data():
    catalog = with_upcasters(failing(ValueError("no such person: Ada Lovelace")), sent_2)
    unreadable = catalog.read("letter.sent", 1, LETTER)[3]
    assert unreadable is not None
    assert "ValueError at tests/unit/test_upcasting.py" in unreadable.detail
    assert "Ada" not in unreadable.detail
    misfit = read(2, {"recipients": {"name": "Ada Lovelace"}, "text": "Hello"})[3]
    assert misfit is not None
    assert "Ada" not in misfit.detail


def test_an_upcaster_that_changes_what_it_is_given_fails_and_changes_nothing():
    @upcaster("letter.sent", 1)
    def impure(data: Any) -> Any:
        data["recipients"] = [data.pop("recipient")]
        return data

    data = dict(LETTER)
    unreadable = with_upcasters(impure, sent_2).read("letter.sent", 1, data)[3]
    assert unreadable is not None
    assert unreadable.cause == Cause.UPCASTER_FAILED
    assert data == LETTER


@pytest.mark.parametrize("returned", [None, [], "text", 7])
def test_an_upcaster_that_returns_no_mapping_is_named_with_its_place(returned: Any):
    step = Upcaster("letter.sent", 1, lambda data: returned)
    unreadable = with_upcasters(step, sent_2).read("letter.sent", 1, LETTER)[3]
    assert unreadable is not None
    assert unreadable.cause == Cause.UPCASTER_FAILED
    kind = type(returned).__name__
    said = rf"revision 1 returned a value of class {kind} \(tests/unit/test_upcasting\.py:\d+\)"
    assert re.search(said, unreadable.detail), unreadable.detail
