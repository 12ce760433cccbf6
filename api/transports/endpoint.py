"""What the transports share: the endpoint that they serve, and the trace of a request."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from starlette.requests import Request

from api.access.admissions import Admissions
from api.access.callers import Caller
from api.access.client_addresses import ClientAddresses
from api.graphql.execution.executor import Executor
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.subscription_opener import SubscriptionOpener
from api.runtime import Runtime
from api.transports.request_reading import RequestLimits
from api.transports.response_streams import ResponseStreams
from api.transports.single_connection import Reservations
from domain.dispatch.middleware import current_trace_id

_TRACEPARENT = re.compile(r"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The parts that serve one GraphQL address; `limits` are those of requests over HTTP."""

    executor: Executor
    subscriptions: SubscriptionOpener
    runtime: Runtime
    streams: ResponseStreams
    reservations: Reservations
    admissions: Admissions
    addresses: ClientAddresses
    limits: RequestLimits

    def context(self, headers: Mapping[str, str], caller: Caller) -> RequestContext:
        """Return the context of a request of this caller; names of headers are in lower case."""
        return RequestContext(self.runtime, caller, headers)


def client_address(request: Request, addresses: ClientAddresses) -> str | None:
    """Return the address of the client of a request over HTTP."""
    peer = request.client.host if request.client else None
    return addresses.find(peer, request.headers.getlist("x-forwarded-for"))


@contextmanager
def traced(headers: Mapping[str, str]) -> Iterator[None]:
    """Use the trace id that the client sent (W3C Trace Context, header ``traceparent``) inside the block."""
    sent = _TRACEPARENT.fullmatch(headers.get("traceparent", ""))
    token = current_trace_id.set(sent[1] if sent else None)
    try:
        yield
    finally:
        current_trace_id.reset(token)
