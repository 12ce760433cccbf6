"""The names of views in the API, which are those of their list queries."""

from __future__ import annotations

from collections.abc import Collection

from domain.builtin.deadletters.commands import DropDeadLetter, RetryDeadLetter
from domain.kernel import Command
from domain.kernel.names import declared_name


def with_stored_view(command: Command, views: Collection[str]) -> Command:
    """Return the command with the name of its view as events store it."""
    if isinstance(command, RetryDeadLetter | DropDeadLetter):
        return command.model_copy(update={"view": declared_name(command.view, views) or command.view})
    return command
