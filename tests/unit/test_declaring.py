"""A context that cannot work is refused when it is declared, with what to write instead."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from domain.kernel import Aggregate, ChangeCommand, Command, Context, Event, PutCommand
from domain.kernel.errors import DeclarationError
from tests.helpers import mistakes
from tests.helpers.made_aggregates import aggregate
from tests.helpers.mistakes import Begin, Begun, Correct, Sheet, Strange


async def _async_decide(self: Any, command: Any, facts: Any) -> list[Event]:
    return []


async def _async_evolve(self: Any, event: Any) -> Any:
    return self


def _generator(self: Any, event: Any) -> Any:
    yield self


class Bare(Command):
    """Says nothing about its stream."""


class Nowhere(PutCommand):  # its target is missing
    """Names no stream."""


async def _async_rule(command: Any, since: Sequence[Event]) -> Any:
    return command


class Ruled(ChangeCommand):
    """Has an asynchronous rule."""

    on_conflict: ClassVar[Any] = _async_rule


def _rule_of_one(command: Command) -> Any:
    return command


class Misruled(ChangeCommand):
    """Has a rule that is not given what happened."""

    on_conflict: ClassVar[Any] = _rule_of_one


class Unfrozen(Aggregate[Begin, Begun]):
    """A plain class."""

    category = "sheet"

    def decide(self, command: Begin, facts: Any) -> list[Begun]:
        return []

    def evolve(self, event: Begun) -> Unfrozen:
        return self


@dataclass
class Thawed(Unfrozen):
    """A dataclass whose states can be changed."""


@dataclass(frozen=True)
class Required(Sheet):
    """Has a field without a default."""

    def __init__(self, text: str) -> None:
        object.__setattr__(self, "text", text)


class Half(Aggregate[Begin, Begun]):
    """Has no evolve."""

    category = "sheet"

    def decide(self, command: Begin, facts: Any) -> list[Begun]:
        return []


def _decide_strange(self: Any, command: Any, facts: Any) -> list[Event]:
    return [Strange() for _ in range(3)]


def _decide_strange_of_module(self: Any, command: Any, facts: Any) -> list[Event]:
    return [mistakes.Strange()]


def _evolve_strange(self: Any, event: Any) -> Any:
    """Name an event without making it."""
    match event:
        case Strange() | mistakes.Strange():
            return self
    return self if isinstance(event, Strange) or type(event) is mistakes.Strange else replace(self)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (aggregate(decide=_async_decide), "Made.decide is asynchronous; .* write `def`"),
        (aggregate(evolve=_async_evolve), "Made.evolve is asynchronous"),
        (aggregate(evolve=_generator), "Made.evolve is a generator"),
        (
            aggregate(decide=lambda self, command: []),
            r"Made.decide must take \(self, command, facts\), but: .* \(tests/unit/test_declaring\.py:\d+\)",
        ),
        (
            aggregate(decide=lambda self, command, facts, more: []),
            r"Made.decide must take .* missing .*'more'",
        ),
        (aggregate(evolve=lambda self: self), r"Made.evolve must take \(self, event\)"),
        (aggregate(evolve=lambda self, *, event: self), r"Made.evolve must take \(self, event\)"),
        (aggregate(Misruled), r"the conflict rule of Misruled must take \(command, since\)"),
        (aggregate(decide=[]), r"Made.decide must be a function, not \[\]"),
        (aggregate(category="Sheet"), "category .* lower-case letters"),
        (aggregate(category=None), "not None"),
        (aggregate(Bare), "Bare must derive from CreateCommand, ChangeCommand or PutCommand"),
        (aggregate(Nowhere), "Nowhere must define `target`"),
        (aggregate(Ruled), "the conflict rule of Ruled is asynchronous"),
        (aggregate(Begun), "declares the command <class .*Begun'>, which is no class derived from Command"),
        (aggregate(Begin | int), "declares the command <class 'int'>"),
        (aggregate(Begin, Begin | Begun), "declares the event <class .*Begin'>, .* derived from Event"),
        (aggregate(Begin, Event), "declares the event"),
        (aggregate(Begin, "Begun"), "declares the event"),
        (
            aggregate(decide=_decide_strange),
            r"Made.decide makes the event Strange, which Made does not declare \(tests/unit/test_declaring"
            r"\.py:\d+\); add Strange to the events of `class Made\(Aggregate\[\.\.\.\]\)`",
        ),
        (aggregate(help=staticmethod(_decide_strange_of_module)), "Made.help makes the event Strange"),
        (Unfrozen, "Unfrozen must be a frozen dataclass.*@dataclass"),
        (Thawed, "Thawed must be a frozen dataclass"),
        (Required, "Required must have a default for each field"),
        (Half, "Half must define evolve"),
    ],
)
def test_a_context_that_cannot_work_is_refused(wrong: Any, message: str) -> None:
    with pytest.raises(DeclarationError, match=message):
        Context("wrong", wrong)


def test_what_it_refuses_is_right_but_for_one_thing() -> None:
    assert Context("right", aggregate()).events == (Begun,)
    loose = aggregate(decide=lambda self, *given, more=1: [], evolve=staticmethod(lambda event: event))
    assert Context("right", loose).events == (Begun,)
    assert Context("right", aggregate(evolve=_evolve_strange)).events == (Begun,)
    both = aggregate(Begin, Begun | Strange, decide=_decide_strange, help=_decide_strange_of_module)
    assert Context("right", both).events == (Begun, Strange)
    assert Context("right", aggregate(Begin | Correct)).commands == (Begin, Correct)
