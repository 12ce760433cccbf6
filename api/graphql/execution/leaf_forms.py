"""The forms of leaves that stored values have already, or get by one call: such leaves need no coercion."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLOutputType,
    GraphQLString,
    get_nullable_type,
)

from api.encoding import write_stored_moment


class LeafForm(Enum):
    """How a stored value of the usual class is written. Values of other classes are coerced."""

    TEXT = auto()
    NUMBER = auto()
    INTEGER = auto()
    TRUTH = auto()
    MOMENT = auto()
    OTHER = auto()
    """It is coerced, or it is no leaf."""


_FORMS = {
    GraphQLString: LeafForm.TEXT,
    GraphQLID: LeafForm.TEXT,
    GraphQLFloat: LeafForm.NUMBER,
    GraphQLInt: LeafForm.INTEGER,
    GraphQLBoolean: LeafForm.TRUTH,
}


def leaf_form(declared: GraphQLOutputType) -> LeafForm:
    """Return the form of values of this type."""
    inner: Any = get_nullable_type(declared)
    if getattr(inner, "coerce_output_value", None) is write_stored_moment:
        return LeafForm.MOMENT
    return next((form for scalar, form in _FORMS.items() if inner is scalar), LeafForm.OTHER)
