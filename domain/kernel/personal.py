"""Personal fields of events and of what events carry, and the subjects whom they are about. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from functools import cache
from types import NoneType
from typing import Any, TypeVar, cast, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from domain.kernel.aggregate import Aggregate, event_classes
from domain.kernel.data_carrier import DataCarrier
from domain.kernel.errors import DeclarationError, ValidationFailed
from domain.kernel.event import Event, NewEvent
from domain.kernel.fields import ID_PATTERN, MAX_ID_LENGTH, Personal

PersonalData = dict[str, dict[str, Any]]
"""Personal values by field, or by the path in a field, by subject."""

E = TypeVar("E", bound=Event)

_IDENTIFIER = re.compile(ID_PATTERN)


def actor_subject(actor: str) -> str:
    """Return the subject of the personal data of an actor, by which it is erased.

    An actor whose name is an `Identifier` is that subject itself. Another one, such as ``auth0|4711``, gets
    an id made of a digest of its name.
    """
    if len(actor) <= MAX_ID_LENGTH and _IDENTIFIER.fullmatch(actor):
        return actor
    return f"actor-{hashlib.sha256(actor.encode()).hexdigest()[:32]}"


@cache
def personal_fields(event: type[Event]) -> Mapping[str, str | None]:
    """Return the event's personal fields, each with the field that names its subject; None is the stream.

    Raises DeclarationError if a marked field could not be encrypted, or could not be None after an erasure.
    """
    subjects: dict[str, str | None] = {}
    for name, mark in _marked_fields(event):
        _check_optional(event, name)
        _check_subject(event, name, mark, event)
        subjects[name] = mark.subject
    return subjects


@cache
def personal_inputs(model: type[BaseModel], named_in: type[BaseModel] | None = None) -> Mapping[str, str]:
    """Return the personal fields of a command, a request or a reply, each with the field with its subject.

    That is a field of `named_in`, the request of a reply; without it one of the model itself. Raises
    DeclarationError if a marked field could not be encrypted where an event carries it, or if a field of a
    reply, which is read again, could not be None after an erasure.
    """
    subjects: dict[str, str] = {}
    for name, mark in _marked_fields(model):
        if mark.subject is None:
            raise DeclarationError(
                f"{model.__name__}.{name} is personal without a subject; name the field with the id of the "
                "person, as in Personal('customer_id')"
            )
        if named_in is not None:
            _check_optional(model, name)
        _check_subject(model, name, mark, named_in or model)
        subjects[name] = mark.subject
    return subjects


def carried_subjects(event: Event) -> Mapping[str, str]:
    """Return the subjects of the personal values that an event carries for other classes, by path."""
    return (cast(DataCarrier, event).personal or {}) if _carries_data(type(event)) else {}


@cache
def _carries_data(event: type[Event]) -> bool:
    """Return whether events of the class carry data. Cached, because `isinstance` takes long for models."""
    return issubclass(event, DataCarrier)


@cache
def holds_personal_data(aggregate: type[Aggregate[Any, Any]]) -> bool:
    """Return whether an event of the aggregate has a personal field, so its states may contain such data."""
    return any(map(personal_fields, event_classes(aggregate)))


@cache
def may_hold_personal_data(aggregate: type[Aggregate[Any, Any]]) -> bool:
    """Return whether an event of the aggregate has a personal field, or can carry personal values."""
    return holds_personal_data(aggregate) or any(
        issubclass(event, DataCarrier) for event in event_classes(aggregate)
    )


def holds_personal_values(event: Event) -> bool:
    """Return whether a personal field of the event, or a personal value that it carries, is not None."""
    names, carries_data = _personal_parts(type(event))
    for name in names:
        if getattr(event, name) is not None:
            return True
    if not carries_data:
        return False
    return any(_carried_value(vars(event), path) is not None for path in carried_subjects(event))


@cache
def _personal_parts(event: type[Event]) -> tuple[tuple[str, ...], bool]:
    """Return the names of the personal fields of a class, and whether its events carry data."""
    return tuple(personal_fields(event)), _carries_data(event)


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
    for path, subject in carried_subjects(event).items():
        value = _carried_value(data, path)
        if value is not None:
            personal.setdefault(subject, {})[path] = value
            field, _, member = path.partition(".")
            data[field] = {key: each for key, each in data[field].items() if key != member}
    return data, personal


def put_personal(data: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Put personal values into the data of an event, each at its field or its path."""
    for path, value in values.items():
        field, _, member = path.partition(".")
        data[field] = {**(data.get(field) or {}), member: value} if member else value


def without_subject(event: E, stream: str, subject: str) -> E:
    """Return an event of this stream as it is read after the erasure of a subject."""
    values = dict(event)
    for name, named_by in personal_fields(type(event)).items():
        if subject == (stream if named_by is None else values[named_by]):
            values[name] = None
    put_personal(values, {path: None for path, each in carried_subjects(event).items() if each == subject})
    return event.model_copy(update=values)


def _carried_value(fields: Mapping[str, Any], path: str) -> Any:
    """Return the value at the path in these fields; None if there is none."""
    field, _, member = path.partition(".")
    carried = fields.get(field)
    return carried.get(member) if isinstance(carried, Mapping) else None


def _marked_fields(model: type[BaseModel]) -> Iterator[tuple[str, Personal]]:
    """Yield the personal fields with their marks; raise DeclarationError for a mark inside a field."""
    for name, field in model.model_fields.items():
        marks = [mark for mark in field.metadata if isinstance(mark, Personal)]
        for mark in marks:
            yield name, mark
        if not marks and any(_marks(field.annotation, set())):
            raise DeclarationError(
                f"{model.__name__}.{name}: Personal() marks a whole field, as in"
                f" `{name}: Annotated[str | None, Personal()] = None`; here it is further inside"
            )


def _check_optional(model: type[BaseModel], name: str) -> None:
    field = model.model_fields[name]
    if NoneType not in get_args(field.annotation) or field.is_required() or field.default is not None:
        raise DeclarationError(
            f"{model.__name__}.{name} is personal and must allow None and have it as its default: "
            "that is what it reads once its subject is erased"
        )


def _check_subject(model: type[BaseModel], name: str, mark: Personal, named_in: type[BaseModel]) -> None:
    if mark.subject is None:
        return
    subject = named_in.model_fields.get(mark.subject)
    if subject is None or not _is_identifier(subject) or _is_marked(subject):
        owner = "" if named_in is model else f" of {named_in.__name__}"
        raise DeclarationError(
            f"{model.__name__}.{name}: its subject is named by {mark.subject!r}, which must be a field"
            f"{owner} of the type Identifier and not be personal"
        )


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
