"""The view `service_calls`: calls of external services, with outcome and latency. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from domain.builtin.system.service_calls import context
from domain.builtin.system.service_calls.events import ServiceOutcome, ServiceRequested, ServiceResponded
from domain.kernel import RecordedEvent
from domain.kernel.access import role
from projections.kernel import View


class ServiceCallRow(TypedDict):
    """A call of an external service; `outcome` is None until there is a response."""

    id: str
    service: str
    operation: str
    requested_at: datetime
    responded_at: datetime | None
    outcome: ServiceOutcome | None
    code: str | None
    message: str | None
    latency_seconds: float | None


def _apply(id: str, row: ServiceCallRow | None, event: RecordedEvent) -> ServiceCallRow | None:
    match event.payload:
        case ServiceRequested() as request:
            return ServiceCallRow(
                id=id,
                service=request.service,
                operation=request.operation,
                requested_at=request.requested_at,
                responded_at=None,
                outcome=None,
                code=None,
                message=None,
                latency_seconds=None,
            )
        case ServiceResponded() as response if row is not None:
            return {
                **row,
                "responded_at": event.time,
                "outcome": response.outcome,
                "code": response.code,
                "message": response.message,
                "latency_seconds": response.latency_seconds,
            }
        case _:
            return row


view = View(
    singular="service_call",
    context=context,
    row=ServiceCallRow,
    apply=_apply,
    access=role("operator"),
    filters=("service", "operation", "outcome", "requested_at", "latency_seconds"),
    orders=("requested_at", "latency_seconds"),
    indexes=(("service", "outcome", "-requested_at"),),
    description="A request to an external service, and the response to it.",
)
