"""Serves requests that are known byte by byte: see `api.transports.known_requests`."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from starlette.types import ASGIApp, Scope

from api.access.tenant_choice import TENANT_HEADER
from api.graphql.execution.result_cache import CachedResult
from api.limits.caller_limits import Permit
from api.transports.admission_guard import note_admission
from api.transports.endpoint import Endpoint
from api.transports.known_heads import KnownHeads
from api.transports.known_requests import KnownRequest
from domain.kernel.errors import NerveError
from domain.kernel.limit_errors import RateLimited

OnServed = Callable[[bytes | None, RateLimited | None], None]
"""Is called with the body of a response. Without one, the request has to be served in the usual way.

Then it may be refused, by the error that limits of its caller have raised.
"""


class Shortcuts:
    """Serves the known requests of an endpoint, and prepares others whose heads are known.

    `admitted` serves requests that the guards of the `application` let pass.
    """

    def __init__(self, endpoint: Endpoint, application: ASGIApp, admitted: ASGIApp) -> None:
        self._endpoint = endpoint
        self._application = application
        self.admitted = admitted
        self.heads = KnownHeads()
        self._waiting: set[asyncio.Task[None]] = set()

    def find_body(self, data: bytes) -> tuple[Scope, bytes] | None:
        """Return the scope and the body of a request that consists of these bytes, if its head is known.

        It is admitted then, and `admitted` has to serve it.
        """
        found = self.heads.find(data)
        if found is None or TENANT_HEADER in found[0].headers:
            return None
        head, body = found
        try:
            admission = self._endpoint.admissions.admit_now(head.headers)
        except NerveError:
            return None
        if admission is None:
            return None
        scope = {**head.scope, "app": self._application}
        note_admission(scope, admission, head.headers)
        return scope, body

    def find(self, data: bytes) -> KnownRequest | None:
        """Return the known request that consists of these bytes, if its caller is still the same."""
        request = self._endpoint.known_requests.find(data)
        if request is None or self._endpoint.results.cache.find(request.key) is None:
            return None
        try:
            caller = self._endpoint.admissions.find_caller(request.headers)
        except NerveError:
            return None
        return request if caller is request.caller or caller == request.caller else None

    def serve(self, request: KnownRequest, peer: str | None, on_served: OnServed) -> None:
        """Serve the request, which was sent by the address `peer`. Calls `on_served` at once or later."""
        self._endpoint.results.serve(request.key, partial(self._admit, request, peer, on_served))

    def _admit(
        self, request: KnownRequest, peer: str | None, on_served: OnServed, cached: CachedResult | None
    ) -> None:
        """Check the limits of the caller. They come last, because a request is to be counted once."""
        if cached is None:
            on_served(None, None)
            return
        address = self._endpoint.addresses.find(peer, request.forwarded)
        body = request.media.whole(cached.body)
        try:
            permit = self._endpoint.caller_limits.admit(request.caller, address)
        except RateLimited as refusal:
            on_served(None, refusal)
            return
        if isinstance(permit, Permit):
            permit.release()
            on_served(body, None)
        else:
            task = asyncio.create_task(self._wait(permit, body, on_served))
            self._waiting.add(task)
            task.add_done_callback(self._waiting.discard)

    async def _wait(self, admitting: Awaitable[Permit], body: bytes, on_served: OnServed) -> None:
        try:
            permit = await admitting
        except RateLimited as refusal:
            on_served(None, refusal)
        else:
            permit.release()
            on_served(body, None)
