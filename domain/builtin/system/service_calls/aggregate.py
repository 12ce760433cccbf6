"""The rules of one call of an external service: one request, and at most one response."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar, assert_never

from domain.builtin.system.service_calls.commands import RecordServiceRequest, RecordServiceResponse
from domain.builtin.system.service_calls.events import ServiceRequested, ServiceResponded
from domain.kernel import Aggregate, Facts, InvariantViolated, elapsed

ServiceCallCommand = RecordServiceRequest | RecordServiceResponse
ServiceCallEvent = ServiceRequested | ServiceResponded


@dataclass(frozen=True, slots=True)
class ServiceCall(Aggregate[ServiceCallCommand, ServiceCallEvent]):
    """A call of an external service."""

    category: ClassVar[str] = "servicecall"

    requested_at: datetime | None = None
    has_response: bool = False

    def decide(self, command: ServiceCallCommand, facts: Facts) -> Sequence[ServiceCallEvent]:
        match command:
            case RecordServiceRequest(service=service, operation=operation):
                return [ServiceRequested(service=service, operation=operation, requested_at=facts.now)]
            case RecordServiceResponse():
                return [self._responded(command, facts)]
            case _:
                assert_never(command)

    def evolve(self, event: ServiceCallEvent) -> ServiceCall:
        match event:
            case ServiceRequested(requested_at=requested_at):
                return replace(self, requested_at=requested_at)
            case ServiceResponded():
                return replace(self, has_response=True)
            case _:
                assert_never(event)

    def _responded(self, command: RecordServiceResponse, facts: Facts) -> ServiceResponded:
        if self.has_response:
            raise InvariantViolated(f"{facts.stream_id} has its response already; record each call once")
        latency = command.latency_seconds
        return ServiceResponded(
            outcome=command.outcome,
            code=command.code,
            message=command.message,
            latency_seconds=elapsed(self.requested_at, facts.now) if latency is None else latency,
        )
