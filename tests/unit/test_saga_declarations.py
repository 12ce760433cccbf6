"""Declarations of sagas: steps that cannot be used are refused."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from domain.kernel import Command, Event
from domain.kernel.errors import DeclarationError
from domain.process import Saga, Step
from tests.helpers.journeys import BookPlace, FreePlace, JourneyPlanned, Paid, PlaceBooked

BOOKED = PlaceBooked(journey="journey-1")


class Wrong(Event, type="wrong.started"):
    pass


def step(name: str = "a", **options: Any) -> Step:
    return Step(name, **{"do": lambda saga: FreePlace(id="place-1"), "undo": None, **options})


def nothing(saga: Any) -> Command:
    return BookPlace(id="place-1", journey="x")


async def waiting(saga: Any) -> Command:
    return nothing(saga)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            {"name": "A b"},
            "the name of a step must be in lower case, as in Step(\"reserve\", ...), not 'A b'",
        ),
        ({"do": None}, "the step 'a' needs either a command, as in do=lambda saga: ReserveStock(...), or a"),
        ({"call": nothing}, "the step 'a' needs either a command"),
        ({"do": waiting}, "do of the step 'a' is asynchronous; it must be pure"),
        ({"undo": lambda: None}, "undo of the step 'a' must take (saga), but"),
        (
            {"done": BookPlace},
            "done of the step 'a' must be a class of events or a tuple of them, not the class",
        ),
        ({"failed": (BOOKED,)}, "failed of the step 'a' must be a class of events or a tuple of them"),
        ({"within": 5}, "within of the step 'a' must be a timedelta above 0, as in"),
        ({"within": timedelta(0)}, "within of the step 'a' must be a timedelta above 0"),
    ],
)
def test_a_step_that_cannot_be_used_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DeclarationError) as error:
        step(**arguments)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((), "Odd has no steps; write `steps = (Step(...), ...)` in it"),
        ((step(), 7), "Odd has 7 among its steps; each must be a Step"),
        ((step(), (step("b"), step())), "Odd has two steps 'a'; give one of them another name"),
        (
            (Step("a", do=nothing), step("b")),
            "Odd: the step 'a' is undone if another one fails; declare undo=lambda saga: ..., or undo=None",
        ),
        (((step(), Step("b", do=nothing)),), "Odd: the step 'b' is undone if another one fails"),
        (
            (step(), Step("b", do=nothing, within=timedelta(1))),
            "Odd: the step 'b' may have taken place when its time is over; declare undo=lambda",
        ),
    ],
)
def test_steps_that_cannot_be_used_are_refused(steps: Any, message: str) -> None:
    with pytest.raises(DeclarationError) as error:
        type("Odd", (Saga,), {"__orig_bases__": (Saga[JourneyPlanned, Wrong],), "steps": steps})
    assert message in str(error.value)


def paying(name: str = "pay", **arguments: Any) -> Step:
    return Step(name, **{"call": nothing, "undo": None, **arguments})


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        (
            (paying(undo=lambda saga: saga.reply("pay", Paid)),),
            "Odd: undo of the step 'pay' reads the reply of 'pay', which does not exist when the step begins",
        ),
        ((step(do=lambda saga: saga.reply("pay", Paid)), paying()), "do of the step 'a' reads the reply of"),
        (
            ((paying("b"), paying(call=lambda saga: saga.reply(step="b", kind=Paid))),),
            "call of the step 'pay' reads the reply of 'b', which does not exist when the step begins",
        ),
        (
            (step(), paying(undo=lambda saga: saga.reply("a", Paid))),
            "undo of the step 'pay' reads the reply of 'a', which has none: only a step with `call`",
        ),
        (
            (paying(done=PlaceBooked), step(undo=lambda saga: saga.reply("pay", Paid))),
            "undo of the step 'a' reads the reply of 'pay', which has none",
        ),
        ((step(undo=lambda saga: saga.reply("x", Paid)),), "reads the reply of 'x', which is none of its st"),
    ],
)
def test_a_step_that_reads_a_reply_which_does_not_exist_is_refused(steps: Any, message: str) -> None:
    """It would be stuck when the step begins."""
    with pytest.raises(DeclarationError) as error:
        type("Odd", (Saga,), {"__orig_bases__": (Saga[JourneyPlanned, Wrong],), "steps": steps})
    assert message in str(error.value)


def test_a_step_may_read_the_replies_of_earlier_ones() -> None:
    steps = (paying(), step(undo=lambda saga: FreePlace(id=saga.reply("pay", Paid).receipt)))
    type("Even", (Saga,), {"__orig_bases__": (Saga[JourneyPlanned, Wrong],), "steps": steps})


def test_a_last_step_needs_no_compensation() -> None:
    steps = (step(), Step("b", do=nothing))
    type("Even", (Saga,), {"__orig_bases__": (Saga[JourneyPlanned, Wrong],), "steps": steps})


def test_a_saga_without_type_arguments_is_refused() -> None:
    with pytest.raises(
        DeclarationError, match=r"Bare must derive from Saga\[what starts it, its first event"
    ):
        type("Bare", (Saga,), {"steps": (step(),)})
