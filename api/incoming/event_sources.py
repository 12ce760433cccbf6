"""The sources outside that sign their events, each with a secret that identifies it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from standardwebhooks import Webhook, WebhookVerificationError

from api.access.callers import Caller
from api.access.credentials import InvalidCredentials
from api.event_source_settings import EventSourceSettings
from domain.kernel import Scope


class EventSource(NamedTuple):
    """A source: the attribute `source` that its events must have, and the caller that it is."""

    source: str
    caller: Caller


class EventSources:
    """The sources of the settings."""

    def __init__(self, settings: Mapping[str, EventSourceSettings]) -> None:
        self._sources = [
            (Webhook(each.secret.get_secret_value()), EventSource(each.source, _caller(name, each)))
            for name, each in settings.items()
        ]

    def verify(self, headers: Mapping[str, str], body: bytes | bytearray) -> EventSource:
        """Return the source that has signed a request within the last five minutes.

        Raises InvalidCredentials, which does not say what is wrong.
        """
        for webhook, source in self._sources:
            try:
                webhook.verify(bytes(body), dict(headers), json_parse=False)
            except (WebhookVerificationError, ValueError):
                # ValueError: the header or the body has another form.
                continue
            return source
        raise InvalidCredentials("the signature is not accepted")


def _caller(name: str, settings: EventSourceSettings) -> Caller:
    subject = f"source:{name}"
    scope = Scope(settings.tenant, subject, authentication="webhook")
    return Caller(scope, subject, frozenset(settings.roles))
