"""The log as an audit: who did what, when, and how it was known who it was.

It reads the metadata of commits and not their data, which for archived commits is in the archive.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from domain.kernel import CommitInfo
from eventstore.commit_documents import to_info
from eventstore.mongo.driver import Database, Document, unavailable_if_down
from eventstore.personal.client_addresses import open_clients
from eventstore.personal.subject_keys import SubjectKeys

PAGE = 500
"""Commits that are read at once."""


@dataclass(frozen=True, slots=True)
class AuditQuery:
    """The commits to return: those that meet every condition that is not None.

    `since` and `until` are record times; the second is excluded.
    """

    tenant: str | None = None
    actor: str | None = None
    command: str | None = None
    stream: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def to_filter(self, after: int, upto: int) -> Document:
        """Return the query as MongoDB's filter, for the positions after `after` and up to `upto`."""
        conditions = {
            "tenant": self.tenant,
            "actor": self.actor,
            "command.name": self.command,
            "stream": self.stream,
        }
        times = {"$gte": self.since, "$lt": self.until}
        at = {operator: time for operator, time in times.items() if time is not None}
        return {
            "_id": {"$gt": after, "$lte": upto},
            "events": {"$exists": True},
            **{field: {"$eq": value} for field, value in conditions.items() if value is not None},
            **({"at": at} if at else {}),
        }


class AuditEntry(NamedTuple):
    """A commit: its metadata, the address of its client if that is known, and the types of its events.

    `version` is that of its first event.
    """

    info: CommitInfo
    client: str | None
    version: int
    events: Sequence[str]


async def audit_entries(
    database: Database, keys: SubjectKeys, query: AuditQuery, after: int, upto: int
) -> AsyncGenerator[AuditEntry, None]:
    """Yield the commits that the query matches, in the order of the log, up to a settled position.

    Raises Unavailable.
    """
    hidden = {"events.data": 0, "events.sealed": 0}
    while True:
        with unavailable_if_down():
            found = database["log"].find(query.to_filter(after, upto), hidden)
            documents = await found.sort([("_id", 1)]).limit(PAGE).to_list(None)
        infos = [to_info(document) for document in documents]
        clients = await open_clients(keys, infos)
        for document, info, client in zip(documents, infos, clients, strict=True):
            events = document["events"]
            yield AuditEntry(info, client, events[0]["version"], [event["type"] for event in events])
        if len(documents) < PAGE:
            return
        after = documents[-1]["_id"]
