"""The rules of webhooks, and the rows of their view."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from domain.builtin.webhooks.aggregate import Webhook
from domain.builtin.webhooks.commands import (
    CreateWebhook,
    DeleteWebhook,
    PauseWebhook,
    ReplayWebhook,
    ResumeWebhook,
    RotateWebhookSecret,
    UpdateWebhook,
    WebhookMode,
)
from domain.builtin.webhooks.events import (
    WebhookCreated,
    WebhookDeleted,
    WebhookPaused,
    WebhookReplayed,
    WebhookResumed,
    WebhookSecretRotated,
    WebhookUpdated,
)
from domain.testing import NOON, given
from projections.builtin.webhooks import view
from projections.testing import History

ID = "webhook-1"
URL = "https://shop.example/events"
VALUES: dict[str, Any] = {
    "name": "shop",
    "url": URL,
    "types": ("task.completed",),
    "categories": (),
    "streams": (),
    "mode": WebhookMode.STRUCTURED,
    "batch_size": 1,
    "personal": False,
}
CREATED = WebhookCreated(generation=1, **VALUES)
PAUSED = WebhookPaused(reason="maintenance")
HOUR = timedelta(hours=1)


def test_a_webhook_is_created_with_its_first_secret() -> None:
    """The generation of a secret is the version of the event that began it."""
    create = CreateWebhook(id=ID, name="shop", url=URL, types=("task.completed",))
    given(Webhook).when(create).then(CREATED)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("shop.example", "must be a URL"),
        ("ftp://shop.example/", "must be a URL"),
        ("https://", "must be a URL"),
        ("https://shop.example:0/", "must be a URL"),
        ("https://shop.example:port/", "must be a URL"),
        ("https://ada:secret@shop.example/", "no user and password"),
    ],
)
def test_a_url_to_which_nothing_can_be_posted_is_refused(url: str, message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CreateWebhook(name="shop", url=url)


def test_a_batch_is_not_binary() -> None:
    """Neither when it is created, nor after a change."""
    binary = WebhookMode.BINARY
    create = CreateWebhook(id=ID, name="shop", url=URL, mode=binary, batch_size=2)
    given(Webhook).when(create).then_refused(containing="needs the mode STRUCTURED")
    given(Webhook, CREATED).when(UpdateWebhook(id=ID, mode=binary)).then(
        WebhookUpdated(**{**VALUES, "mode": binary})
    )
    batches = WebhookUpdated(**{**VALUES, "batch_size": 10})
    given(Webhook, CREATED, batches).when(UpdateWebhook(id=ID, mode=binary)).then_refused()


def test_an_update_changes_what_is_given() -> None:
    """An empty list removes a condition; equal values change nothing."""
    changed = WebhookUpdated(**{**VALUES, "types": (), "batch_size": 5})
    given(Webhook, CREATED).when(UpdateWebhook(id=ID, types=(), batch_size=5)).then(changed)
    given(Webhook, CREATED).when(UpdateWebhook(id=ID, name="shop")).then_nothing()


def test_a_webhook_is_paused_and_resumed_once() -> None:
    given(Webhook, CREATED).when(PauseWebhook(id=ID, reason="maintenance")).then(PAUSED)
    given(Webhook, CREATED, PAUSED).when(PauseWebhook(id=ID, reason="again")).then_nothing()
    given(Webhook, CREATED, PAUSED).when(ResumeWebhook(id=ID)).then(WebhookResumed())
    given(Webhook, CREATED).when(ResumeWebhook(id=ID)).then_nothing()


def test_two_secrets_sign_during_the_overlap_of_a_rotation() -> None:
    """The newer one first; after the overlap it alone."""
    rotated = WebhookSecretRotated(generation=3, old_valid_until=NOON + HOUR)
    given(Webhook, CREATED, PAUSED).when(RotateWebhookSecret(id=ID, overlap=HOUR)).then(rotated)
    webhook = Webhook().evolve_all([CREATED, PAUSED, rotated])
    assert webhook.signing_generations(NOON) == (3, 1)
    assert webhook.signing_generations(NOON + HOUR) == (3,)


def test_a_replay_begins_at_one_point() -> None:
    """After an event, at a time, or at the beginning of the log."""
    given(Webhook, CREATED).when(ReplayWebhook(id=ID)).then(WebhookReplayed())
    given(Webhook, CREATED).when(ReplayWebhook(id=ID, after_event="evt-1")).then(
        WebhookReplayed(after_event="evt-1")
    )
    both = ReplayWebhook(id=ID, after_event="evt-1", since=NOON)
    given(Webhook, CREATED).when(both).then_refused(containing="leave one of them out")
    webhook = Webhook().evolve_all([CREATED, WebhookReplayed(after_event="evt-1"), WebhookReplayed()])
    assert (webhook.replays, webhook.replay_after) == (2, None)


def test_a_deleted_webhook_refuses_everything() -> None:
    deleted = given(Webhook, CREATED, WebhookDeleted())
    deleted.when(ResumeWebhook(id=ID)).then_refused(containing="deleted for good")
    given(Webhook, CREATED).when(DeleteWebhook(id=ID)).then(WebhookDeleted())


def test_a_row_has_the_present_state_of_a_webhook() -> None:
    history = History().add(ID, CREATED, actor="ada").add(ID, PAUSED, at=NOON + HOUR)
    row = {
        **{name: list(value) if isinstance(value, tuple) else value for name, value in VALUES.items()},
        "id": ID,
        "state": "PAUSED",
        "pause_reason": "maintenance",
        "paused_at": NOON + HOUR,
        "created_at": NOON,
        "created_by": "ada",
        "rotated_at": None,
        "old_secret_until": None,
        "replayed_at": None,
    }
    assert history.rows(view) == {ID: row}
    history.add(ID, WebhookResumed()).add(ID, WebhookUpdated(**{**VALUES, "name": "store"}))
    history.add(ID, WebhookSecretRotated(generation=5, old_valid_until=NOON + HOUR)).add(
        ID, WebhookReplayed()
    )
    active = {"state": "ACTIVE", "pause_reason": None, "paused_at": None, "name": "store"}
    times = {"rotated_at": NOON, "old_secret_until": NOON + HOUR, "replayed_at": NOON}
    assert history.rows(view) == {ID: {**row, **active, **times}}
    assert history.add(ID, WebhookDeleted()).rows(view) == {}
