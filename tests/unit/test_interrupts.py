"""Exceptions that are meant for programs, raised by user code, are the fault of that code and end nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from domain.kernel import upcaster
from domain.kernel.errors import ContextFault
from domain.kernel.upcasting import upcast
from domain.testing import given
from projections.folding.folding import Fold, touches
from tests.helpers import notes
from tests.helpers.mistakes import Begin, Begun, Sheet
from tests.helpers.notes import Written
from tests.helpers.poison_notes import commits_of

INTERRUPTS = [KeyboardInterrupt, SystemExit, GeneratorExit, asyncio.CancelledError, BaseException]
PLACE = r"tests/unit/test_interrupts\.py:\d+"


@pytest.fixture(params=INTERRUPTS, ids=lambda kind: kind.__name__)
def interrupt(request: pytest.FixtureRequest) -> Any:
    """A function that raises such an exception, whatever it is called with."""

    def raise_it(*_arguments: Any) -> Any:
        raise request.param

    return raise_it


@pytest.mark.parametrize("method", ["decide", "evolve"])
def test_an_interrupt_of_an_aggregate_refuses_the_command(
    interrupt: Any, method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Sheet, method, interrupt)
    outcome = given(Sheet).when(Begin())
    outcome.then_refused(ContextFault, f"Sheet.{method} raised ")
    assert "test_interrupts.py:" in str(outcome.error)


def test_an_interrupt_of_a_fold_or_a_key_parks_the_event(interrupt: Any) -> None:
    for changed in ({"apply": interrupt}, {"key": lambda event: interrupt()}):
        view = replace(notes.view, **changed)
        (touched,) = touches(view, commits_of([("note-a", [Written(text="x")])])).values()
        row = Fold(view, 1)(None, touched)
        assert row is not None
        assert [letter.failure.detail.startswith("raised at tests/") for letter in row.letters] == [True]


def test_an_interrupt_of_an_upcaster_makes_the_event_unreadable(interrupt: Any) -> None:
    class BegunTwice(Begun, type="sheet.begun", revision=2):
        pass

    step = upcaster("sheet.begun", 1)(interrupt)
    result: Any = upcast(BegunTwice, [step], 1, {})
    assert "raised" in result.detail
