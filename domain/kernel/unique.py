"""Unique values: at most one stream of a tenant has each of them. Pure.

An aggregate cannot check them, because it decides on its own state. Its context declares them, and the
command bus claims a value before it stores the events that lead to it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Unique:
    """Declares a value of an aggregate's state as unique: ``Unique("email", of=lambda user: user.email)``.

    `field` is the name that a refused client reads. `of` returns the value of a state in the form in which
    values are compared, such as lower case, or None for a state that has none. It must be pure.
    """

    field: str
    of: Callable[[Any], str | None]
