"""The forms of leaves that stored values have already, or get by one call: such leaves need no coercion."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLOutputType,
    GraphQLString,
    get_nullable_type,
)

from api.encoding import write_stored_moment, write_stored_text


class LeafForm(Enum):
    """How a stored value of the usual class is written. Values of other classes are coerced."""

    TEXT = auto()
    NUMBER = auto()
    INTEGER = auto()
    TRUTH = auto()
    MOMENT = auto()
    CHOICE = auto()
    """It is a text that stands for a value of an enum: see `names_of_choices`."""
    OTHER = auto()
    """It is coerced, or it is no leaf."""


_FORMS = {
    GraphQLString: LeafForm.TEXT,
    GraphQLID: LeafForm.TEXT,
    GraphQLFloat: LeafForm.NUMBER,
    GraphQLInt: LeafForm.INTEGER,
    GraphQLBoolean: LeafForm.TRUTH,
}

_FORMS_OF_WRITERS: Mapping[object, LeafForm] = {
    write_stored_moment: LeafForm.MOMENT,
    write_stored_text: LeafForm.TEXT,
}
"""The forms of the API's own scalars, by the function that writes them."""


def leaf_form(declared: GraphQLOutputType) -> LeafForm:
    """Return the form of values of this type."""
    inner: Any = get_nullable_type(declared)
    form = _FORMS_OF_WRITERS.get(getattr(inner, "coerce_output_value", None))
    if form is not None:
        return form
    if isinstance(inner, GraphQLEnumType):
        return LeafForm.CHOICE
    return next((form for scalar, form in _FORMS.items() if inner is scalar), LeafForm.OTHER)


def names_of_choices(declared: GraphQLOutputType) -> Mapping[str, str]:
    """Return the names of an enum's values by the texts that are stored for them.

    Values that are not stored as texts are left out.
    """
    inner: Any = get_nullable_type(declared)
    names: dict[str, str] = {}
    for value in inner.values.values():
        if isinstance(value.value, str):
            names[str(value.value)] = inner.coerce_output_value(value.value)
    return names
