"""The admission of one socket: at `connection_init`, and again with each new token that its client sends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from api.access.admissions import Admission
from api.access.callers import ANONYMOUS
from api.access.credentials import HEADERS, InvalidCredentials
from api.access.tenant_choice import TENANT_HEADER
from api.limits.refused_work import client_of
from api.transports.endpoint import AdmittedCaller, Endpoint
from api.transports.sockets.close_codes import (
    FORBIDDEN,
    INTERNAL_ERROR,
    TOO_MANY_REQUESTS,
    TRY_AGAIN_LATER,
    UNAUTHORIZED,
    ProtocolViolation,
)
from domain.kernel.errors import NerveError, Unauthenticated, Unavailable
from domain.kernel.limit_errors import RateLimited

logger = logging.getLogger(__name__)

T = TypeVar("T")

PAYLOAD_HEADERS = (*HEADERS, TENANT_HEADER, "traceparent")
"""The headers that the payload of `connection_init` may add. All others are those of the handshake."""


class SocketAdmission:
    """Admits the client of a socket, at `address`. `close` closes the socket with a code and a reason."""

    def __init__(
        self,
        endpoint: Endpoint,
        handshake: Mapping[str, str],
        address: str | None,
        close: Callable[[int, str], None],
    ) -> None:
        self._endpoint = endpoint
        self._admissions = endpoint.admissions
        self._handshake = handshake
        self._address = address
        self._close = close
        self._kept_headers: Mapping[str, str] = {}
        self._task: asyncio.Task[None] | None = None
        self._has_ended = False
        self.admission: Admission | None = None

    @property
    def has_begun(self) -> bool:
        """Whether the client has sent `connection_init`."""
        return self._task is not None or self.admission is not None

    def begin(
        self, payload: Mapping[str, Any], on_admitted: Callable[[AdmittedCaller, Mapping[str, str]], None]
    ) -> None:
        """Admit the client with the payload of `connection_init`, and call `on_admitted` with its headers.

        Raises ProtocolViolation where it is not admitted, or closes the socket later.
        """

        def keep_open(admitted: AdmittedCaller) -> None:
            if self._has_ended:
                self._admissions.release(admitted.admission)
                return
            self.admission = admitted.admission
            self._admissions.keep_open(admitted.admission, self._revoke)
            on_admitted(admitted, headers)

        with self._violations():
            headers = merge_headers(self._handshake, payload)
            self._kept_headers = _without_credentials(headers)
            admitted = self._endpoint.admit(headers)
            if isinstance(admitted, AdmittedCaller):
                keep_open(admitted)
            else:
                self._task = asyncio.create_task(self._wait(admitted, keep_open))

    def renew(self, payload: Mapping[str, Any], on_renewed: Callable[[Admission], None]) -> None:
        """Renew the admission with the credentials in the payload of a ping, then call `on_renewed`.

        Raises ProtocolViolation where it cannot be renewed, or closes the socket later.
        """
        admission = self.admission
        if admission is None or (self._task is not None and not self._task.done()):
            raise ProtocolViolation(TOO_MANY_REQUESTS, "Too many renewals at a time")
        with self._violations():
            headers = {**self._kept_headers, **payload_headers(payload)}
            renewing = self._admissions.renew(admission, headers)
            if renewing is None:
                on_renewed(admission)
            else:
                self._task = asyncio.create_task(self._wait(renewing, lambda _: on_renewed(admission)))

    def end(self) -> None:
        """Release the admission, because the socket is gone."""
        self._has_ended = True
        if self._task:
            # Behind its first step: a task that is cancelled before does not await the admission, which would
            # then never be released.
            asyncio.get_running_loop().call_soon(self._task.cancel)
        if self.admission:
            self._admissions.release(self.admission)

    async def _wait(self, admitting: Awaitable[T], on_done: Callable[[T], None]) -> None:
        try:
            on_done(await admitting)
        except NerveError as error:
            await self._refuse(error)
        except Exception:
            logger.exception("the authenticator of a socket failed")
            self._close(INTERNAL_ERROR, "Internal error")

    @contextmanager
    def _violations(self) -> Iterator[None]:
        """Close the socket where the client is not admitted inside the block."""
        try:
            yield
        except InvalidCredentials as error:
            self._task = asyncio.create_task(self._refuse(error))
        except NerveError as error:
            raise _violation(error) from None

    async def _refuse(self, error: NerveError) -> None:
        violation = _violation(await self._endpoint.refusal(error, self._address))
        await self._endpoint.pace_refusal(client_of(ANONYMOUS, self._address))
        self._close(violation.code, violation.reason)

    def _revoke(self, error: NerveError) -> None:
        self._close(TRY_AGAIN_LATER if isinstance(error, RateLimited) else FORBIDDEN, str(error))


def merge_headers(handshake: Mapping[str, str], payload: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the headers of the handshake, and those that the payload of `connection_init` adds.

    Raises InvalidCredentials where both have credentials that differ: the payload overrides nothing.
    """
    added = payload_headers(payload)
    if any(added.get(name) not in (None, handshake.get(name, added.get(name))) for name in HEADERS):
        raise InvalidCredentials("connection_init and the handshake have different credentials; send one")
    return {**added, **handshake}


def payload_headers(payload: Mapping[str, Any]) -> dict[str, str]:
    """Return the headers in the payload of `connection_init` or of a ping, under lower-case names.

    They may be in an object `headers`, as some clients send them. Raises InvalidCredentials where credentials
    are no text, or where two spellings of a name have different ones.
    """
    headers: dict[str, str] = {}
    nested = payload.get("headers")
    for part in (payload, nested if isinstance(nested, dict) else {}):
        for spelling, value in part.items():
            name = spelling.lower()
            if name not in PAYLOAD_HEADERS or value is None:
                continue
            if not isinstance(value, str) or headers.setdefault(name, value) != value:
                raise InvalidCredentials(f"the payload has no single text as {name}")
    return headers


def has_credentials(payload: Any) -> bool:
    """Return whether the payload of a ping has credentials."""
    if not isinstance(payload, dict):
        return False
    nested = payload.get("headers")
    names = {*payload, *(nested if isinstance(nested, dict) else ())}
    return any(name.lower() in HEADERS for name in names)


def _violation(error: NerveError) -> ProtocolViolation:
    """Return how a socket that is not admitted is closed: for good, or to be tried again later."""
    if isinstance(error, Unauthenticated):
        return ProtocolViolation(UNAUTHORIZED, str(error))
    again = isinstance(error, RateLimited | Unavailable)
    return ProtocolViolation(TRY_AGAIN_LATER if again else FORBIDDEN, str(error))


def _without_credentials(headers: Mapping[str, str]) -> Mapping[str, str]:
    return {name: value for name, value in headers.items() if name not in (*HEADERS, "cookie")}
