"""Rows of notes as a view stores them, and the filter of those with a positive score."""

from __future__ import annotations

from typing import Any

from projections.querying.filters import FieldCondition
from projections.storage.rows import Row

POSITIVE = FieldCondition("score", "gt", 0)


def row(
    position: int,
    score: int,
    *,
    created: int = 1,
    gone: bool = False,
    tenant: str = "default",
    id: str = "note-1",
    command: str | None = None,
) -> Row:
    own: dict[str, Any] = {"id": id} if gone else {"id": id, "score": score}
    if command is not None:
        own["_command"] = command
    return own | {
        "_tenant": tenant,
        "_gone": gone,
        "_position": position,
        "_place": 0,
        "_created": created,
    }
