"""What is accepted from outside: declarations of integration events, and incoming commands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

import pytest

from api.access.callers import ANONYMOUS, UNRESTRICTED
from api.incoming.accepted_types import AcceptedTypes
from api.incoming.statuses import status_of
from api.transfer.received_cloud_events import CloudEvent
from domain.integration import integration_context
from domain.kernel import Aggregate, Catalog, Context, CreateCommand, Event, Facts, Moment
from domain.kernel.errors import (
    CommandIdTaken,
    DeclarationError,
    InvariantViolated,
    Unavailable,
    ValidationFailed,
)
from domain.kernel.fields import SecretHash
from domain.kernel.limit_errors import RateLimited
from domain.testing import NOON, given


class ParcelScanned(Event, type="carrier.parcel_scanned"):
    parcel_id: str
    scanned_at: Moment | None = None


SCANNED = "com.carrier.Scanned"
PARCELS = integration_context("parcels", category="parcelevent", received={SCANNED: ParcelScanned})


def sent(data: Any = None, **attributes: Any) -> CloudEvent:
    event = {"specversion": "1.0", "type": SCANNED, "source": "/carrier", "id": "1", "data": data}
    return CloudEvent.model_validate({**event, **attributes})


def test_the_data_of_an_event_are_the_fields_of_its_class() -> None:
    """Under the names of the API or of Python."""
    accepted = AcceptedTypes(Catalog([PARCELS]))
    expected = ParcelScanned(parcel_id="p", scanned_at=NOON)
    for names in (("parcelId", "scannedAt"), ("parcel_id", "scanned_at")):
        data = dict(zip(names, ("p", NOON.isoformat()), strict=True))
        command = accepted.command(sent(data), UNRESTRICTED)
        given(PARCELS.aggregate).when(command).then(expected)


def test_events_about_one_subject_of_a_source_are_a_stream() -> None:
    accepted = AcceptedTypes(Catalog([PARCELS]))
    attributes: list[dict[str, Any]] = [
        {"subject": "a"},
        {"subject": "b"},
        {"subject": "a", "source": "/other"},
        {"id": "1"},
        {"id": "2"},
    ]
    data = {"parcelId": "p"}
    streams = [accepted.command(sent(data, **each), UNRESTRICTED).target for each in attributes]
    assert len(set(streams)) == len(streams)
    assert accepted.command(sent(data, id="9", subject="a"), UNRESTRICTED).target == streams[0]


@pytest.mark.parametrize("data", [None, [], "x", {"parcelId": 1}, {"parcelId": "p", "colour": "red"}])
def test_data_that_does_not_fit_the_class_is_refused(data: Any) -> None:
    with pytest.raises(ValidationFailed) as refused:
        AcceptedTypes(Catalog([PARCELS])).command(sent(data), UNRESTRICTED)
    assert refused.value.path == ("data",)


def test_a_type_is_accepted_from_callers_that_may_send_it() -> None:
    """For others it does not exist."""
    with pytest.raises(ValidationFailed, match="not accepted"):
        AcceptedTypes(Catalog([PARCELS])).command(sent({"parcelId": "p"}), ANONYMOUS)


def test_two_contexts_cannot_receive_one_type() -> None:
    class ParcelLost(Event, type="carrier.parcel_lost"):
        pass

    other = integration_context("others", category="otherevent", received={SCANNED: ParcelLost})
    with pytest.raises(DeclarationError, match="'parcels' and 'others' both receive"):
        AcceptedTypes(Catalog([PARCELS, other]))


@pytest.mark.parametrize(
    "received", [{}, {SCANNED: str}, {SCANNED: "carrier.parcel_scanned"}, {1: ParcelScanned}]
)
def test_a_wrong_declaration_is_refused_with_an_example(received: Any) -> None:
    with pytest.raises(DeclarationError, match="received of the integration context 'parcels' must have"):
        integration_context("parcels", category="parcelevent", received=received)


class Issue(CreateCommand):
    incoming = True

    secret: Annotated[str, SecretHash(shown_as="secret")] = ""


class Issued(Event, type="permit.issued"):
    pass


@dataclass(frozen=True, slots=True)
class Permit(Aggregate[Issue, Issued]):
    category: ClassVar[str] = "permit"

    def decide(self, command: Issue, facts: Facts) -> list[Issued]:
        return [Issued()]

    def evolve(self, event: Issued) -> Permit:
        return self


def test_a_command_with_a_secret_of_the_server_cannot_come_from_outside() -> None:
    with pytest.raises(DeclarationError, match="Issue has a secret"):
        AcceptedTypes(Catalog([Context("permits", Permit)]))


def test_a_temporary_error_decides_on_the_status_of_a_batch() -> None:
    """The sender has to send all of it again."""
    refused = InvariantViolated("no")
    assert status_of([]) == 200
    assert status_of([refused, CommandIdTaken("1")]) == 422
    assert status_of([refused, RateLimited("wait")]) == 429
    assert status_of([RateLimited("wait"), Unavailable("down")]) == 503
    assert status_of([refused, RuntimeError()]) == 500
