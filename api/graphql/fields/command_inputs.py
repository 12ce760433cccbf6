"""Commands from inputs, which pydantic checks, with errors in the names of clients."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from api.graphql.fields.input_readers import input_reader
from api.graphql.input_types import member_name
from domain.kernel.command import Command
from domain.kernel.errors import DataKey, UnfitValue, ValidationFailed
from domain.kernel.input_messages import input_message
from domain.kernel.names import client_name
from domain.kernel.types.annotations import (
    FieldType,
    ListOf,
    MapOf,
    OneOf,
    OptionalOf,
    RecordOf,
    TupleOf,
    record_type,
)

M = TypeVar("M", bound=BaseModel)
C = TypeVar("C", bound=Command)

Path = tuple[str | int, ...]


def read_input(model: type[M], data: Any, *prefix: str) -> M:
    """Return `data` as the model; raises ValidationFailed, whose path starts with `prefix`."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise _refusal(input_message(first), (*prefix, *first["loc"])) from None


def read_command(command: type[C], data: Mapping[str, Any], *prefix: str) -> C:
    """Return the command of a GraphQL input under Python names; raises ValidationFailed as `read_input`."""
    record = record_type(command)
    read = input_reader(record)
    values: Any = data
    try:
        values = data if read is None else read(data)
        return command.model_validate(values)
    except RecursionError:
        raise _refusal("the values are nested too deeply", prefix) from None
    except UnfitValue as error:
        raise _refusal(error.reason, (*prefix, *error.path)) from None
    except ValidationError as error:
        for details in error.errors(include_url=False, include_input=False):
            path = _client_path(record, details["loc"], values)
            if path is not None:
                raise _refusal(input_message(details), (*prefix, *path)) from None
        raise


def _refusal(message: str, path: Path) -> ValidationFailed:
    name = ".".join(part if isinstance(part, DataKey) else client_name(str(part)) for part in path)
    return ValidationFailed(f"{name}: {message}" if name else message, path)


def _client_path(declared: FieldType, location: Path, value: Any) -> Path | None:
    """Return the path of an error without pydantic's own steps.

    None for an error about a member of a union that is not the member of the value.
    """
    if not location:
        return ()
    step, *rest = location
    inner = tuple(rest)
    match declared:
        case OptionalOf(type):
            return _client_path(type, location, value)
        case RecordOf(_, fields) if step in fields:
            return _behind(step, _client_path(fields[str(step)].type, inner, _item(value, step)))
        case RecordOf():
            return (DataKey(step),)
        case ListOf(item, _):
            return _behind(step, _client_path(item, inner, _item(value, step)))
        case TupleOf(items) if isinstance(step, int) and step < len(items):
            return _behind(step, _client_path(items[step], inner, _item(value, step)))
        case MapOf(_, of_value):
            key_is_wrong = inner == ("[key]",)
            deeper = () if key_is_wrong else _client_path(of_value, inner, _item(value, step))
            return _behind(DataKey(step), deeper)
        case OneOf(discriminator, _):
            member = declared.by_value.get(_item(value, discriminator))
            if member is None or step not in (member.python.__name__, _item(value, discriminator)):
                return None
            return _behind(member_name(member), _client_path(member, inner, value))
    return ()


def _behind(step: str | int, path: Path | None) -> Path | None:
    return None if path is None else (step, *path)


def _item(value: Any, step: Any) -> Any:
    """Return the item of a value under a name or index; None where there is none."""
    try:
        return value[step]
    except (LookupError, TypeError):
        return None
