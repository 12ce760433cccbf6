"""The event that every contender broadcasts, by its number, and the question that asks for it."""

from __future__ import annotations

from typing import Any

FIRST = 100_000_001
"""The number of the first; all numbers have as many digits, so that all messages are equally long."""

TYPE, CATEGORY = "task.completed", "task"

POSITION = 35
"""The length of a sealed position."""

OPERATION = "1"
"""The id that clients give their operations, where they all give the same."""


def event(number: int) -> dict[str, Any]:
    """What a client is to get of it. nerve's positions are sealed, and look otherwise."""
    return {
        "id": event_id(number), "type": TYPE, "category": CATEGORY, "position": f"{number:0{POSITION}}",
    }  # fmt: skip


def event_id(number: int) -> str:
    return f"event-{number:028}"


def question(alias: str | None, on: str | None) -> str:
    """The subscription. With an alias it is a text of its own, of which nothing can be shared.

    `on` is the type of the event where the field can say other things too.
    """
    fields = f"{f'{alias}: id' if alias else 'id'} type category position"
    return f"subscription {{ events {{ {f'... on {on} {{ {fields} }}' if on else fields} }} }}"


def alias(number: int) -> str:
    """Of the subscriber with this number, as long as all others."""
    return f"id{number:05}"


def number_of(message: Any, alias: str | None) -> int | None:
    """The number of the event that a message brings, None where it brings none.

    Raises ValueError for an event that is not the one it says it is.
    """
    found = message.get("payload", {}).get("data", {}).get("events", {}) if message["type"] == "next" else {}
    name = alias or "id"
    if name not in found:
        return None
    number = int(found[name].removeprefix("event-"))
    expected = {name if key == "id" else key: value for key, value in event(number).items()}
    if {**found, "position": ""} != {**expected, "position": ""} or len(found["position"]) != POSITION:
        raise ValueError(f"a client got {message}")
    return number
