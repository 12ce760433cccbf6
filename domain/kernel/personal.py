"""Personal fields of events, and the subjects whom they are about. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from domain.kernel.aggregate import Aggregate, event_classes
from domain.kernel.errors import DeclarationError, ValidationFailed
from domain.kernel.event import Event, NewEvent
from domain.kernel.fields import ID_PATTERN, Personal

PersonalData = dict[str, dict[str, Any]]
"""Personal values by field, by subject."""

_IDENTIFIER = re.compile(ID_PATTERN)


def actor_subject(actor: str) -> str:
    """Return the subject of the personal data of an actor, by which it is erased.

    An actor whose name is an `Identifier` is that subject itself. Another one, such as ``auth0|4711``, gets
    an id made of a digest of its name.
    """
    if _IDENTIFIER.fullmatch(actor):
        return actor
    return f"actor-{hashlib.sha256(actor.encode()).hexdigest()[:32]}"


@cache
def personal_fields(event: type[Event]) -> Mapping[str, str | None]:
    """Return the event's personal fields, each with the field that names its subject; None is the stream.

    Raises DeclarationError if a marked field could not be encrypted, or could not be None after an erasure.
    """
    subjects: dict[str, str | None] = {}
    for name, field in event.model_fields.items():
        marks = [mark for mark in field.metadata if isinstance(mark, Personal)]
        for mark in marks:
            subjects[name] = _checked(event, name, field, mark).subject
        if not marks and any(_marks(field.annotation, set())):
            raise DeclarationError(
                f"{event.__name__}.{name}: Personal() marks a whole field, as in"
                f" `{name}: Annotated[str | None, Personal()] = None`; here it is further inside"
            )
    return subjects


@cache
def holds_personal_data(aggregate: type[Aggregate[Any, Any]]) -> bool:
    """Return whether an event of the aggregate has a personal field, so its states may contain such data."""
    return any(map(personal_fields, event_classes(aggregate)))


def holds_personal_values(event: Event) -> bool:
    """Return whether a personal field of the event has a value."""
    return any(getattr(event, name) is not None for name in personal_fields(type(event)))


def split_personal(new: NewEvent, stream: str) -> tuple[dict[str, Any], PersonalData]:
    """Return the event's stored data without personal values, and the personal values by their subjects.

    Raises ValidationFailed if a personal field has a value and its subject is not named.
    """
    event, data = new.event, dict(new.data)
    personal: PersonalData = {}
    for name, named_by in personal_fields(type(event)).items():
        if name in data:
            subject = stream if named_by is None else getattr(event, named_by)
            if subject is None:
                raise ValidationFailed(
                    f"{event.type}: {name} is personal and {named_by} does not say whose; name the subject, "
                    f"or leave {name} out",
                    (name,),
                )
            personal.setdefault(subject, {})[name] = data.pop(name)
    return data, personal


def _checked(event: type[Event], name: str, field: FieldInfo, mark: Personal) -> Personal:
    if NoneType not in get_args(field.annotation) or field.is_required() or field.default is not None:
        raise DeclarationError(
            f"{event.__name__}.{name} is personal and must allow None and have it as its default: "
            "that is what it reads once its subject is erased"
        )
    if mark.subject is not None:
        subject = event.model_fields.get(mark.subject)
        if subject is None or not _is_identifier(subject) or _is_marked(subject):
            raise DeclarationError(
                f"{event.__name__}.{name}: its subject is named by {mark.subject!r}, which must be a field "
                "of the type Identifier and not be personal"
            )
    return mark


def _is_marked(field: FieldInfo) -> bool:
    return any(isinstance(mark, Personal) for mark in field.metadata)


def _is_identifier(field: FieldInfo) -> bool:
    """Return whether the field is an `Identifier`, optional or not."""
    nested = [mark for member in get_args(field.annotation) for mark in getattr(member, "__metadata__", ())]
    constraints = [
        part
        for mark in (*field.metadata, *nested)
        for part in (mark.metadata if isinstance(mark, FieldInfo) else (mark,))
    ]
    return any(getattr(constraint, "pattern", None) == ID_PATTERN for constraint in constraints)


def _marks(annotation: Any, seen: set[Any]) -> Iterator[Personal]:
    """Yield the marks inside a type, where they would have no effect."""
    yield from (mark for mark in getattr(annotation, "__metadata__", ()) if isinstance(mark, Personal))
    for member in get_args(annotation):
        yield from _marks(member, seen)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and annotation not in seen:
        seen.add(annotation)
        for field in annotation.model_fields.values():
            yield from (mark for mark in field.metadata if isinstance(mark, Personal))
            yield from _marks(field.annotation, seen)
