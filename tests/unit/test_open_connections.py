"""The report of a process on its open connections: the largest, of one subject or of all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from api.access.admissions import Admission
from api.access.callers import Caller
from api.connections.open_connections import (
    MAX_CONNECTIONS,
    MAX_OPERATIONS,
    MAX_REPORT,
    MAX_TEXT,
    ConnectionKind,
    OpenConnection,
    OpenConnections,
    RunningOperation,
)
from domain.kernel import Scope

NOON = datetime(2026, 1, 31, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Connection:
    """A connection with so many operations."""

    admission: Admission | None
    outstanding: int = 0
    operations: int = 0

    def running(self) -> Iterator[RunningOperation]:
        for number in range(self.operations):
            yield RunningOperation(str(number), None, "x" * 2 * MAX_TEXT, number)


@dataclass(frozen=True)
class Transport:
    """A transport with these connections."""

    open: Sequence[OpenConnection]
    kind: ConnectionKind = "SOCKET"

    def connections(self) -> Sequence[OpenConnection]:
        return self.open


def admission(number: int, subject: str = "ada") -> Admission:
    """Return the admission of an open connection."""
    opened = Admission(Caller(Scope("acme", subject), subject, frozenset({"clerk", "admin"})))
    opened.keep_open(lambda _error: None, None, number, NOON)
    return opened


def connections(*open: Connection) -> OpenConnections:
    own = OpenConnections("server-1")
    own.add(Transport(open))
    return own


def test_those_for_whose_clients_most_bytes_wait_are_reported() -> None:
    own = connections(*(Connection(admission(number), outstanding=number) for number in range(1, 6)))
    report = own.report(2, None)
    assert (report.connection_count, report.waiting_bytes) == (5, 15)
    assert [each.id for each in report.largest] == ["server-1/5", "server-1/4"]


def test_a_report_of_one_subject_counts_its_connections_alone() -> None:
    own = connections(Connection(admission(1), 5, 1), Connection(admission(2, "bob"), 7, 2))
    report = own.report(10, "bob")
    assert (report.connection_count, report.operation_count, report.waiting_bytes) == (1, 2, 7)
    (connection,) = report.largest
    assert (connection.subject, connection.tenant, connection.roles) == ("bob", "acme", ["admin", "clerk"])
    assert (connection.kind, connection.opened_at) == ("SOCKET", NOON)


def test_connections_whose_client_is_not_admitted_are_left_out() -> None:
    """Also a request that is in progress, which is no connection."""
    own = connections(Connection(None), Connection(Admission(Caller())))
    assert own.report(10, None).connection_count == 0


def test_a_report_has_the_first_operations_and_the_beginnings_of_their_documents() -> None:
    (connection,) = connections(Connection(admission(1), operations=99)).report(10, None).largest
    assert connection.operation_count == 99
    assert [operation.position for operation in connection.operations] == list(range(MAX_OPERATIONS))
    assert {len(operation.document) for operation in connection.operations} == {MAX_TEXT}


def test_a_report_has_as_many_connections_as_there_is_room_for() -> None:
    """First without documents, and then without the smallest connections, which its totals count."""
    opened = [Connection(admission(number), number, MAX_OPERATIONS) for number in range(2 * MAX_CONNECTIONS)]
    report = connections(*opened).report(2 * MAX_CONNECTIONS, None)
    assert report.connection_count == len(opened)
    assert MAX_REPORT / 2 < len(report.model_dump_json()) < MAX_REPORT + 1_000
    documents = [connection.operations[0].document for connection in report.largest]
    assert documents == sorted(documents, reverse=True)
    assert {len(document) for document in documents} == {0, MAX_TEXT}


def test_a_connection_is_found_by_the_id_that_its_report_has() -> None:
    """The ids of another server are not this one's, even if its name begins alike."""
    opened = admission(7)
    own = connections(Connection(admission(3)), Connection(opened))
    assert own.find("server-1/7") is opened
    assert own.find("server-1/8") is None
    assert own.has_issued("server-1/8")
    assert not own.has_issued("server-10/7")
