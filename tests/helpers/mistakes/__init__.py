"""A context with the mistakes that authors make: each command names the one that its aggregate makes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, TypedDict

from domain.kernel import (
    Aggregate,
    ChangeCommand,
    ConflictRule,
    Context,
    CreateCommand,
    Event,
    Facts,
    InvariantViolated,
    PutCommand,
    RecordedEvent,
)
from projections.kernel import View, by_stream

SECRET = "<what a client typed>"
"""What no message for others may hold."""


def _rule(command: Correct, since: Sequence[Event]) -> Any:
    return RULES[command.mistake](command)


class Begin(CreateCommand):
    """Begins a sheet."""

    mistake: str = "none"
    text: str = ""


class Correct(ChangeCommand):
    """Changes a sheet."""

    on_conflict: ClassVar[ConflictRule] = _rule

    mistake: str = "none"
    text: str = ""


class Put(PutCommand):
    """Begins or changes the sheet that its target names."""

    name: str | None = None

    @property
    def target(self) -> str:
        if self.name == "raise":
            raise KeyError(SECRET)
        return self.name  # type: ignore[return-value]


class Begun(Event, type="sheet.begun"):
    """A sheet began."""

    text: str


class Corrected(Event, type="sheet.corrected"):
    """A sheet has another text."""

    text: str


class Strange(Event, type="sheet.strange"):
    """No aggregate declares it."""


SheetEvent = Begun | Corrected
SheetCommand = Begin | Correct | Put


async def _coroutine() -> list[SheetEvent]:
    return []


async def _async_generator() -> Any:
    yield Begun(text="x")


def _endless() -> Any:
    event = Begun(text="x")
    while True:
        yield event


def _broken_generator() -> Any:
    yield Begun(text="x")
    raise KeyError(SECRET)


def _raise() -> Any:
    return dict[str, str]()[SECRET]


def _bad_event() -> Any:
    return [Begun.model_validate({"text": 7})]


WRONG_DECISIONS: dict[str, tuple[Callable[[], Any], str]] = {
    "nothing": (lambda: None, "returned None"),
    "one event": (lambda: Begun(text="x"), r"returned one Begun .*; put it in a list: \[Begun\(\.\.\.\)\]$"),
    "a class": (lambda: [Begun], r"returned the class Begun and not an event for .*; write Begun\(\.\.\.\)$"),
    "undeclared": (
        lambda: [Strange()],
        r"returned the event Strange, which Sheet does not declare, for .*; add Strange .* or return Begun",
    ),
    "some undeclared": (lambda: [Begun(text="x"), Strange()], "returned the event Strange"),
    "none among them": (
        lambda: [None],
        "returned None among its events for .*; each must be Begun or Corrected$",
    ),
    "a command": (lambda: [Begin()], "returned a Begin among its events"),
    "a dict": (lambda: {"text": "x"}, "returned a dict"),
    "a list of dicts": (lambda: [{"text": SECRET}], "returned a dict among its events"),
    "a text": (lambda: SECRET, "returned a str"),
    "a set": (lambda: {Begun(text="x")}, "returned a set"),
    "a number": (lambda: 7, "returned an int"),
    "a coroutine": (_coroutine, "returned a coroutine, as `async def` does .*; write `def`$"),
    "an async generator": (_async_generator, "returned a coroutine"),
    "garbage of a generator": (lambda: iter([Begun(text="x"), 7]), "returned an int among its events"),
    "no end": (_endless, "returned an iterator of more than 100000 events"),
    "a failed generator": (_broken_generator, "raised KeyError"),
    "an error": (_raise, "raised KeyError"),
    "an event that is not valid": (
        _bad_event,
        "made a Begun that does not fit for .*: text: must be a text$",
    ),
    "a missing field": (lambda: Begun(), "made a Begun .*: text: a value is required$"),  # type: ignore[call-arg]
    "no such field": (
        lambda: Begun(text="x", zz=SECRET),  # type: ignore[call-arg]
        "made a Begun .*: zz: there is no such field$",
    ),
    "two wrong fields": (
        lambda: Begun(zz=SECRET, text=7),  # type: ignore[call-arg]
        "made a Begun .*: text: must be a text; zz: there is no such field$",
    ),
    "a changed event": (
        lambda: setattr(Begun(text="x"), "text", SECRET),
        "changed a Begun .*: events and commands cannot be changed; make a new one$",
    ),
    "an exit": (lambda: sys.exit(SECRET), "raised SystemExit"),
    "an error of a library": (lambda: replace(7), "raised TypeError"),  # type: ignore[type-var]
}
"""What `decide` does wrongly, and what the message must say of it."""

WRONG_STATES: dict[str, tuple[Callable[[Any], Any], str]] = {
    "evolve: none": (lambda state: None, "returned None"),
    "evolve: a text": (lambda state: SECRET, "returned a str"),
    "evolve: a class": (lambda state: Sheet, "returned the class Sheet"),
    "evolve: the event": (lambda state: Begun(text=SECRET), "returned a Begun"),
    "evolve: an error": (lambda state: _raise(), "raised KeyError"),
    "evolve: a frozen field": (lambda state: setattr(state, "text", SECRET), "changed a frozen value"),
    "evolve: an exit": (lambda state: sys.exit(SECRET), "raised SystemExit"),
    "evolve: a bad event": (lambda state: _bad_event(), "made a Begun that does not fit"),
    "evolve: a wrong field": (
        lambda state: replace(state, text=7),
        "returned a state that does not fit the fields of Sheet",
    ),
    "evolve: a refusal": (lambda state: _refuse(), "raised InvariantViolated"),
}
"""What `evolve` does wrongly, of an event whose text names it."""

RULES: dict[str, Callable[[Correct], Any]] = {
    "another command": lambda command: Begin(text=SECRET),
    "another stream": lambda command: Correct(id="sheet-other"),
    "true": lambda command: True,
    "an error": lambda command: _raise(),
    "none": lambda command: command,
}


def _refuse() -> Any:
    raise InvariantViolated(SECRET)


@dataclass(frozen=True, slots=True)
class Sheet(Aggregate[SheetCommand, SheetEvent]):
    """A text that mistakes are made with."""

    category: ClassVar[str] = "sheet"
    text: str = ""

    def decide(self, command: SheetCommand, facts: Facts) -> Any:
        if isinstance(command, Put):
            return [Corrected(text="put")]
        wrong = WRONG_DECISIONS.get(command.mistake)
        if wrong is not None:
            return wrong[0]()
        if command.mistake == "no change":
            return []
        if command.mistake == "generator":
            return (Corrected(text=text) for text in ("one", "two"))
        return [Begun(text=command.text) if isinstance(command, Begin) else Corrected(text=command.text)]

    def evolve(self, event: SheetEvent) -> Any:
        wrong = WRONG_STATES.get(event.text)
        return wrong[0](self) if wrong is not None else replace(self, text=event.text)


context = Context("sheets", Sheet)


class SheetRow(TypedDict):
    """A sheet with its text."""

    id: str
    text: str


def _apply(id: str, row: SheetRow | None, event: RecordedEvent) -> SheetRow | None:
    payload = event.payload
    return SheetRow(id=id, text=payload.text) if isinstance(payload, Begun | Corrected) else row


view = View(name="sheets", singular="sheet", context=context, row=SheetRow, key=by_stream, apply=_apply)
