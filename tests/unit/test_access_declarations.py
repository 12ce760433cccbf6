"""Rules that could not be checked are refused when a context is registered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import pytest

from api.access.access_rule_checks import check_access_rules
from api.contexts import load_contexts
from api.settings import Settings
from domain.kernel import Aggregate, ChangeCommand, Command, Context, CreateCommand, Event, Facts, PutCommand
from domain.kernel.access import Access, owner, signed_in
from domain.kernel.errors import DeclarationError
from domain.kernel.fields import Personal
from tests.helpers import memos


def declared(
    command: type[Command] = ChangeCommand, rule: Access = signed_in, of_event: Access = signed_in
) -> Context:
    """A context with this rule of its one command, a subclass of `command`, and of its one event."""

    class Made(Event, type="thing.made"):
        access = of_event
        maker: str = ""
        person: Annotated[str | None, Personal()] = None

    class Handle(command):  # type: ignore[valid-type, misc]
        access = rule
        sender: str = ""

        @property
        def target(self) -> str:
            return "thing-1"

    @dataclass(frozen=True, slots=True)
    class Thing(Aggregate[Handle, Made]):
        category: ClassVar[str] = "thing"
        keeper: str = ""

        def decide(self, command: Handle, facts: Facts) -> Sequence[Made]:
            return ()

        def evolve(self, event: Made) -> Thing:
            return self

    return Context("things", Thing)


@pytest.mark.parametrize(
    ("command", "field"),
    [(CreateCommand, "keeper"), (ChangeCommand, "sender"), (PutCommand, "keeper"), (PutCommand, "sender")],
)
def test_the_rule_of_a_command_names_fields_of_what_it_is_checked_with(
    command: type[Command], field: str
) -> None:
    """The state for a change, the command for a new stream, both for a command that does either."""
    with pytest.raises(DeclarationError, match=f"access of Handle names the field '{field}'"):
        check_access_rules(declared(command, owner(field)))


@pytest.mark.parametrize(("command", "field"), [(CreateCommand, "sender"), (ChangeCommand, "keeper")])
def test_a_rule_that_can_be_checked_is_accepted(command: type[Command], field: str) -> None:
    check_access_rules(declared(command, owner(field)))


def test_the_rule_of_an_event_names_its_fields() -> None:
    check_access_rules(declared(of_event=owner("maker")))
    with pytest.raises(DeclarationError, match="access of Made names the field 'keeper'"):
        check_access_rules(declared(of_event=owner("keeper")))


def test_the_rule_of_an_event_names_no_encrypted_field() -> None:
    with pytest.raises(DeclarationError, match="'person', which is personal"):
        check_access_rules(declared(of_event=owner("person")))


def test_rules_are_checked_when_a_context_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memos.EditMemo, "access", owner("nothing"))
    with pytest.raises(DeclarationError, match=r"contexts: tests\.helpers\.memos: access of EditMemo"):
        load_contexts(Settings(contexts=("tests.helpers.memos", "tests.helpers.memo_books")))
