"""A view of the tests' own whose rows are of people that others speak of, in streams of the others."""

from __future__ import annotations

from typing import TypedDict

from domain.kernel import RecordedEvent
from projections.kernel.view import View
from tests.helpers.people import Remarked, context


class MentionRow(TypedDict):
    """What was said of a person, in the order of the log, and how much it was liked."""

    id: str
    texts: list[str | None]
    likes: int


def _key(event: RecordedEvent) -> tuple[str, ...]:
    payload = event.payload
    return (payload.about_id,) if isinstance(payload, Remarked) and payload.about_id else ()


def _apply(id: str, row: MentionRow | None, event: RecordedEvent) -> MentionRow | None:
    payload = event.payload
    if not isinstance(payload, Remarked):
        return row
    if row is None:
        # Only what says something begins a row: without its text it does not.
        return {"id": id, "texts": [payload.text], "likes": payload.likes} if payload.text else None
    return {**row, "texts": [*row["texts"], payload.text], "likes": row["likes"] + payload.likes}


view = View(name="mentions", singular="mention", context=context, row=MentionRow, key=_key, apply=_apply)
