"""Requests of webhooks: the modes of CloudEvents, the secrets, and who gets personal data."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from api.webhooks.messages import make_message
from api.webhooks.secrets import derive_secret
from domain.builtin.webhooks.aggregate import Webhook
from domain.builtin.webhooks.commands import WebhookMode
from domain.kernel import RecordedEvent
from domain.kernel.rfc3339 import write_moment
from domain.testing import NOON
from projections.testing import History
from subscriptions.publishing.ports import WebhookKey
from tests.helpers.notes import Scored, Written
from tests.helpers.people import PersonRegistered, Remarked
from tests.helpers.webhook_receiver import read_events

STRUCTURED, BINARY = Webhook(), Webhook(mode=WebhookMode.BINARY)
BATCHED = Webhook(batch_size=10)
KEY = WebhookKey("default", "webhook-1")


def position(event: RecordedEvent) -> str:
    return f"sealed {event.position}"


def recorded(*payloads: Any, actor: str | None = None) -> list[RecordedEvent]:
    return History().add("note-1", *payloads, actor=actor).events


def parsed(webhook: Webhook, *events: RecordedEvent) -> list[dict[str, Any]]:
    """The events of a request as a receiver reads them."""
    message = make_message(webhook, events, position)
    return [dict(event) for event in read_events(message.headers, message.body)]


texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


@given(texts, texts)
def test_both_modes_and_a_batch_have_the_same_event(text: str, actor: str) -> None:
    """Whatever its texts are, also in headers, which are ASCII."""
    (event,) = recorded(Written(text=text), actor=actor or None)
    structured = parsed(Webhook(personal=True), event)
    assert structured[0]["data"] == {"text": text}
    assert structured[0].get("actor") == (actor or None)
    assert parsed(Webhook(batch_size=2, personal=True), event) == structured
    binary = parsed(Webhook(mode=WebhookMode.BINARY, personal=True), event)
    # In headers all values are texts.
    assert [{name: str(value) for name, value in each.items()} for each in binary] == [
        {name: str(value) for name, value in each.items()} for each in structured
    ]


def test_an_event_has_the_attributes_of_cloudevents() -> None:
    """The position is sealed: it shows nothing of other tenants."""
    (event,) = recorded(Scored(by=2))
    assert parsed(STRUCTURED, event) == [
        {
            "specversion": "1.0",
            "id": "evt-1-0",
            "source": "/nerve/default",
            "type": "note.scored",
            "subject": "note-1",
            "time": write_moment(NOON),
            "datacontenttype": "application/json",
            "tenant": "default",
            "category": "note",
            "position": "sealed 1",
            "eventindex": 0,
            "streamversion": 1,
            "revision": 1,
            "command": "Test",
            "commandid": "cmd-1",
            "correlationid": "cmd-1",
            "data": {"by": 2},
        }
    ]


def test_headers_are_ascii_and_encoded_by_the_binding() -> None:
    """With percent signs for all but printable characters."""
    (event,) = recorded(Scored(by=2), actor='Zoë "100%"')
    message = make_message(Webhook(mode=WebhookMode.BINARY, personal=True), [event], position)
    assert message.headers["content-type"] == "application/json"
    assert message.headers["ce-actor"] == "Zo%C3%AB%20%22100%25%22"
    assert message.body == b'{"by":2}'


def test_the_id_of_a_request_is_that_of_its_events() -> None:
    """So a receiver recognises it when it is sent again; a batch has the same id for the same events."""
    first, second = recorded(Scored(by=1), Scored(by=2))
    assert make_message(STRUCTURED, [first], position).id == first.id
    assert make_message(BINARY, [first], position).id == first.id
    batch = make_message(BATCHED, [first, second], position).id
    assert batch == make_message(BATCHED, [first, second], position).id
    assert batch != make_message(BATCHED, [first], position).id


def test_personal_data_is_sent_only_if_the_webhook_asks_for_it() -> None:
    """Without it the fields are null, and the caller is not named."""
    (event,) = recorded(PersonRegistered(city="Oslo", name="Ada"), actor="ada")
    (hidden,) = parsed(STRUCTURED, event)
    assert (hidden["data"], "actor" in hidden) == ({"city": "Oslo", "name": None}, False)
    (shown,) = parsed(Webhook(personal=True), event)
    assert (shown["data"], shown["actor"]) == ({"city": "Oslo", "name": "Ada"}, "ada")


def test_data_has_the_names_of_the_api() -> None:
    (event,) = recorded(Remarked(about_id="person-2", likes=1))
    (sent,) = parsed(STRUCTURED, event)
    assert sent["data"] == {"likes": 1, "aboutId": "person-2", "own": None, "text": None}


def test_a_secret_belongs_to_one_generation_of_one_webhook() -> None:
    """And to the key of the log; it verifies what it has signed."""
    log_key = b"k" * 32
    secret = derive_secret(log_key, KEY, 1)
    others = {
        derive_secret(log_key, KEY, 2),
        derive_secret(log_key, WebhookKey("other", KEY.id), 1),
        derive_secret(log_key, WebhookKey(KEY.tenant, "webhook-2"), 1),
        derive_secret(b"l" * 32, KEY, 1),
    }
    assert secret == derive_secret(log_key, KEY, 1)
    assert len(others - {secret}) == 4
    assert all(each.startswith("whsec_") for each in others)
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "evt-1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Receiver(secret).sign("evt-1", now, "{}"),
    }
    Receiver(secret).verify("{}", headers)
    with pytest.raises(WebhookVerificationError):
        Receiver(others.pop()).verify("{}", headers)
