"""The words in which types and values that cannot be stored are refused. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ForwardRef, TypeVar, get_args, get_origin

from pydantic import NaiveDatetime

from domain.kernel.errors import DeclarationError, UnfitValue

_SEE = "docs/types.md lists the types that can be stored"


def refusal(annotation: Any) -> str:
    """Return why an annotation is not in the table of types, and what to use instead."""
    name = type_name(annotation)
    if isinstance(annotation, ForwardRef):
        return f"{annotation.__forward_arg__} is not defined; define it above, or import it"
    if annotation in (Any, object):
        return f"{name} says nothing about what is stored; use Json for any JSON value"
    if annotation is NaiveDatetime:
        return f"{name} does not say which moment it is; use Moment"
    if annotation in (list, tuple, set, frozenset, dict):
        arguments = "[str, int]" if annotation is dict else "[str, ...]" if annotation is tuple else "[str]"
        return f"{name} does not name the type of its items; write {name}{arguments}"
    if isinstance(annotation, TypeVar):
        return f"{name} is a type variable; name the type that it stands for"
    if getattr(get_origin(annotation) or annotation, "__module__", "") == "collections.abc":
        return f"{name} does not say which class comes back; use list, tuple, set, frozenset or dict"
    return f"{name} is not a type that can be stored; use a pydantic model or a dataclass ({_SEE})"


def undefined(python: Any, name: str) -> DeclarationError:
    """Return the error of a class with an annotation in which `name` is not defined."""
    return DeclarationError(
        f"{_field_with(python, name)}: {name} is not defined; define it at the top level "
        "of the module, or import it"
    )


def _field_with(python: Any, name: str) -> str:
    """Return class and field of the annotation that contains the name."""
    for kind in reversed(python.__mro__):
        for field, annotation in vars(kind).get("__annotations__", {}).items():
            text = getattr(annotation, "__forward_arg__", annotation)
            if re.search(rf"\b{re.escape(name)}\b", str(text)):
                return f"{python.__name__}.{field}"
    return str(python.__name__)


def type_names(annotations: Iterable[Any]) -> str:
    """Return the names of several types, as an author wrote them."""
    return " and ".join(map(type_name, annotations))


def type_name(annotation: Any) -> str:
    """Return the name of a type, as an author wrote it."""
    plain = isinstance(annotation, type) and not get_args(annotation)
    return annotation.__name__ if plain else str(annotation).replace("typing.", "")


def class_name(value: Any) -> str:
    """Return the name of the value's class, which a message may show instead of the value."""
    return type(value).__name__


def wrong_class(value: Any, expected: str) -> UnfitValue:
    """Return the error of a value of another class than `expected`, such as "a date"."""
    return UnfitValue(f"expected {expected}, not a value of class {class_name(value)}")


def missing_field(name: str, owner: str) -> UnfitValue:
    """Return the error of a value without a field that its class `owner` declares."""
    return UnfitValue("the field is missing", (name,), owner)


def wrong_member(python: type) -> str:
    """Return why a stored value belongs to no member of the Enum."""
    return f"what is stored is no value of {python.__name__}"


def wrong_choice(choices: Iterable[Any]) -> str:
    """Return why a value is none of a Literal's."""
    return f"expected one of {', '.join(map(repr, choices))}"


def wrong_enum(python: type) -> str:
    """Return why a value is not of the Enum."""
    return f"expected a value of {python.__name__}"
