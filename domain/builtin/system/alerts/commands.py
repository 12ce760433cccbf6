"""Commands about alerts. Services raise them, operators acknowledge and resolve them."""

from __future__ import annotations

import hashlib
from typing import Annotated, Self

from pydantic import Field, model_validator

from domain.builtin.system.categories import CategoryName
from domain.kernel import ChangeCommand, Json, Name, PutCommand, Text
from domain.kernel.access import role
from domain.kernel.severity import Severity

MAX_KEY = 120
"""Most characters of the key of an alert."""

AlertKey = Annotated[str, Field(pattern=rf"^[A-Za-z0-9._:-]{{1,{MAX_KEY}}}$")]
"""What an alert is identified by: all alerts of one key are one alert."""

ResourceName = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,100}$")]

Level = Annotated[float, Field(allow_inf_nan=False)]


_DIGEST = 32


def alert_key(*parts: str) -> str:
    """Return the key that is made of these parts; of a long one the beginning and a digest of all of it."""
    key = ":".join(parts)
    if len(key) <= MAX_KEY:
        return key
    digest = hashlib.sha256(key.encode()).hexdigest()[:_DIGEST]
    return f"{key[: MAX_KEY - _DIGEST - 1]}:{digest}"


def alert_id(key: str) -> str:
    """Return the id of the alert of a key."""
    return f"alert-{key}"


class RaiseAlert(PutCommand):
    """Raises an alert. An open alert of the same key is repeated, and a resolved one is open again.

    A higher severity opens an acknowledged alert again.
    """

    access = role("system_reporter")

    key: AlertKey = Field(description="Identifies the alert, such as lag:tasks.")
    severity: Severity
    category: CategoryName = Field(description="What it is about, in lower case, such as security.")
    message: Text = Field(description="What happened, for people; it must not contain personal data.")
    details: Json | None = Field(
        None, description="What happened, for programs; it must not contain personal data."
    )

    @property
    def target(self) -> str:
        """The stream of the alert."""
        return alert_id(self.key)


class RecordResourceLevel(PutCommand):
    """Raises an alert when the level of a resource is above `high`, and resolves it when below `low`.

    A level from `low` to `high` changes nothing, so a level that swings around one threshold raises one
    alert. The key of the alert is `resource:` with the name of the resource.
    """

    access = role("system_reporter")

    resource: ResourceName = Field(description="The name of the resource, such as disk:db-1.")
    level: Level = Field(description="How much of the resource is used.")
    high: Level = Field(description="The alert is raised above this level.")
    low: Level = Field(description="The alert is resolved below this level; at most `high`.")
    unit: Name | None = Field(None, description="The unit of the levels, such as %.")
    severity: Severity = Field(Severity.WARNING, description="The severity of the alert.")

    @model_validator(mode="after")
    def _check_thresholds(self) -> Self:
        if self.low > self.high:
            raise ValueError(
                "low must be at most high: the alert is raised above high and resolved below low"
            )
        return self

    @property
    def key(self) -> str:
        """The key of the alert."""
        return alert_key("resource", self.resource)

    @property
    def target(self) -> str:
        """The stream of the alert."""
        return alert_id(self.key)


class AcknowledgeAlert(ChangeCommand):
    """Acknowledges an open alert: somebody takes care of it. Without effect on an acknowledged one."""

    access = role("operator")

    note: Text | None = Field(None, description="What is done about it; it must not contain personal data.")


class ResolveAlert(ChangeCommand):
    """Resolves an alert. Without effect on a resolved one; NOT_FOUND if it was never raised."""

    access = role("operator", "system_reporter")

    reason: Text | None = Field(None, description="Why it is over; it must not contain personal data.")
