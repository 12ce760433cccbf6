"""Counting the personal data of a subject in the log."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from eventstore.mongo.driver import Database, unavailable_if_down
from eventstore.mongo.reads import aggregate


class SubjectData(NamedTuple):
    """The events with personal data of a subject, and their streams."""

    streams: int
    events: int


async def count_subject_data(database: Database, tenant: str, subject: str) -> SubjectData:
    """Count the personal data of a subject in commits that are not archived.

    It reads all commits of the tenant. Raises Unavailable.
    """
    about = {"events.sealed.subject": subject}
    stages: list[Mapping[str, Any]] = [
        {"$match": {"tenant": tenant, **about}},
        {"$unwind": "$events"},
        {"$match": about},
        {"$group": {"_id": "$stream", "events": {"$sum": 1}}},
        {"$group": {"_id": None, "streams": {"$sum": 1}, "events": {"$sum": "$events"}}},
    ]
    with unavailable_if_down():
        groups = await aggregate(database["log"], stages)
    return SubjectData(groups[0]["streams"], groups[0]["events"]) if groups else SubjectData(0, 0)
