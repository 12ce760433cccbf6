"""From the old shapes of letters to the new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.kernel import upcaster


@upcaster("letter.sent", 1)
def sent_1(data: Mapping[str, Any]) -> dict[str, Any]:
    """A letter can have more than one recipient."""
    rest = {name: data[name] for name in data if name != "recipient"}
    return {**rest, "recipients": [data["recipient"]]}


@upcaster("letter.sent", 2)
def sent_2(data: Mapping[str, Any]) -> dict[str, Any]:
    """What was urgent has a speed."""
    rest = {name: data[name] for name in data if name != "urgent"}
    return {**rest, "speed": "FAST" if data.get("urgent") else "SLOW"}
