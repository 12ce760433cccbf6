"""Settings of rates and concurrency, the values below `rates` in `nerve.yaml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RateSettings(BaseModel):
    """How much callers may do per second and at a time, over all processes of a deployment.

    The operations of `burst` seconds may be used at once.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    per_caller: float = Field(200.0, gt=0, description="Operations of one caller per second.")
    per_tenant: float = Field(2_000.0, gt=0, description="Operations of all callers of a tenant per second.")
    per_address: float = Field(
        50.0, gt=0, description="Operations per second from one address without credentials."
    )
    failures_per_address: float = Field(
        10.0,
        gt=0,
        description="Requests per second from one address with credentials that are not accepted.",
    )
    burst: float = Field(5.0, ge=1, description="Seconds of operations that may be used at once.")
    operations: int = Field(1_000, gt=0, description="Operations of one caller that run at a time.")
    refused_share: float = Field(
        0.0025,
        gt=0,
        le=1,
        description="The part of the time of an API process that refused requests of one client may take.",
    )
    refused_burst: float = Field(
        0.25, gt=0, description="Seconds that refused requests of one client may take at once."
    )
    refusals: float = Field(
        30.0, ge=1, description="Refusals that one client gets per second; further ones are sent later."
    )
    handshakes: float = Field(
        20.0,
        gt=0,
        description="Sockets that one address may open per second, and those of 15 seconds at once.",
    )
