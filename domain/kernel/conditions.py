"""Conditions of commands on data outside their streams, such as the keys of subjects or parked events. Pure.

An aggregate cannot check them, because it decides on its own state. A class of commands declares them, and
the application gives the command bus a handler for each.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

C = TypeVar("C")


@dataclass(frozen=True, eq=False, slots=True)
class Condition(Generic[C]):
    """A condition of commands of the type `C`; `text` is a clause that states it."""

    text: str
