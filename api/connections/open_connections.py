"""The open connections of this process, and their reports, which API processes exchange as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from heapq import nlargest
from itertools import islice
from typing import Literal, NamedTuple, Protocol

from pydantic import BaseModel, ConfigDict

from api.access.admissions import Admission

MAX_OPERATIONS = 10
"""Operations of a connection that a report contains."""

MAX_TEXT = 200
"""Characters of a text of a client, such as a document, that a report contains."""

MAX_CONNECTIONS = 1_000
"""Connections that a report contains."""

MAX_REPORT = 262_144
"""Bytes of the connections in a report, as JSON. API processes exchange it in one message."""

DOCUMENTS_SHARE = MAX_REPORT // 2
"""Bytes of a report that leave documents out once they are spent, so that more connections fit in."""

ConnectionKind = Literal["SOCKET", "STREAM"]


class RunningOperation(NamedTuple):
    """An operation that runs over a connection.

    `position`: everything up to it was delivered; None for an operation that follows no log.
    """

    id: str
    name: str | None
    document: str
    position: int | None


class OpenConnection(Protocol):
    """A connection, as its transport keeps it. `admission` is None until its client is admitted."""

    @property
    def admission(self) -> Admission | None: ...

    @property
    def outstanding(self) -> int:
        """Bytes that wait in this process for the client to take them."""

    @property
    def operations(self) -> int:
        """The number of running operations."""

    def running(self) -> Iterator[RunningOperation]:
        """Yield the running operations."""


class ConnectionSource(Protocol):
    """A transport with open connections of one kind."""

    @property
    def kind(self) -> ConnectionKind: ...

    def connections(self) -> Iterable[OpenConnection]:
        """Return the open connections."""


class _Report(BaseModel):
    model_config = ConfigDict(frozen=True)


class OperationReport(_Report):
    """A running operation, with the first characters of its document; none in a report that is full."""

    id: str
    name: str | None
    document: str
    position: int | None


class ConnectionReport(_Report):
    """An open connection, with its first operations; its id begins with the name of its server."""

    id: str
    kind: ConnectionKind
    tenant: str
    subject: str | None
    roles: Sequence[str]
    opened_at: datetime
    expires_at: datetime | None
    waiting_bytes: int
    operation_count: int
    operations: Sequence[OperationReport]


class ServerReport(_Report):
    """The connections of one API process: their number, and those with the most bytes waiting."""

    server: str
    connection_count: int
    operation_count: int
    waiting_bytes: int
    largest: Sequence[ConnectionReport]


class _Entry(NamedTuple):
    kind: ConnectionKind
    admission: Admission
    connection: OpenConnection


class OpenConnections:
    """The admitted connections of all transports of the process `server`."""

    def __init__(self, server: str) -> None:
        self.server = server
        self._sources: list[ConnectionSource] = []

    def add(self, source: ConnectionSource) -> None:
        """Include the connections of a transport from now on."""
        self._sources.append(source)

    def report(self, limit: int, subject: str | None) -> ServerReport:
        """Return a report of the connections, of one subject or of all, with at most `limit` of them.

        It has at most `MAX_CONNECTIONS`, and leaves out those for which `MAX_REPORT` has no room.
        """
        entries = [entry for entry in self._entries() if subject in (None, entry.admission.caller.subject)]
        largest = nlargest(
            min(limit, MAX_CONNECTIONS),
            entries,
            key=lambda entry: (entry.connection.outstanding, entry.connection.operations),
        )
        return ServerReport(
            server=self.server,
            connection_count=len(entries),
            operation_count=sum(entry.connection.operations for entry in entries),
            waiting_bytes=sum(entry.connection.outstanding for entry in entries),
            largest=list(self._describe_within(largest, MAX_REPORT)),
        )

    def find(self, id: str) -> Admission | None:
        """Return the admission of the connection with this id; None if it is not open here."""
        admissions = (entry.admission for entry in self._entries())
        return next((admission for admission in admissions if self._id(admission) == id), None)

    def has_issued(self, id: str) -> bool:
        """Return whether the id is that of a connection of this process."""
        return id.startswith(f"{self.server}/")

    def _id(self, admission: Admission) -> str:
        return f"{self.server}/{admission.number}"

    def _entries(self) -> Iterator[_Entry]:
        for source in self._sources:
            for connection in source.connections():
                if connection.admission is not None and connection.admission.is_connection:
                    yield _Entry(source.kind, connection.admission, connection)

    def _describe_within(self, entries: Iterable[_Entry], budget: int) -> Iterator[ConnectionReport]:
        """Yield reports of the connections of which the JSON has at most `budget` bytes in all."""
        left = budget
        for entry in entries:
            has_documents = budget - left < DOCUMENTS_SHARE
            report = self._describe(entry, MAX_TEXT if has_documents else 0)
            size = len(report.model_dump_json().encode())
            if size <= left:
                left -= size
                yield report

    def _describe(self, entry: _Entry, max_document: int) -> ConnectionReport:
        caller, connection = entry.admission.caller, entry.connection
        assert entry.admission.opened_at is not None, "a connection was opened at some time"
        return ConnectionReport(
            id=self._id(entry.admission),
            kind=entry.kind,
            tenant=caller.scope.tenant,
            subject=caller.subject,
            roles=sorted(caller.roles),
            opened_at=entry.admission.opened_at,
            expires_at=caller.expires_at,
            waiting_bytes=connection.outstanding,
            operation_count=connection.operations,
            operations=[
                OperationReport(
                    id=operation.id[:MAX_TEXT],
                    name=operation.name and operation.name[:MAX_TEXT],
                    document=operation.document[:max_document],
                    position=operation.position,
                )
                for operation in islice(connection.running(), MAX_OPERATIONS)
            ],
        )
