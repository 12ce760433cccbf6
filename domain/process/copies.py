"""Copies of states, which are made for each event. Pure."""

from __future__ import annotations

from typing import Any, TypeVar

D = TypeVar("D")


def changed(state: D, **values: Any) -> D:
    """Return a copy of a frozen dataclass without slots that has these values in the fields of their names.

    As `dataclasses.replace`, without calling its `__init__`, which takes five times as long.
    """
    copy = object.__new__(type(state))
    object.__setattr__(copy, "__dict__", state.__dict__ | values)
    return copy
