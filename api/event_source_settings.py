"""Settings of the sources of events from outside, the values below `event_sources` in `nerve.yaml`."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from api.webhook_secrets import check_webhook_secret
from domain.kernel import Scope
from domain.kernel.tenants import MAX_TENANT

EventSourceName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]


class EventSourceSettings(BaseModel):
    """A system outside that sends signed events."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    source: str = Field(min_length=1, description="The attribute `source` that its events must have.")
    secret: Annotated[SecretStr, AfterValidator(check_webhook_secret)] = Field(
        description="Verifies its signatures by Standard Webhooks: whsec_…"
    )
    tenant: str = Field(
        Scope().tenant,
        pattern=rf"^[A-Za-z0-9][A-Za-z0-9._-]{{0,{MAX_TENANT - 1}}}$",
        description="The tenant that its events are for.",
    )
    roles: tuple[str, ...] = Field((), description="The roles that it has when rules of access are checked.")
