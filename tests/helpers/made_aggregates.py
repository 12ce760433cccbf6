"""Aggregates that are made from parts, some of which are wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from domain.kernel import Aggregate
from tests.helpers.mistakes import Begin, Begun, Sheet


def _decide(self: Any, command: Any, facts: Any) -> list[Begun]:
    return []


def aggregate(commands: Any = Begin, events: Any = Begun, /, **members: Any) -> Any:
    """An aggregate like a sheet, but for these members."""
    methods = {"decide": _decide, "evolve": Sheet.evolve, "category": "sheet", **members}
    base: Any = Aggregate[commands, events]
    made = type("Made", (Aggregate,), {**methods, "__orig_bases__": (base,)})
    return dataclass(frozen=True)(made)
