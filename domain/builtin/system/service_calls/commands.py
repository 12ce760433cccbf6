"""Commands about calls of external services. The services that call them send these commands."""

from __future__ import annotations

from pydantic import Field

from domain.builtin.system.service_calls.events import ServiceOutcome
from domain.kernel import ChangeCommand, CreateCommand, Name, Text
from domain.kernel.access import role


class RecordServiceRequest(CreateCommand):
    """Records that a request was sent to an external service."""

    access = role("system_reporter")

    service: Name = Field(description="The name of the external service.")
    operation: Name = Field(description="What is requested, without personal data, such as POST /charges.")


class RecordServiceResponse(ChangeCommand):
    """Records how a request to an external service ended, which it does once."""

    access = role("system_reporter")

    outcome: ServiceOutcome
    code: Name | None = Field(None, description="The code of the response, such as 402 or card_declined.")
    message: Text | None = Field(
        None, description="What the service says; it must not contain personal data."
    )
    latency_seconds: float | None = Field(
        None,
        ge=0,
        allow_inf_nan=False,
        description="Seconds from request to response; default: the time between the two records.",
    )
