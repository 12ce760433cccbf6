"""The personal values of commands, requests and replies in the events of an instance. Pure.

A *member* is a field of the carried class, by its name in JSON. The path of a value begins with the field of
the event, as in ``input.email``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from domain.kernel.data_carrier import DataCarrier
from domain.kernel.errors import UnfitValue
from domain.kernel.event import Event
from domain.kernel.names import client_name
from domain.kernel.personal import personal_fields, personal_inputs

Subjects = Mapping[str, str]
"""Subjects of personal values, by member or by path."""


def input_subjects(model: BaseModel | None) -> Subjects:
    """Return the subjects of the personal values of a command, a request or an input event, by member.

    Raises UnfitValue for a value whose subject is not named.
    """
    if model is None:
        return {}
    fields = personal_fields(type(model)) if isinstance(model, Event) else personal_inputs(type(model))
    return _subjects(model, fields, model)


def reply_subjects(reply: BaseModel, request: BaseModel) -> Subjects:
    """Return the subjects of the personal values of a reply, which the request names; raise as above."""
    return _subjects(reply, personal_inputs(type(reply), type(request)), request)


def at_paths(**carried: Subjects) -> dict[str, str] | None:
    """Return the subjects by path of what an event carries in the fields of these names; None for none."""
    paths = {
        f"{field}.{member}": subject
        for field, subjects in carried.items()
        for member, subject in subjects.items()
    }
    return paths or None


def lost_subjects(event: Event, field: str) -> Sequence[str]:
    """Return the subjects who were erased since their values were stored in a field of the event."""
    if not isinstance(event, DataCarrier) or not event.personal:
        return ()
    carried: Any = getattr(event, field)
    members = members_in(field, event.personal)
    return sorted({subject for member, subject in members.items() if carried.get(member) is None})


def members_in(field: str, personal: Subjects | None) -> Subjects:
    """Return the subjects, by member, of what an event carries in one of its fields."""
    prefix = f"{field}."
    return {
        path.removeprefix(prefix): subject
        for path, subject in (personal or {}).items()
        if path.startswith(prefix)
    }


def _subjects(model: BaseModel, fields: Mapping[str, str | None], named_in: BaseModel) -> Subjects:
    subjects: dict[str, str] = {}
    for name, named_by in fields.items():
        if getattr(model, name) is None:
            continue
        subject = None if named_by is None else getattr(named_in, named_by)
        if subject is None:
            # An event's field without a named subject is about the stream, but an input has no stream.
            raise UnfitValue(
                f"it is personal and {named_by or 'its class'} does not say whose; name the person in a "
                "field of the class, or leave it out",
                (name,),
                type(model).__name__,
            )
        subjects[client_name(name)] = subject
    return subjects
