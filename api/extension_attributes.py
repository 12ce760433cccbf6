"""Extension attributes of CloudEvents: which are accepted, and the names under which they are written again.

They are stored with the commit that an event leads to. When its events are written as CloudEvents, an
attribute whose name nerve uses itself gets the prefix ``ext``, which is removed when it is read back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints

from domain.kernel.event import Extensions, ExtensionValue

OWN_ATTRIBUTES = frozenset(
    {
        # Of the specification.
        "specversion", "id", "source", "type", "subject", "time", "datacontenttype", "dataschema", "data",
        # Of nerve.
        "recordedtime", "firstrecordedtime", "tenant", "category", "position", "eventcount", "eventindex",
        "streamversion", "revision", "command", "commandid", "correlationid", "causationid", "actor",
        "authentication", "origin", "clientaddress",
    }
)  # fmt: skip
"""The attributes that a written event has by itself."""

PREFIX = "ext"

SMALLEST, LARGEST = -(2**31), 2**31 - 1
"""The bounds of integers in the specification."""


def _check_value(value: Any) -> Any:
    is_integer = isinstance(value, int) and SMALLEST <= value <= LARGEST
    if value is None or is_integer or isinstance(value, str):
        return value
    raise ValueError("must be a text, an integer of 32 bits, true or false, as in CloudEvents")


def _check_name(name: str) -> str:
    if name.isascii() and name.isalnum() and name == name.lower():
        return name
    raise ValueError("is no attribute of CloudEvents: their names have lower-case letters and digits alone")


Name = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_check_name)]
"""The name of an attribute."""

Value = Annotated[ExtensionValue | None, BeforeValidator(_check_value)]
"""The value of an extension attribute; None is the same as no attribute."""


def received_extensions(others: Mapping[str, Any] | None) -> Extensions | None:
    """Return the extension attributes of a received event, from the attributes that are not used; or None."""
    return {name: value for name, value in (others or {}).items() if value is not None} or None


def written_extensions(extensions: Extensions | None) -> Extensions:
    """Return the extension attributes under the names with which they are written."""
    return {PREFIX + name if _is_used(name) else name: value for name, value in (extensions or {}).items()}


def exported_extensions(others: Mapping[str, Any] | None) -> Extensions | None:
    """Return the extension attributes of a written event, from its attributes without a field; or None."""
    extensions = {}
    for name, value in (received_extensions(others) or {}).items():
        if name not in OWN_ATTRIBUTES:
            extensions[name.removeprefix(PREFIX) if _is_used(name) else name] = value
    return extensions or None


def _is_used(name: str) -> bool:
    """Return whether nerve uses the name itself, or writes another attribute under it."""
    while name not in OWN_ATTRIBUTES and name.startswith(PREFIX):
        name = name.removeprefix(PREFIX)
    return name in OWN_ATTRIBUTES
