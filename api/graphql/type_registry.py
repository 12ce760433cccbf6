"""The GraphQL types of a schema by name: each is declared once, and from one Python declaration."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import is_dataclass
from enum import Enum
from inspect import cleandoc
from typing import Any

from api.graphql.declare import add_field, declare, enumeration
from api.graphql.name_clashes import describe, name_clash
from api.graphql.scalars import SCALARS, scalar_shape
from domain.kernel.errors import DeclarationError
from domain.kernel.name_checks import check_name
from domain.kernel.types.annotations import Scalar


class TypeRegistry:
    """Keeps declared types with what they are made from."""

    def __init__(self) -> None:
        self._declared: dict[str, tuple[object, Any]] = {}

    def claim(self, name: str, source: object, make: Callable[[], Any]) -> Any:
        """Return the type `name` that is made from `source`.

        Raises DeclarationError where the type was made from another source.
        """
        if name in self._declared:
            first, declared = self._declared[name]
            if first != source:
                raise name_clash(first, source, f"the GraphQL type {name}")
            return declared
        if name in _RESERVED_TYPES:
            raise name_clash(source, None, f"the GraphQL type {name}")
        check_name(describe(source), name)
        declared = make()
        self._declared[name] = (source, declared)
        return declared

    def declare_once(
        self, name: str, source: type, fields: Callable[[], Any], *, is_input: bool = False
    ) -> Any:
        """Return the type `name` with the fields of the class `source`, which may lead back to the type."""
        is_new = name not in self._declared
        text = _first_paragraph(source)
        declared = self.claim(name, source, lambda: declare(name, [], text, is_input=is_input))
        if is_new:
            for field in fields():
                add_field(declared, field)
        return declared

    def scalar(self, scalar: Scalar, field: str) -> Any:
        """Return the scalar or enum of a type, for a field of this name."""
        python = scalar.python
        if scalar.choices is not None and issubclass(python, Enum):
            return self.claim(python.__name__, python, lambda: _declare_enum(python))
        return scalar_shape(scalar, field)


def _declare_enum(source: type[Enum]) -> Any:
    # A new class: strawberry marks the class it is given, and the domain's own must stay as it is.
    for member in source:
        check_name(f"{source.__name__}.{member.name}", member.name)
        if member.name in _RESERVED_MEMBERS:
            raise DeclarationError(
                f"{source.__name__}.{member.name}: no member of an enum in GraphQL can be named true, false "
                f"or null; write it {member.name.upper()}"
            )
    values = {member.name: member.value for member in source}
    return enumeration(source.__name__, values, _first_paragraph(source))


def _first_paragraph(documented: type) -> str | None:
    text = documented.__doc__
    if not text or (is_dataclass(documented) and text.startswith(f"{documented.__name__}(")):
        return None  # a dataclass without a text has its signature in its place
    return cleandoc(text).split("\n\n")[0]


_RESERVED_MEMBERS = ("true", "false", "null")

_RESERVED_TYPES = frozenset(
    {
        "Query", "Mutation", "Subscription", "Node", "String", "Int", "Float", "Boolean", "ID",
        *(scalar.name for scalar in SCALARS.values()),
    }
)  # fmt: skip
"""Names of types that no declaration of a context makes."""
