"""The sender of webhook requests: signed by Standard Webhooks, and never to a private address by default.

See https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientSession
from standardwebhooks import Webhook as Signer

from api.ports.http_client import describe_failure, has_private_address, open_session
from api.ports.replies import is_transient, read_retry_after
from api.position_seal import PositionSeal
from api.webhook_settings import WebhookSettings
from api.webhooks.messages import Message, make_message
from api.webhooks.secrets import WebhookSecrets
from domain.builtin.webhooks.aggregate import Webhook
from domain.kernel import RecordedEvent
from domain.kernel.errors import ValidationFailed
from eventstore.place import Place
from subscriptions.publishing.ports import DeliveryFailed, TargetGone, WebhookKey

USER_AGENT = "nerve-webhooks"


class HttpSender:
    """Posts the events of webhooks. Connections are opened with the first request, and shared by all."""

    def __init__(
        self,
        settings: WebhookSettings,
        secrets: WebhookSecrets,
        seal: PositionSeal,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._secrets = secrets
        self._seal = seal
        self._clock = clock
        self._session: ClientSession | None = None

    async def send(self, key: WebhookKey, webhook: Webhook, events: Sequence[RecordedEvent]) -> int:
        host = urlsplit(webhook.url).hostname or ""
        message = self._message(key, webhook, events)
        headers = {**message.headers, **await self._signature(key, webhook, message)}
        try:
            return await self._post(host, webhook.url, message.body, headers)
        except TimeoutError:
            raise DeliveryFailed(f"{host} did not respond within {self._settings.timeout:g} s") from None
        except aiohttp.ClientError as error:
            if has_private_address(error):
                raise DeliveryFailed(
                    f"{host} has a private address; if that is intended, set webhooks.allow_private"
                ) from None
            raise DeliveryFailed(describe_failure(host, error)) from None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _message(self, key: WebhookKey, webhook: Webhook, events: Sequence[RecordedEvent]) -> Message:
        def position(event: RecordedEvent) -> str:
            return self._seal.seal(key.tenant, Place(event.position, event.place))

        try:
            return make_message(webhook, events, position)
        except (ValidationFailed, TypeError) as error:
            raise DeliveryFailed(f"the event cannot be written as JSON: {error}", is_outage=False) from None

    async def _signature(self, key: WebhookKey, webhook: Webhook, message: Message) -> dict[str, str]:
        """Return the headers of the signatures, one for each secret that is valid now."""
        now = self._clock()
        secrets = [await self._secrets.secret(key, each) for each in webhook.signing_generations(now)]
        body = message.body.decode()
        return {
            "user-agent": USER_AGENT,
            "webhook-id": message.id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(Signer(secret).sign(message.id, now, body) for secret in secrets),
        }

    async def _post(self, host: str, url: str, body: bytes, headers: dict[str, str]) -> int:
        if self._session is None:
            self._session = open_session(
                allow_private=self._settings.allow_private, timeout=self._settings.timeout
            )
        async with self._session.post(url, data=body, headers=headers, allow_redirects=False) as response:
            status = response.status
            if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
                return status
            retry_after = read_retry_after(response.headers.get("retry-after"), self._clock())
            if status == HTTPStatus.GONE:
                raise TargetGone(f"{host} answered 410 Gone: it wants no more requests", status)
            if HTTPStatus.MULTIPLE_CHOICES <= status < HTTPStatus.BAD_REQUEST:
                raise DeliveryFailed(f"{host} answered {status}, and redirects are not followed", status)
            raise DeliveryFailed(
                f"{host} answered {status}", status, retry_after, is_outage=is_transient(status)
            )
