"""GraphQL types for the annotations that rows and commands use; every class is declared once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import Enum
from inspect import cleandoc
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints, is_typeddict

import strawberry
from pydantic import BaseModel, JsonValue
from pydantic.fields import FieldInfo

from api.graphql.declare import declare, enumeration, input_field, listed, output_field
from api.graphql.scalars import JSON
from domain.kernel.errors import DeclarationError

_PLAIN = (str, int, float, bool, datetime)
_LISTS = (list, tuple, set, frozenset, Sequence)


class TypeMap:
    """Turns Python annotations into GraphQL types.

    Text in a field named ``id`` or ``…_id`` is an ID, a TypedDict an object type, a pydantic model an input
    type, and what has no shape is JSON. Raises DeclarationError where an annotation has no counterpart.
    """

    def __init__(self) -> None:
        self._declared: dict[str, tuple[object, Any]] = {}

    def of(self, annotation: Any, field: str, place: str) -> Any:
        """The type of a field; `place` names where it was declared, for the error."""
        if get_origin(annotation) is Annotated:
            return self.of(get_args(annotation)[0], field, place)
        if get_origin(annotation) in (Union, UnionType):
            return self._optional(annotation, field, place)
        if get_origin(annotation) in _LISTS:
            return listed(self.of(get_args(annotation)[0], field.removesuffix("s"), place))
        if annotation is str and (field == "id" or field.endswith("_id")):
            return strawberry.ID
        if annotation in _PLAIN:
            return annotation
        if annotation in (Any, JsonValue, dict) or get_origin(annotation) in (dict, Mapping):
            return JSON
        if isinstance(annotation, type):
            return self._class(annotation, f"{place}.{field}")
        raise DeclarationError(f"{place}.{field}: {annotation!r} has no counterpart in GraphQL")

    def claim(self, name: str, source: object, make: Any) -> Any:
        """The type `name` made from `source`; raises DeclarationError where another source made it first."""
        if name in self._declared:
            first, made = self._declared[name]
            if first != source:
                raise DeclarationError(f"{first!r} and {source!r} would both be the GraphQL type {name}")
            return made
        made = make()
        self._declared[name] = (source, made)
        return made

    def row_fields(self, row: type) -> list[Any]:
        """The fields of a TypedDict."""
        hints = get_type_hints(row, include_extras=True)
        return [output_field(name, self.of(hint, name, row.__name__)) for name, hint in hints.items()]

    def model_input(self, model: type[BaseModel], name: str) -> Any:
        """The input type of a pydantic model; a field with a default may be left out."""
        return self.claim(name, model, lambda: self._declare_input(model, name))

    def _optional(self, annotation: Any, field: str, place: str) -> Any:
        members = [member for member in get_args(annotation) if member is not NoneType]
        if len(members) != 1:
            raise DeclarationError(f"{place}.{field}: a union of several types has no counterpart in GraphQL")
        return self.of(members[0], field, place) | None

    def _class(self, annotation: type, place: str) -> Any:
        name = annotation.__name__
        if issubclass(annotation, Enum):
            return self.claim(name, annotation, lambda: _declare_enum(annotation))
        if is_typeddict(annotation):
            text = _first_paragraph(annotation)
            return self.claim(name, annotation, lambda: declare(name, self.row_fields(annotation), text))
        if issubclass(annotation, BaseModel):
            return self.model_input(annotation, f"{name}Input")
        raise DeclarationError(f"{place}: {name} has no counterpart in GraphQL")

    def _declare_input(self, model: type[BaseModel], name: str) -> Any:
        fields = []
        for field, info in model.model_fields.items():
            shape = self.of(info.annotation, field, model.__name__)
            fields.append(
                input_field(
                    field, shape, info.description, required=info.is_required(), default=_default(info)
                )
            )
        return declare(name, fields, _first_paragraph(model), is_input=True)


def _declare_enum(source: type[Enum]) -> Any:
    # Made anew: strawberry marks the class it is given, and the domain's own is to stay as it is.
    values = {member.name: member.value for member in source}
    return enumeration(source.__name__, values, _first_paragraph(source))


def _default(info: FieldInfo) -> object:
    if info.is_required() or info.default is None:
        return strawberry.UNSET
    default: object = info.get_default(call_default_factory=True)
    return default.value if isinstance(default, Enum) else default


def _first_paragraph(documented: type) -> str | None:
    return cleandoc(documented.__doc__).split("\n\n")[0] if documented.__doc__ else None
