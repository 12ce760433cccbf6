"""Settings of the alerts about nerve itself, the values below `self_monitoring` in `nerve.yaml`."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, field_validator

from domain.kernel.tenants import is_tenant


class SelfMonitoringSettings(BaseModel):
    """Which alerts workers raise about nerve itself, and for whom."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    enabled: bool = Field(True, description="Raise alerts about nerve, where the view `alerts` is served.")
    interval: float = Field(15.0, gt=0, description="Seconds between two checks.")
    max_lag: int = Field(
        10_000,
        ge=1,
        description="Positions that a view may be behind; its alert is resolved at half of them.",
    )
    tenant: str = Field("default", description="Tenant of the alerts that concern the whole deployment.")

    @field_validator("tenant")
    @classmethod
    def _check_tenant(cls, value: str) -> str:
        if not is_tenant(value):
            raise ValueError("must be the name of a tenant: letters, digits or . _ -")
        return value
