"""Letters as older releases stored them."""

from __future__ import annotations

from typing import Any

from tests.helpers.notes import now

FIRST = ("letter.sent", 1, {"recipient": "Ada", "text": "Hello", "urgent": True})
SECOND = ("letter.sent", 2, {"recipients": ["Ada", "Bob"], "text": "Hello again", "urgent": False})
THIRD = ("letter.sent", 3, {"recipients": ["Cleo"], "text": "Bye", "speed": "FAST"})
OPENED = ("letter.opened", 1, {"by": "Ada"})
NEWER = ("letter.sent", 4, {"recipients": ["Ada"], "text": "Hi", "speed": "FAST", "stamp": "blue"})
UNKNOWN: tuple[str, int, dict[str, Any]] = ("letter.burnt", 1, {})
BROKEN = ("letter.sent", 1, {"text": "to nobody"})


def document(
    position: int, stream: str, version: int, *events: tuple[str, int, dict[str, Any]]
) -> dict[str, Any]:
    """A commit as the log holds it, whose events begin at `version`."""
    return {
        "_id": position,
        "tenant": "default",
        "stream": stream,
        "category": "letter",
        "events": [
            {"id": f"evt-{position}-{place}", "type": name, "schema": revision, "version": version + place}
            | {"data": data}
            for place, (name, revision, data) in enumerate(events)
        ],
        "command": {"id": f"cmd-{position}", "name": "Send"},
        "correlation": f"cmd-{position}",
        "at": now(),
    }
