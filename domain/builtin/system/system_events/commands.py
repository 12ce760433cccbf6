"""Commands about system events."""

from __future__ import annotations

from pydantic import Field

from domain.builtin.system.categories import CategoryName
from domain.kernel import CreateCommand, Json, Name, Text
from domain.kernel.access import role
from domain.kernel.severity import Severity


class RecordSystemEvent(CreateCommand):
    """Records what happened in a program of the deployment."""

    access = role("system_reporter")

    severity: Severity
    category: CategoryName = Field(description="What it is about, in lower case, such as backup.")
    source: Name = Field(description="The program or the component that reports it.")
    message: Text = Field(description="What happened, for people; it must not contain personal data.")
    details: Json | None = Field(
        None, description="What happened, for programs; it must not contain personal data."
    )
