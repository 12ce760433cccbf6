"""What an entry of a history says of the commit that it is about."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry

from api.graphql.execution.request_context import RequestContext
from api.graphql.scalars import Position
from domain.kernel import CommitInfo
from eventstore.place import Place

COMMIT = {
    "position": (Position, "The place in the log."),
    "time": (datetime, "When it happened."),
    "recorded_at": (datetime, "When it was recorded."),
    "actor": (str | None, "On whose behalf it happened."),
    "command": (str, "The command that caused it."),
    "command_id": (strawberry.ID, "The id of that command."),
    "correlation_id": (strawberry.ID, "Shared by all that was caused by one request."),
}
"""The fields: their types, and what they say."""


def commit_row(commit: CommitInfo, context: RequestContext) -> dict[str, Any]:
    """The values of the fields."""
    return {
        "position": context.seal(Place(commit.position)),
        "time": commit.occurred or commit.at,
        "recorded_at": commit.at,
        "actor": commit.actor,
        "command": commit.command,
        "command_id": commit.command_id,
        "correlation_id": commit.correlation,
    }
