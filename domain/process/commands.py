"""Commands with which a person operates an instance of a process. Each is recorded with its reason. Pure."""

from __future__ import annotations

from pydantic import Field

from domain.kernel.access import role
from domain.kernel.command import ChangeCommand
from domain.kernel.fields import Text


class InstanceCommand(ChangeCommand):
    """A command for an instance of any process; its id leads to the process."""

    access = role("operator")

    reason: Text = Field(min_length=1, description="Why, for the record; it is kept.")


class RetryProcess(InstanceCommand):
    """Has a stuck process try again what failed, under the same ids."""


class ResumeProcess(InstanceCommand):
    """Has a stuck process go on without what failed, such as after it was done by hand."""


class CancelProcess(InstanceCommand):
    """Ends a process that has not ended yet."""

    compensate: bool = Field(False, description="Undo first what was done, in reverse order.")


INSTANCE_COMMANDS = (RetryProcess, ResumeProcess, CancelProcess)
