"""Exceptions of contexts and views, described without data of a command or an event. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import FrozenInstanceError
from traceback import format_tb
from types import MappingProxyType
from typing import NamedTuple

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from domain.kernel.errors import ReadOnlyValue, UnfitValue
from domain.kernel.fields import Unstorable
from domain.kernel.input_messages import AUTHOR_ERRORS, PYDANTIC_ERRORS, input_message

WRONG_VALUE = "wrong value"
READ_ONLY = "read-only value"

Location = tuple[str | int, ...]

_MUTATORS = frozenset({"clear", "pop", "popitem", "setdefault", "update"})


class Fault(NamedTuple):
    """The `kind` of an error, what the code `did`, and `why` that is wrong; empty if unknown."""

    kind: str
    did: str
    why: str = ""

    def text(self, called: str, place: str, what: str = "") -> str:
        """Return one sentence; `what` says what the code was called for."""
        sentence = f"{called} {self.did}{what} at {place}".lstrip()
        return f"{sentence}: {self.why}" if self.why else sentence


def fault(error: BaseException) -> Fault:
    """Describe an error without its text, which may contain data."""
    name = type(error).__name__
    if isinstance(error, ValidationError):
        return _misfit_fault(error)
    if isinstance(error, FrozenInstanceError):
        return Fault(READ_ONLY, "changed a frozen value", "make a new one with replace(...)")
    if isinstance(error, ReadOnlyValue):
        return Fault(READ_ONLY, "changed a read-only value", str(error))
    if isinstance(error, UnfitValue):
        return Fault(WRONG_VALUE, "made a value that cannot be stored", str(error))
    if _changes_mapping(error):
        return Fault(
            READ_ONLY,
            "changed read-only data",
            "return a new dict with the change, as in {**data, 'name': value}",
        )
    return Fault(name, f"raised {name}")


def describe_misfit(error: ValidationError) -> str:
    """Return why data does not fit a model: the wrong fields and what they must be, without the data."""
    errors = error.errors(include_url=False, include_input=False)
    keys = {details["loc"][:-1] for details in errors if details["loc"][-1:] == ("[key]",)}
    return "; ".join(_message(details, keys) for details in errors)


def traceback_text(error: BaseException) -> str:
    """Return the traceback of an error without its text, which may contain data."""
    frames = "".join(format_tb(error.__traceback__))
    return f"Traceback (most recent call last):\n{frames}{type(error).__name__}"


def _misfit_fault(error: ValidationError) -> Fault:
    article = "an" if error.title[:1] in tuple("aeiouAEIOU") else "a"
    model = f"{article} {error.title}"
    kinds = {details["type"] for details in error.errors(include_url=False)}
    if kinds & {"frozen_instance", "frozen_field"}:
        why = "events and commands cannot be changed; make a new one"
        return Fault(READ_ONLY, f"changed {model}", why)
    return Fault(WRONG_VALUE, f"made {model} that does not fit", describe_misfit(error))


def _message(details: ErrorDetails, keys: Collection[Location]) -> str:
    kind, location = details["type"], details["loc"]
    is_own = isinstance(details.get("ctx", {}).get("error"), Unstorable) or kind == "unstorable"
    if not is_own and (kind in AUTHOR_ERRORS or kind not in PYDANTIC_ERRORS):
        message = "is refused by a validator of its class"
    else:
        message = input_message(details)
    path = _path(location, keys)
    if kind == "missing" and len(location) > 1:
        # The last step is the name of a declared field, never the key of a dict.
        path = f"{_path(location[:-1], keys)}.{location[-1]}"
    return f"{path}: {message}" if path else message


def _path(location: Location, keys: Collection[Location]) -> str:
    """Return the field and indexes in it, without steps that may be the key of a dict, as `keys` are."""
    if not location:
        return ""
    first = location[0]
    shown = first if isinstance(first, str) and first.isidentifier() else "…"
    for end, step in enumerate(location[1:], 2):
        if not isinstance(step, int) or location[:end] in keys:
            return f"{shown}.…"
        shown += f"[{step}]"
    return shown


def _changes_mapping(error: BaseException) -> bool:
    """Return whether the error was raised by code that changes a read-only mapping."""
    if isinstance(error, AttributeError):
        return isinstance(error.obj, MappingProxyType) and error.name in _MUTATORS
    text = str(error) if isinstance(error, TypeError) else ""
    return text.startswith("'mappingproxy' object does not support item") or (
        text.startswith("'|=' is not supported by mappingproxy")
    )
