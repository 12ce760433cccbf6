"""Checks of the rules that a context declares: each names fields that exist where it is checked."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

from domain.kernel import Command, Context, Event
from domain.kernel.access import check_access
from domain.kernel.errors import DeclarationError
from domain.kernel.personal import personal_fields


def check_access_rules(context: Context) -> None:
    """Raise DeclarationError if a rule of a command or an event of the context cannot be checked.

    The rule of a command depends on fields of the aggregate's state where it changes a stream, and on its own
    where it starts one. A rule of an event depends on its data, and not on encrypted fields.
    """
    aggregate: Any = context.aggregate
    state = [field.name for field in fields(aggregate)]
    for command in context.commands:
        _check_command(command, state)
    for event in context.events:
        _check_event(event)


def _check_command(command: type[Command], state: list[str]) -> None:
    place = f"access of {command.__name__}"
    if command.changes:
        check_access(place, command.access, state)
    if command.creates:
        check_access(place, command.access, list(command.model_fields))


def _check_event(event: type[Event]) -> None:
    place = f"access of {event.__name__}"
    check_access(place, event.access, list(event.model_fields))
    personal = sorted(event.access.fields & set(personal_fields(event)))
    if personal:
        raise DeclarationError(
            f"{place} names the field {personal[0]!r}, which is personal and stored encrypted; let the rule "
            "depend on another field"
        )
