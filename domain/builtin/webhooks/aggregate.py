"""The rules of creating, changing, pausing and replaying webhooks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar, assert_never

from domain.builtin.webhooks.commands import (
    CreateWebhook,
    DeleteWebhook,
    DropWebhookDelivery,
    PauseWebhook,
    ReplayWebhook,
    ResumeWebhook,
    RetryWebhook,
    RotateWebhookSecret,
    UpdateWebhook,
    WebhookMode,
)
from domain.builtin.webhooks.events import (
    WebhookCreated,
    WebhookDeleted,
    WebhookDeliveryDropped,
    WebhookPaused,
    WebhookReplayed,
    WebhookResumed,
    WebhookRetried,
    WebhookSecretRotated,
    WebhookUpdated,
)
from domain.kernel import Aggregate, Facts, InvariantViolated

WebhookCommand = (
    CreateWebhook
    | UpdateWebhook
    | PauseWebhook
    | ResumeWebhook
    | RotateWebhookSecret
    | ReplayWebhook
    | RetryWebhook
    | DropWebhookDelivery
    | DeleteWebhook
)
WebhookEvent = (
    WebhookCreated
    | WebhookUpdated
    | WebhookPaused
    | WebhookResumed
    | WebhookSecretRotated
    | WebhookReplayed
    | WebhookRetried
    | WebhookDeliveryDropped
    | WebhookDeleted
)


@dataclass(frozen=True, slots=True)
class Webhook(Aggregate[WebhookCommand, WebhookEvent]):
    """A URL to which events are posted. An empty list of the filter matches all events.

    The secret of `generation` signs requests; so does the one of `old_generation` until `old_valid_until`.
    `replays` counts the replays; `replay_after` and `replay_since` are where the last one begins.
    """

    category: ClassVar[str] = "webhook"

    name: str = ""
    url: str = ""
    types: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    streams: tuple[str, ...] = ()
    mode: WebhookMode = WebhookMode.STRUCTURED
    batch_size: int = 1
    personal: bool = False
    is_paused: bool = False
    is_deleted: bool = False
    generation: int = 0
    old_generation: int = 0
    old_valid_until: datetime | None = None
    replays: int = 0
    replay_after: str | None = None
    replay_since: datetime | None = None

    def decide(self, command: WebhookCommand, facts: Facts) -> Sequence[WebhookEvent]:
        if self.is_deleted:
            raise InvariantViolated(f"{facts.stream_id} is deleted for good; create another webhook")
        match command:
            case CreateWebhook():
                fields = command.model_dump(exclude={"id"})
                return [WebhookCreated(generation=facts.version + 1, **_checked(fields))]
            case UpdateWebhook():
                return self._updated(command)
            case PauseWebhook():
                return [] if self.is_paused else [WebhookPaused(reason=command.reason)]
            case ResumeWebhook():
                return [WebhookResumed()] if self.is_paused else []
            case RotateWebhookSecret():
                until = facts.now + command.overlap
                return [WebhookSecretRotated(generation=facts.version + 1, old_valid_until=until)]
            case ReplayWebhook():
                return [_replayed(command)]
            case RetryWebhook():
                return [WebhookRetried(stream=command.stream)]
            case DropWebhookDelivery():
                return [WebhookDeliveryDropped(**command.model_dump(exclude={"id"}))]
            case DeleteWebhook():
                return [WebhookDeleted()]
            case _:
                assert_never(command)

    def evolve(self, event: WebhookEvent) -> Webhook:
        match event:
            case WebhookCreated() | WebhookUpdated():
                return replace(self, **event.model_dump())
            case WebhookPaused():
                return replace(self, is_paused=True)
            case WebhookResumed():
                return replace(self, is_paused=False)
            case WebhookSecretRotated(generation=generation, old_valid_until=until):
                return replace(
                    self, generation=generation, old_generation=self.generation, old_valid_until=until
                )
            case WebhookReplayed(after_event=after, since=since):
                return replace(self, replays=self.replays + 1, replay_after=after, replay_since=since)
            case WebhookRetried() | WebhookDeliveryDropped():
                return self
            case WebhookDeleted():
                return replace(self, is_deleted=True)
            case _:
                assert_never(event)

    def _updated(self, command: UpdateWebhook) -> Sequence[WebhookUpdated]:
        given = command.model_dump(exclude={"id"}, exclude_none=True)
        values = {name: getattr(self, name) for name in WebhookUpdated.model_fields}
        changed = {**values, **given}
        return [] if changed == values else [WebhookUpdated(**_checked(changed))]

    def signing_generations(self, now: datetime) -> tuple[int, ...]:
        """Return the generations of the secrets that sign a request now, the newest first."""
        if self.old_valid_until is not None and now < self.old_valid_until:
            return (self.generation, self.old_generation)
        return (self.generation,)


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    """Return the values of a webhook; raise InvariantViolated if they do not fit each other."""
    if fields["batch_size"] > 1 and fields["mode"] is WebhookMode.BINARY:
        raise InvariantViolated("a batch has several events in one body: it needs the mode STRUCTURED")
    return fields


def _replayed(command: ReplayWebhook) -> WebhookReplayed:
    if command.after_event is not None and command.since is not None:
        raise InvariantViolated("a replay begins after an event or at a time; leave one of them out")
    return WebhookReplayed(after_event=command.after_event, since=command.since)
