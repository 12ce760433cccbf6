"""What the code of contexts and views raised, in words that hold no data of a command or an event. Pure."""

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
from domain.kernel.input_messages import KNOWN, OWN_WORDS, input_message

FAULTS = (Exception, SystemExit)
"""What user code may raise without ending the process: SystemExit is meant for a program of its own."""

WRONG_VALUE = "wrong value"
READ_ONLY = "read-only value"

Location = tuple[str | int, ...]

_MUTATORS = frozenset({"clear", "pop", "popitem", "setdefault", "update"})


class Fault(NamedTuple):
    """An error by its `kind`, what the code `did`, and `why` that is wrong, empty where it is not known."""

    kind: str
    did: str
    why: str = ""

    def text(self, called: str, place: str, what: str = "") -> str:
        """One sentence; `what` says what the code was called for."""
        said = f"{called} {self.did}{what} at {place}".lstrip()
        return f"{said}: {self.why}" if self.why else said


def fault(error: BaseException) -> Fault:
    """What is known of an error without its text, which may hold data."""
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
    """Why data does not fit a model: its fields with what they must be, without the data."""
    wrong = error.errors(include_url=False, include_input=False)
    keys = {one["loc"][:-1] for one in wrong if one["loc"][-1:] == ("[key]",)}
    return "; ".join(_worded(one, keys) for one in wrong)


def traceback_text(error: BaseException) -> str:
    """The traceback of an error without its text, which may hold data."""
    frames = "".join(format_tb(error.__traceback__))
    return f"Traceback (most recent call last):\n{frames}{type(error).__name__}"


def _misfit_fault(error: ValidationError) -> Fault:
    article = "an" if error.title[:1] in tuple("aeiouAEIOU") else "a"
    named = f"{article} {error.title}"
    if any(one["type"] in ("frozen_instance", "frozen_field") for one in error.errors(include_url=False)):
        why = "events and commands cannot be changed; make a new one"
        return Fault(READ_ONLY, f"changed {named}", why)
    return Fault(WRONG_VALUE, f"made {named} that does not fit", describe_misfit(error))


def _worded(one: ErrorDetails, keys: Collection[Location]) -> str:
    kind = one["type"]
    own = isinstance(one.get("ctx", {}).get("error"), Unstorable) or kind == "unstorable"
    if not own and (kind in OWN_WORDS or kind not in KNOWN):
        words = "is refused by a validator of its class"
    else:
        words = input_message(one)
    place = _place(one["loc"], keys)
    if kind == "missing" and len(one["loc"]) > 1:
        # Its last step is the name of a declared field, never the key of a dict.
        place = f"{_place(one['loc'][:-1], keys)}.{one['loc'][-1]}"
    return f"{place}: {words}" if place else words


def _place(location: Location, keys: Collection[Location]) -> str:
    """The field and indexes in it. What may be the key of a dict, as `keys` are, is left out."""
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
    """Whether it was raised for a change of a mapping that is handed out read-only."""
    if isinstance(error, AttributeError):
        return isinstance(error.obj, MappingProxyType) and error.name in _MUTATORS
    text = str(error) if isinstance(error, TypeError) else ""
    return text.startswith("'mappingproxy' object does not support item") or (
        text.startswith("'|=' is not supported by mappingproxy")
    )
