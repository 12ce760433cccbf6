"""What the transports share: the endpoint that they serve, and the trace of a request."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from contextvars import Token
from dataclasses import dataclass
from types import TracebackType
from typing import NamedTuple, Self

from starlette.types import Scope

from api.access.admissions import Admission, Admissions
from api.access.callers import Caller
from api.access.client_addresses import ClientAddresses
from api.access.credentials import InvalidCredentials
from api.connections.directory import ConnectionDirectory
from api.connections.message_seal import MessageSeal
from api.connections.open_connections import OpenConnections
from api.graphql.execution.query_results import QueryResults
from api.graphql.execution.request_context import RequestContext
from api.graphql.execution.visible_apis import VisibleApi, VisibleApis
from api.limits.arriving_bodies import ArrivingBodies
from api.limits.caller_limits import CallerLimits, Permit
from api.limits.handshake_rate import HandshakeRate
from api.limits.refusal_pace import RefusalPace
from api.limits.refused_work import RefusedWork
from api.runtime import Runtime
from api.transports.known_requests import KnownRequests
from api.transports.request_reading import RequestLimits
from api.transports.response_streams import ResponseStreams
from api.transports.single_connection import Reservations
from domain.dispatch.trace_context import TraceContext, current_trace_context
from domain.kernel.errors import NerveError, Unauthenticated
from domain.kernel.limit_errors import RateLimited
from eventstore.server_names import unique_server_name

FORWARDED = b"x-forwarded-for"
"""The header by which proxies pass on the address of a client."""


class AdmittedCaller(NamedTuple):
    """The admission of a request or socket, and the API as it exists for its caller."""

    admission: Admission
    api: VisibleApi


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The parts that serve one GraphQL address; `limits` and `results` are those of requests over HTTP.

    `refused_work`, `refusal_pace` and `handshake_rate` are None where callers have no limits.
    """

    apis: VisibleApis
    runtime: Runtime
    results: QueryResults
    streams: ResponseStreams
    reservations: Reservations
    admissions: Admissions
    caller_limits: CallerLimits
    refused_work: RefusedWork | None
    refusal_pace: RefusalPace | None
    handshake_rate: HandshakeRate | None
    arriving_bodies: ArrivingBodies
    addresses: ClientAddresses
    limits: RequestLimits
    connections: ConnectionDirectory
    known_requests: KnownRequests

    @classmethod
    def of(
        cls, runtime: Runtime, apis: VisibleApis, admissions: Admissions, caller_limits: CallerLimits
    ) -> Self:
        """Return the endpoint of a process, as its settings say."""
        settings = runtime.settings
        streams = ResponseStreams(
            admissions, settings.ping_interval, settings.max_outstanding_bytes, settings.max_sockets
        )
        own = OpenConnections(unique_server_name())
        own.add(streams)
        return cls(
            apis,
            runtime,
            QueryResults.of(runtime),
            streams,
            Reservations(streams, settings.max_operations),
            admissions,
            caller_limits,
            RefusedWork.of(settings.caller_rates, runtime.metrics.count_refusal),
            RefusalPace.of(settings.caller_rates),
            HandshakeRate.of(settings.caller_rates, runtime.metrics.count_refusal),
            ArrivingBodies(lambda: runtime.metrics.count_refusal("arriving_bodies")),
            ClientAddresses(settings.trusted_proxies),
            RequestLimits(settings.max_body_bytes, settings.max_batch, settings.request_timeout),
            ConnectionDirectory(own, admissions, runtime.wakeups, MessageSeal(runtime.digest_key)),
            KnownRequests(),
        )

    def admit(self, headers: Mapping[str, str]) -> AdmittedCaller | Coroutine[None, None, AdmittedCaller]:
        """Return the admission of a request with these headers, and its caller's API.

        It is a coroutine where either has to be waited for. Raises Unauthenticated and Forbidden.
        """
        admission = self.admissions.admit(headers)
        if not isinstance(admission, Admission):
            return self._admit_later(admission)
        api = self._find_api(admission)
        return AdmittedCaller(admission, api) if isinstance(api, VisibleApi) else self._wait(admission, api)

    async def _admit_later(self, admitting: Coroutine[None, None, Admission]) -> AdmittedCaller:
        admission = await admitting
        api = self._find_api(admission)
        if isinstance(api, VisibleApi):
            return AdmittedCaller(admission, api)
        return await self._wait(admission, api)

    def _find_api(self, admission: Admission) -> VisibleApi | Coroutine[None, None, VisibleApi]:
        try:
            return self.apis.of(admission.caller)
        except Unauthenticated:
            self.admissions.release(admission)
            raise

    async def _wait(
        self, admission: Admission, building: Coroutine[None, None, VisibleApi]
    ) -> AdmittedCaller:
        try:
            return AdmittedCaller(admission, await building)
        except BaseException:
            self.admissions.release(admission)
            raise

    async def permit(self, caller: Caller, address: str | None) -> Permit:
        """Return the permit of one operation; raises RateLimited."""
        permit = self.caller_limits.admit(caller, address)
        return permit if isinstance(permit, Permit) else await permit

    async def refusal(self, error: NerveError, address: str | None) -> NerveError:
        """Return the error for a client at this address that is not admitted, because of `error`.

        It is RateLimited where the address has sent too many wrong credentials. Right ones are accepted.
        """
        if isinstance(error, InvalidCredentials):
            try:
                await self.caller_limits.note_failure(address)
            except RateLimited as limited:
                return limited
        return error

    async def pace_refusal(self, client: str) -> bool:
        """Wait until the client gets its next refusal; return False if it is to be disconnected."""
        return self.refusal_pace is None or await self.refusal_pace.wait(client)

    def context(self, headers: Mapping[str, str], caller: Caller, address: str | None) -> RequestContext:
        """Return the context of a request of this caller from this address.

        The names of headers are in lower case.
        """
        client = address if self.runtime.settings.audit_addresses else None
        return RequestContext(self.runtime, caller, headers, client=client, connections=self.connections)


def client_address(scope: Scope, addresses: ClientAddresses) -> str | None:
    """Return the address of the client of a request over HTTP."""
    client = scope.get("client")
    return addresses.find(client[0] if client else None, forwarded_for(scope))


def forwarded_for(scope: Scope) -> list[str]:
    """Return the values of each header ``X-Forwarded-For`` of a request."""
    return [value.decode("latin-1") for name, value in scope["headers"] if name == FORWARDED]


def traced(headers: Mapping[str, str]) -> TraceBlock:
    """Use the trace context that the client sent (W3C, header ``traceparent``) inside a block."""
    sent = headers.get("traceparent")
    return TraceBlock(None if sent is None else TraceContext.parse(sent))


class TraceBlock:
    """A block of statements with this trace context; with None it has none."""

    __slots__ = ("_context", "_token")

    def __init__(self, context: TraceContext | None) -> None:
        self._context = context

    def __enter__(self) -> None:
        self._token: Token[TraceContext | None] = current_trace_context.set(self._context)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        current_trace_context.reset(self._token)
