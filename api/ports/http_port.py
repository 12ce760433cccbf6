"""The adapter of ports over HTTP: one POST for each attempt, signed and with an idempotency key."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import aiohttp
import orjson
from aiohttp import ClientSession
from standardwebhooks import Webhook

from api.port_settings import HttpPortSettings
from api.ports.http_client import describe_failure, has_private_address, open_session
from api.ports.replies import INVALID_REPLY, fit_reply, read_reply
from domain.dispatch.trace_context import current_trace_context
from domain.kernel.fields import Json
from domain.process.inputs import to_json
from domain.process.ports import Request
from subscriptions.processes.ports import PortRefused, PortUnavailable


class HttpPort:
    """Posts the requests of a port to its URL as `{"operation": …, "input": …}`.

    The key is the value of the headers ``idempotency-key`` and ``webhook-id``; the server must carry out a
    request once for each. Connections are opened with the first request.
    """

    def __init__(self, name: str, settings: HttpPortSettings, clock: Callable[[], datetime]) -> None:
        self._name = name
        self._settings = settings
        self._clock = clock
        self._session: ClientSession | None = None
        secret = settings.secret
        self._webhook = None if secret is None else Webhook(secret.get_secret_value())

    async def call(self, key: str, request: Request[Any]) -> Json:
        body = orjson.dumps({"operation": type(request).__name__, "input": to_json(request)})
        try:
            reply = await self._post(key, body)
        except TimeoutError:
            raise PortUnavailable(
                f"the port {self._name} did not reply within {self._settings.timeout:g} s"
            ) from None
        except aiohttp.ClientError as error:
            raise self._failure(error) from None
        return fit_reply(request, reply)

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    async def _post(self, key: str, body: bytes) -> Json:
        if self._session is None:
            settings = self._settings
            self._session = open_session(allow_private=settings.allow_private, timeout=settings.timeout)
        async with self._session.post(
            self._settings.url.get_secret_value(),
            data=body,
            headers=self._headers(key, body),
            allow_redirects=False,
        ) as response:
            content = await self._content(response)
            retry_after = response.headers.get("retry-after")
            return read_reply(self._name, response.status, content, retry_after, self._clock())

    def _headers(self, key: str, body: bytes) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "accept-encoding": "identity",
            "idempotency-key": key,
        }
        if (context := current_trace_context.get()) is not None:
            headers["traceparent"] = context.traceparent
        if self._webhook is not None:
            now = self._clock()
            headers["webhook-id"] = key
            headers["webhook-timestamp"] = str(int(now.timestamp()))
            headers["webhook-signature"] = self._webhook.sign(key, now, body.decode())
        return headers

    async def _content(self, response: aiohttp.ClientResponse) -> bytes:
        """Return the body of a response; raise PortRefused if it is larger than allowed."""
        content = bytearray()
        async for chunk in response.content.iter_any():
            content += chunk
            if len(content) > self._settings.max_reply_bytes:
                raise PortRefused(
                    INVALID_REPLY,
                    f"the port {self._name} answered {response.status} with more than "
                    f"{self._settings.max_reply_bytes} bytes; raise max_reply_bytes of ports.{self._name}",
                )
        return bytes(content)

    def _failure(self, error: aiohttp.ClientError) -> PortUnavailable | PortRefused:
        """Return the error for an attempt without a response. Its text contains no part of the URL's path."""
        host = self._settings.host
        if has_private_address(error):
            return PortRefused(
                "ADDRESS_REFUSED",
                f"the host {host} of the port {self._name} has a private address; if that is intended, "
                f"set allow_private: true in ports.{self._name}",
            )
        reason = describe_failure(host, error)
        return PortUnavailable(f"the port {self._name} is not available: {reason}")
