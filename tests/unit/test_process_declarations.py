"""Declarations of processes with a mistake are refused at start, with what to write instead."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any, ClassVar

import pytest

from api.context_checks import check_cases, check_policy_cases, check_triggers
from domain.kernel import Catalog, Command, Event, RecordedEvent
from domain.kernel.errors import DeclarationError
from domain.process import (
    CommandDone,
    Policy,
    Process,
    ProcessFacts,
    Reaction,
    Reply,
    Request,
    StartAt,
    process_context,
)
from domain.process.events import ProcessStarted
from tests.helpers.errands import ChoreDone, ChoreUndone, DoChore, chores


class WatchBegun(Event, type="watch.begun"):
    """An own event of a watch."""


@dataclass(frozen=True, slots=True)
class Watch(Process[ChoreDone | CommandDone, WatchBegun]):
    """A process without a mistake."""

    category = "watch"

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return "1"

    def react(self, trigger: Any, facts: ProcessFacts) -> Reaction:
        return []

    def evolve(self, event: WatchBegun) -> Watch:
        return self


def _instance_key(self: Any, event: RecordedEvent) -> str:
    return "1"


def _key_of_nothing(cls: Any) -> str:
    return "1"


async def _react_later(self: Any, trigger: Any, facts: ProcessFacts) -> Reaction:
    return []


def _react_with_another_event(self: Any, trigger: Any, facts: ProcessFacts) -> Reaction:
    return [WatchBegun(), ChoreDone()]


def _react_without_facts(self: Any, trigger: Any) -> Reaction:
    return []


def _forgetful_react(self: Any, trigger: Any, facts: ProcessFacts) -> Reaction:  # type: ignore[return]  # The mistake.
    match trigger:
        case ChoreDone():
            return []


class Unfrozen(Process[ChoreDone, WatchBegun]):
    """A plain class."""

    category = "watch"
    key, react, evolve = Watch.key, Watch.react, Watch.evolve  # type: ignore[assignment]  # Of another class.


@dataclass(frozen=True)
class Undefaulted(Unfrozen):
    """A field has no value before the first event."""

    count: int


@dataclass(frozen=True)
class Unfinished(Process[ChoreDone, WatchBegun]):
    """Two methods are missing."""

    category = "watch"

    @classmethod
    def key(cls, event: RecordedEvent) -> str | None:
        return None


def changed(triggers: Any = ChoreDone, own: Any = WatchBegun, **attributes: Any) -> Any:
    """The process with these declarations in the place of its own."""
    methods = {name: vars(Watch)[name] for name in ("key", "react", "evolve")}
    bases: Any = Process[triggers, own]

    class Changed(bases):  # type: ignore[misc]  # The base is made at run time.
        __slots__ = ()
        category: ClassVar[Any] = "watch"

    for name, value in {**methods, **attributes}.items():
        setattr(Changed, name, value)
    Changed.__abstractmethods__ = frozenset()
    return dataclass(frozen=True)(Changed)


@pytest.mark.parametrize(
    ("process", "message"),
    [
        (ChoreDone, "the context 'watches' needs the class of its process, as in process_context('watches', "
                    "Fulfilment), not the class ChoreDone"),
        (Unfrozen, "Unfrozen must be a frozen dataclass, for states are shared: write @dataclass"),
        (Undefaulted, "Undefaulted must have a default for each field, the state before its first event"),
        (Unfinished, "Unfinished must define evolve and react"),
        (changed(category="my-watch"), "Changed: its category begins the ids of its streams"),
        (changed(category="w" * 41), "Changed: its category has 41 letters; 40 are the most"),
        (changed(triggers=str), "Changed reacts to the class str, which is neither the class of an event"),
        (changed(triggers=ChoreDone | WatchBegun), "Changed reacts to WatchBegun, an own event of it"),
        (changed(triggers=ProcessStarted), "Changed reacts to ProcessStarted, an event that nerve stores"),
        (changed(own=int), "Changed has the class int among its own events"),
        (changed(own=ProcessStarted), "Changed has ProcessStarted among its own events, which nerve stores"),
        (changed(key=_instance_key), "Changed.key is called before there is an instance: write @classmethod"),
        (changed(key=classmethod(_key_of_nothing)), "Changed.key must take (cls, event)"),
        (changed(react=_react_later), "Changed.react is asynchronous"),
        (changed(react=_react_without_facts), "Changed.react must take (self, trigger, facts)"),
        (changed(react=_react_with_another_event),
         "Changed.react makes the event ChoreDone, which Changed does not declare ("),
        (changed(react=_react_with_another_event),
         "); add ChoreDone to the events of `class Changed(Process[...])`"),
        (changed(starts_at="NOW"), "Changed starts at 'NOW'; write `starts_at = StartAt.NOW`"),
    ],
)  # fmt: skip
def test_a_process_with_a_mistake_is_refused(process: Any, message: str) -> None:
    """One sentence names the class and what to write."""
    with pytest.raises(DeclarationError) as error:
        process_context("watches", process)
    assert message in str(error.value)


def test_a_process_without_a_mistake_is_accepted() -> None:
    """The same declarations without a change, and the other start."""
    assert process_context("watches", Watch).category == "watch"
    assert process_context("watches", changed(starts_at=StartAt.BEGINNING)).category == "watch"


def test_a_missing_case_of_react_is_found() -> None:
    """A trigger that `react` does not handle would make every instance stuck."""
    context = process_context("watches", changed(ChoreDone | ChoreUndone, react=_forgetful_react))
    with pytest.raises(DeclarationError, match="has no case for ChoreUndone"):
        check_cases(context)


def _forgetful_policy(event: RecordedEvent) -> list[Command]:  # type: ignore[return]  # The mistake.
    match event.payload:
        case ChoreDone():
            return [DoChore(id=event.stream)]


def test_a_missing_case_of_a_policy_is_found() -> None:
    """An event that the policy declares and does not handle."""
    check_policy_cases(Policy("repeat", (ChoreDone,), _forgetful_policy))
    with pytest.raises(DeclarationError) as error:
        check_policy_cases(Policy("repeat", (ChoreDone, ChoreUndone), _forgetful_policy))
    assert "react of the policy 'repeat' has no case for ChoreUndone (" in str(error.value)
    assert "; add `case ChoreUndone():` to its match statement" in str(error.value)


@pytest.mark.parametrize(
    ("base", "port", "message"),
    [
        (Request, "shop", "Ask must derive from Request[its reply], as in"),
        (Request[Reply], "The shop", "Ask: the name of a port must be in lower case, as in port='payments'"),
    ],
)
def test_a_request_with_a_mistake_is_refused(base: Any, port: str, message: str) -> None:
    """It is found where the class is declared."""
    with pytest.raises(DeclarationError) as error:
        types.new_class("Ask", (base,), {"port": port})
    assert message in str(error.value)


def test_a_trigger_that_no_context_declares_is_found() -> None:
    """A process or a policy would wait for it for ever."""
    process = process_context("watches", Watch)
    policy = Policy("repeat", events=(ChoreDone,), react=lambda event: [DoChore(id=event.stream)])
    check_triggers(Catalog([process, chores]), [policy])
    with pytest.raises(DeclarationError, match=r"Watch reacts to .*ChoreDone, an event that no registered"):
        check_triggers(Catalog([process]), [])
    with pytest.raises(DeclarationError, match="the policy 'repeat' reacts to"):
        check_triggers(Catalog([]), [policy])
