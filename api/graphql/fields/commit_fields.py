"""The fields of a commit in the entries of a history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import strawberry

from api.graphql.execution.request_context import RequestContext
from api.graphql.scalars import Position
from domain.kernel import CommitInfo
from eventstore.place import Place

COMMIT = {
    "position": (Position, "The position in the log."),
    "time": (datetime, "When the change happened."),
    "recorded_at": (datetime, "When the change was recorded in the log."),
    "actor": (str | None, "The user or service on whose behalf the command ran."),
    "command": (str, "The command that caused the change."),
    "command_id": (strawberry.ID, "The id of that command."),
    "correlation_id": (
        strawberry.ID,
        "The id of the request's trace, or else of the command itself.",
    ),
}
"""The fields with their types and descriptions."""


def commit_row(commit: CommitInfo, context: RequestContext) -> dict[str, Any]:
    """Return the values of the fields."""
    return {
        "position": context.seal(Place(commit.position)),
        "time": commit.occurred or commit.at,
        "recorded_at": commit.at,
        "actor": commit.actor,
        "command": commit.command,
        "command_id": commit.command_id,
        "correlation_id": commit.correlation,
    }
